"""The merchant's desk: what is on the shelf."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import F
from django.db.models.functions import Greatest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_safe

from storefront.countries import country_name
from storefront.exporting import COLUMNS, exported_products
from storefront.importing import Refused, import_products
from storefront.models import Category, Product, ShippingRate
from storefront.models.shipping_rate import countries_written
from storefront.money import format_money
from storefront.ops.spelling import folded
from storefront.uploads import OptionalRows, Pictures, ProductForm, develop_uploads

FEW_COUNTRIES = 4


class LabelledRow(forms.ModelForm):
    """A row of the list whose fields say, to who can't see the table, what they are."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            field.widget.attrs["aria-label"] = f"{field.label}: {self.instance}"


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    list_display = ("name", "position")
    list_editable = ("position",)

    def get_changelist_form(self, request: HttpRequest, **options: Any) -> Any:
        return super().get_changelist_form(request, **{"form": LabelledRow} | options)


class RateForm(forms.ModelForm):
    """A rate of delivery, whose countries may be pasted by name."""

    # All of them by name are longer than what is kept, which are their codes.
    countries = forms.CharField(
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 40, "class": "vLargeTextField"}),
        help_text="Codes such as DE AT CH, or names with commas between. Write * for every "
        "country that no other rate names.",
    )

    class Meta:
        help_texts = {
            "amount_cents": "In the smallest unit of the shop’s currency: 490 is $4.90, or ¥490. "
            "0 is free.",
        }
        error_messages = {
            "free_from_cents": {
                "min_value": "Leave it empty if it is never free, or make the price 0 if it "
                "always is."
            },
        }

    def clean_countries(self) -> str:
        return countries_written(self.cleaned_data["countries"])


@admin.register(ShippingRate)
class ShippingRateAdmin(admin.ModelAdmin):
    form = RateForm
    list_display = ("name", "leads_to", "price", "free_from", "days", "position", "is_on")
    list_editable = ("position", "is_on")

    def get_changelist_form(self, request: HttpRequest, **options: Any) -> Any:
        return super().get_changelist_form(request, **{"form": LabelledRow} | options)

    @admin.display(description="countries")
    def leads_to(self, rate: ShippingRate) -> str:
        """The first few by name."""
        if rate.is_everywhere:
            return "all that no other rate names"
        names = [country_name(code) for code in rate.codes]
        more = f" and {len(names) - FEW_COUNTRIES} more" if len(names) > FEW_COUNTRIES else ""
        return ", ".join(names[:FEW_COUNTRIES]) + more

    @admin.display(ordering="amount_cents")
    def price(self, rate: ShippingRate) -> str:
        return format_money(rate.amount_cents)

    @admin.display(ordering="free_from_cents", empty_value="never")
    def free_from(self, rate: ShippingRate) -> str | None:
        return format_money(rate.free_from_cents) if rate.free_from_cents else None

    @admin.display(empty_value="not said")
    def days(self, rate: ShippingRate) -> str:
        return rate.days


class ShowsItsStock:
    """A form that sends the stock which it showed: the database may have less by then."""

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **options)  # type: ignore[misc]
        if field and db_field.name == "stock":
            field.show_hidden_initial = True
        return field


class VariantRows(OptionalRows):
    """The kinds of a product, below its form; a new one is sent if the product is."""

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        options: dict[str, Any] = super().get_form_kwargs(index)
        if index is None or index >= self.initial_form_count():
            options["initial"] = {"needs_shipping": self.instance.needs_shipping}
        return options

    def clean(self) -> None:
        """Look at the rows together, and at the product that they come with."""
        super().clean()
        stay = [form for form in self.forms if form not in self.deleted_forms]
        words = [form.cleaned_data.get("variant") for form in stay if form.cleaned_data]
        if len(words) != len({*words}):
            raise ValidationError("Two kinds have the same words.")
        if words and self.instance.variant_of_id:
            raise ValidationError("This has variants, so it can't be a variant of another product.")


class Variants(ShowsItsStock, admin.TabularInline):
    model = Product
    fk_name = "variant_of"
    formset = VariantRows
    fields = ("variant", "price_cents", "stock", "needs_shipping", "is_on_sale", "position")
    extra = 1
    show_change_link = True
    verbose_name, verbose_name_plural = "kind", "kinds of it, each with its price and stock"


class ProductFile(forms.Form):
    file = forms.FileField(
        label="CSV file", help_text="Its columns: " + ", ".join(COLUMNS), widget=forms.FileInput
    )


