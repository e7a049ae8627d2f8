"""The form of a product: how it is sold, and how many there are, in a merchant's words."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Sum

from storefront.admin.rows import KnowsWhatItShowed
from storefront.models import Category, Product, Reservation
from storefront.selling import sold_among
from storefront.uploads import OptionalRows, WithPictures

CATEGORY_NAME: Any = Category._meta.get_field("name")
NOT_COUNTED, COUNTED = "no", "yes"


class Status(models.TextChoices):
    FOR_SALE = "for_sale", "For sale"
    HIDDEN = "hidden", "Hidden: it has no page, and nobody can buy it"
    SOLD_OUT = "sold_out", "Sold out: it has its page, and none is left"


class ProductForm(KnowsWhatItShowed, WithPictures):
    told = ("name", "description", "after_payment")
    known = (*KnowsWhatItShowed.known, "status", "counts", "slug", "picture", "tax_code")

    status = forms.ChoiceField(choices=Status.choices, widget=forms.RadioSelect, required=False)
    categories = forms.ModelMultipleChoiceField(
        Category.objects.all(), required=False, widget=forms.CheckboxSelectMultiple
    )
    new_category = forms.CharField(
        label="New category",
        required=False,
        max_length=CATEGORY_NAME.max_length,
        help_text="Makes it, and puts the product into it.",
    )
    counts = forms.ChoiceField(
        label="Stock",
        choices=[(NOT_COUNTED, "I don’t count"), (COUNTED, "I have so many:")],
        widget=forms.RadioSelect,
        required=False,
    )

    def __init__(self, data: Any = None, *args: Any, **options: Any) -> None:
        if data is not None and "_off_sale" in data:
            data = data.copy()
            data["status"] = Status.HIDDEN
        super().__init__(data, *args, **options)
        self.initial.setdefault("status", self._stored_status())
        self.initial.setdefault("counts", NOT_COUNTED if self.instance.stock is None else COUNTED)
        if stock := self.fields.get("stock"):
            stock.label, stock.help_text = "How many", _reserved(self.instance)
        if self.instance.is_choice:
            status: Any = self.fields["status"]
            status.choices = Status.choices[:2]  # none of it is left if none of its kinds is

    def _stored_status(self) -> Status:
        if not self.instance.is_on_sale:
            return Status.HIDDEN
        is_sold_out = self.instance.stock == 0 and not self.instance.is_choice
        return Status.SOLD_OUT if is_sold_out else Status.FOR_SALE

    def sells_out(self) -> bool:
        is_new = "status" in self.changed_data
        return is_new and self.cleaned_data.get("status") == Status.SOLD_OUT

    @property
    def _is_to_sell_again(self) -> bool:
        was_sold_out = self.shown("status") == Status.SOLD_OUT
        return was_sold_out and self.cleaned_data.get("status") == Status.FOR_SALE

    def changes(self) -> set[str]:
        changed = super().changes()
        if "status" in changed:
            changed.add("is_on_sale")
        if "counts" in changed or self.sells_out():
            changed.add("stock")
        return changed

    def clean_new_category(self) -> str:
        return " ".join(self.cleaned_data["new_category"].split())

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if "stock" in data:
            self._agree_on_stock(data)
        if data.get("status"):
            self.instance.is_on_sale = data["status"] != Status.HIDDEN
        return data

    def _agree_on_stock(self, data: dict[str, Any]) -> None:
        """Let what was changed decide, where two answers don't fit each other."""
        changed = {*self.changed_data}
        if data.get("counts") == NOT_COUNTED and ("counts" in changed or "stock" not in changed):
            data["stock"] = None
        elif data.get("counts") == COUNTED and data["stock"] is None and not self.sells_out():
            self.add_error("stock", "Write how many you have, or choose “I don’t count”.")
        if self.sells_out():
            if "stock" in changed and data["stock"]:
                self.add_error("status", "Sold out means that none is left: write 0, or For sale.")
            data["stock"] = 0
        elif data.get("stock") == 0 and self._is_to_sell_again:
            self.add_error("stock", "Write how many you have, or choose “I don’t count”.")

    def _save_m2m(self) -> None:
        super()._save_m2m()
        if name := self.cleaned_data.get("new_category"):
            self.instance.categories.add(Category.named(name))


def _reserved(product: Product) -> str:
    """Say how many more are in orders that are not paid yet."""
    if product.is_choice:
        return "Each kind has its own, below."
    if product.stock is None:
        return ""
    held = Reservation.objects.filter(product=product.pk).aggregate(all=Sum("quantity"))["all"]
    if not held:
        return ""
    are = "is" if held == 1 else "are"
    return f"{held} {are} in somebody's payment right now, and not among these."


class VariantRows(OptionalRows):
    """The kinds of a product, below its form; a new one is sent if the product is."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        options: dict[str, Any] = super().get_form_kwargs(index)
        if index is None or index >= self.initial_form_count():
            options["initial"] = {"needs_shipping": self.instance.needs_shipping}
        return options

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].widget.attrs["aria-label"] = f"Delete {form.instance}"

    def clean(self) -> None:
        """Look at the rows together, and at the product that they come with."""
        super().clean()
        stay = [form for form in self.forms if form not in self.deleted_forms]
        words = [form.cleaned_data.get("variant") for form in stay if form.cleaned_data]
        if len(words) != len({*words}):
            raise ValidationError("Two kinds have the same words.")
        gone = [form.instance for form in self.deleted_forms if form.instance.pk]
        if sold := sold_among(gone):
            names = ", ".join(product.variant for product in sold)
            raise ValidationError(f"Sold before, so it stays: take it off sale instead: {names}.")
        if words and self.instance.variant_of_id:
            raise ValidationError("This has variants, so it can't be a variant of another product.")
