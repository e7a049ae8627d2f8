"""What a merchant does with several products at once."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize

from storefront.admin.product_form import CATEGORY_NAME
from storefront.duplicating import duplicate
from storefront.models import Category, Product
from storefront.money import changed_by, format_money, largest_charge
from storefront.ops.bidi import isolated
from storefront.selling import sold_among

MOST = 300
MOST_COPIES = 20
MOST_PERCENT = 1_000
PERCENT = re.compile(r"([+−-]?)\s*([0-9]{1,4})(?:[.,]([0-9]{1,2}))?\s*%?")


class PercentForm(forms.Form):
    percent = forms.CharField(
        label="Change by per cent",
        help_text="10 makes them dearer by a tenth, -10 cheaper.",
        widget=forms.TextInput({"size": 8, "autocomplete": "off"}),
    )

    def clean_percent(self) -> Decimal:
        text = self.cleaned_data["percent"]
        said = PERCENT.fullmatch(text)
        if not said:
            raise ValidationError(f"“{text[:40]}” is no percentage, such as 10, -10 or 2.5.")
        sign, whole, part = said.groups("0")
        percent = Decimal(f"{whole}.{part}") * (-1 if sign in ("-", "−") else 1)
        if not percent:
            raise ValidationError("That changes nothing: write 10, -10 or 2.5.")
        if percent < -100:
            raise ValidationError("A price can’t be below zero: -100 makes it free.")
        if percent > MOST_PERCENT:
            raise ValidationError(f"{MOST_PERCENT} is the most at once.")
        return percent


class CategoryForm(forms.Form):
    categories = forms.ModelMultipleChoiceField(
        Category.objects.all(), required=False, widget=forms.CheckboxSelectMultiple
    )
    new_category = forms.CharField(
        label="New category", required=False, max_length=CATEGORY_NAME.max_length
    )
    how = forms.ChoiceField(
        label="Put the products",
        choices=[
            ("add", "into these too"),
            ("set", "into these alone"),
            ("remove", "out of these"),
        ],
        initial="add",
        widget=forms.RadioSelect,
    )

    def clean_new_category(self) -> str:
        return " ".join(self.cleaned_data["new_category"].split())

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        name = said.get("new_category")
        if name and said.get("how") == "remove":
            self.add_error("new_category", "Nothing is in it yet that could be taken out.")
        elif not name and not said.get("categories") and not self.errors:
            self.add_error("categories", "Please tick one, or name a new one.")
        return said


class InBulk(admin.ModelAdmin):
    """The actions of the list."""

    actions = (
        *("put_on_sale", "take_off_sale", "change_prices"),
        *("set_category", "duplicate", "delete_selected"),
    )

    @admin.action(permissions=["change"], description="Put on sale")
    def put_on_sale(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._set_on_sale(request, queryset, on=True)

    @admin.action(permissions=["change"], description="Take off sale")
    def take_off_sale(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        self._set_on_sale(request, queryset, on=False)

    def _set_on_sale(self, request: HttpRequest, chosen: QuerySet[Product], *, on: bool) -> None:
        words = "put on sale" if on else "taken off sale"
        with transaction.atomic():
            others = _rows(chosen).filter(is_on_sale=not on)
            changed = list(others.order_by("pk").select_for_update(no_key=True))
            _rows(changed).update(is_on_sale=on)
            _note(request, changed, f"{words.capitalize()}.")
        messages.success(request, f"{_count(changed)} {words}.")

    @admin.action(permissions=["change"], description="Change the price by %%")
    def change_prices(
        self, request: HttpRequest, queryset: QuerySet[Product]
    ) -> HttpResponse | None:
        """Ask by how much, show what each price becomes, and write those that are as shown."""
        products = list(queryset[: MOST + 1])
        if len(products) > MOST:
            messages.warning(request, f"Choose up to {MOST} products at once.")
            return None
        form = PercentForm(request.POST if "percent" in request.POST else None)
        changes: list[tuple[Product, int]] = []
        if form.is_valid():
            percent = form.cleaned_data["percent"]
            changes = [(each, changed_by(percent, each.price_cents)) for each in products]
            most = largest_charge()
            if dear := [str(product) for product, cents in changes if cents > most]:
                words = f"More than {format_money(most)}, the most that Stripe takes, would cost "
                form.add_error("percent", words + ", ".join(dear))
                changes = []
            elif "confirmed" in request.POST:
                self._write_prices(request, products, percent)
                return None
        return self._ask(request, "prices", "Change prices", form, products, changes=changes)

    def _write_prices(
        self, request: HttpRequest, products: list[Product], percent: Decimal
    ) -> None:
        """Change each price that still is the one which the page showed."""
        changed, kept = 0, []
        with transaction.atomic():
            for product in sorted(products, key=lambda product: product.pk):
                shown = request.POST.get(f"price-{product.pk}", "")
                old = int(shown) if re.fullmatch("[0-9]{1,15}", shown) else -1
                row = Product.objects.filter(pk=product.pk, price_cents=old)
                new = changed_by(percent, product.price_cents)
                if old != product.price_cents or not row.update(price_cents=new):
                    kept.append(isolated(str(product)))
                    continue
                changed += 1
                words = f"Price from {format_money(old)} to {format_money(new)}."
                _note(request, [product], words)
        if changed:
            messages.success(request, f"{changed} price{pluralize(changed)} changed.")
        if kept:
            words = "Another hand has changed the price meanwhile, so it stays as that made it: "
            messages.warning(request, words + ", ".join(kept))

    @admin.action(permissions=["change"], description="Set category")
    def set_category(
        self, request: HttpRequest, queryset: QuerySet[Product]
    ) -> HttpResponse | None:
        products = list(queryset[: MOST + 1])
        if len(products) > MOST:
            messages.warning(request, f"Choose up to {MOST} products at once.")
            return None
        form = CategoryForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, "categories", "Set category", form, products)
        chosen, how = [*form.cleaned_data["categories"]], form.cleaned_data["how"]
        with transaction.atomic():
            if name := form.cleaned_data["new_category"]:
                chosen.append(Category.named(name))
            for product in products:
                getattr(product.categories, how)(*([chosen] if how == "set" else chosen))
            _note(request, products, f"Categories: {how} {', '.join(map(str, chosen))}.")
        messages.success(request, f"{_count(products)} changed.")
        return None

    @admin.action(permissions=["add"], description="Duplicate")
    def duplicate(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponse | None:
        products = list(queryset[: MOST_COPIES + 1])
        if len(products) > MOST_COPIES:
            messages.warning(request, f"Choose up to {MOST_COPIES} products at once.")
            return None
        with transaction.atomic():
            copies = [duplicate(product) for product in products]
            for copy in copies:
                self.log_addition(request, copy, "Duplicated.")
        names = ", ".join(isolated(str(copy)) for copy in copies)
        messages.success(request, f"Made, and off sale until you put them on it: {names}.")
        if len(copies) == 1:
            return redirect("admin:storefront_product_change", copies[0].pk)
        return None

    @admin.action(permissions=["delete"], description="Delete")
    def delete_selected(self, request: HttpRequest, queryset: QuerySet[Product]) -> Any:
        """Delete what was never sold; of the rest say what to do, and delete nothing."""
        if sold := sold_among(queryset):
            names = ", ".join(isolated(str(product)) for product in sold[:10])
            more = f" and {len(sold) - 10} more" if len(sold) > 10 else ""
            words = "Nothing was deleted. These were sold before: take them off sale instead: "
            messages.warning(request, f"{words}{names}{more}.")
            return None
        return delete_selected(self, request, queryset)

    def _ask(
        self,
        request: HttpRequest,
        page: str,
        title: str,
        form: forms.Form,
        products: list[Product],
        **context: Any,
    ) -> HttpResponse:
        """Show a page that asks on, and sends the chosen products along."""
        site, opts = self.admin_site, self.opts
        context |= site.each_context(request) | {"opts": opts, "title": title, "form": form}
        context |= {"products": products, "tick": helpers.ACTION_CHECKBOX_NAME}
        context["action"] = request.POST.get("action", "")
        return render(request, f"admin/storefront/product/{page}.html", context)


def _rows(products: Any) -> QuerySet[Product]:
    return Product.objects.filter(pk__in=[product.pk for product in products])


def _count(products: list[Product]) -> str:
    return f"{len(products)} product{pluralize(len(products))}"


def _note(request: HttpRequest, products: list[Product], words: str) -> None:
    """Let the history of each say what was done."""
    LogEntry.objects.log_actions(
        user_id=request.user.pk or 0, queryset=products, action_flag=CHANGE, change_message=words
    )