@admin.register(Product)
class ProductAdmin(ShowsItsStock, admin.ModelAdmin):
    form = ProductForm
    fields = (
        *("name", "slug", "description", "price_cents", "tax_code", "picture"),
        *("is_on_sale", "stock", "needs_shipping", "position", "categories"),
        *("variant_of", "variant", "after_payment", "new_pictures", "what_they_show"),
    )
    list_display = ("full_name", "family", "price", "stock", "is_on_sale", "position")
    list_editable = ("is_on_sale", "position")
    list_select_related = ("variant_of",)
    raw_id_fields = ("variant_of",)
    search_fields = ("name",)  # shows the search box
    change_list_template = "admin/products.html"

    def get_inlines(self, request: HttpRequest, obj: Product | None) -> list[Any]:
        if not obj:
            return []
        pictures = [Pictures] if obj.uploaded_pictures.exists() else []
        return [*pictures, *([] if obj.variant_of_id else [Variants])]

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        files = [
            path("import/", wrap(self.import_view), name="storefront_product_import"),
            path("export/", wrap(require_safe(self.export_view)), name="storefront_product_export"),
        ]
        return [*files, *super().get_urls()]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Take a file as `import_products` does, or say why not."""
        if not (self.has_add_permission(request) and self.has_change_permission(request)):
            raise PermissionDenied
        form = ProductFile(request.POST or None, request.FILES or None)
        reasons: list[str] = []
        if request.method == "POST" and form.is_valid():
            try:
                imported = import_products(form.cleaned_data["file"].read())
            except Refused as refused:
                reasons = refused.reasons
            else:
                messages.success(request, str(imported))
                return redirect("admin:storefront_product_changelist")
        context = self.admin_site.each_context(request) | {"opts": self.opts, "title": "Import"}
        context |= {"form": form, "reasons": reasons}
        return render(request, "admin/import_products.html", context)

    def export_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        headers = {"Content-Disposition": 'attachment; filename="products.csv"'}
        # With its mark: Excel would take it for another encoding.
        text = exported_products().encode("utf-8-sig")
        return HttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)

    @admin.display(ordering="name", description="name")
    def full_name(self, product: Product) -> str:
        return product.full_name

    @admin.display(description="kind of", empty_value="")
    def family(self, product: Product) -> str | None:
        return product.variant_of.name if product.variant_of else None

    def view_on_site(self, product: Product) -> str | None:
        """Lead to its page, if it has one; a form that was refused may have emptied its address."""
        stored = Product.objects.on_sale().filter(pk=product.pk).first()
        return stored.get_absolute_url() if stored else None

    def get_changelist_form(self, request: HttpRequest, **options: Any) -> Any:
        return super().get_changelist_form(request, **{"form": LabelledRow} | options)

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Find all words in the names, in whatever case: SQLite folds no letters but ASCII's."""
        words = folded(search_term).split()
        names = queryset.order_by().values_list("pk", "name", "variant")
        texts = ((pk, folded(f"{name} {variant}")) for pk, name, variant in names)
        found = [pk for pk, text in texts if all(word in text for word in words)]
        return queryset.filter(pk__in=found) if words else queryset, False

    @admin.display(ordering="price_cents")
    def price(self, product: Product) -> str:
        return format_money(product.price_cents)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **options: Any
    ) -> Any:
        may_save = self.has_change_permission if object_id else self.has_add_permission
        if request.method == "POST" and may_save(request):
            develop_uploads(request)
        return super().changeform_view(request, object_id, *args, **options)

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Write what was changed and nothing else: a sale may have lowered the stock meanwhile."""
        changed = set(form.changed_data) if change else set()
        if not change:
            obj.save()
        elif columns := (changed - {"stock"}) & {field.name for field in obj._meta.concrete_fields}:
            obj.save(update_fields=columns)
        if "name" in changed:
            for kind in obj.variants.filter(name=form.initial["name"]):
                kind.name = obj.name
                kind.save(update_fields={"name"})
        if "stock" in changed:
            shown = form.data[form.add_initial_prefix("stock")]
            _restock(obj, form.fields["stock"].to_python(shown))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the rows of kinds as their own forms are saved."""
        if formset.model is not Product:
            super().save_formset(request, form, formset, change)
            return
        formset.save(commit=False)  # notes what there is to do, for the history
        for product in formset.deleted_objects:
            product.delete()
        for row in formset.forms:
            if row.has_changed() and row not in formset.deleted_forms:
                row.instance.name = row.instance.name or form.instance.name
                self.save_model(request, row.instance, row, row in formset.initial_forms)


def _restock(product: Product, shown: int | None) -> None:
    """Count by the difference from what the form showed, unless counting begins or ends."""
    row = Product.objects.filter(pk=product.pk)
    if shown is None or product.stock is None:
        row.update(stock=product.stock)
    else:
        row.update(stock=Greatest(F("stock") + (product.stock - shown), 0))
