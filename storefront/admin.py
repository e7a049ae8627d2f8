"""The merchant's desk: what is on the shelf."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F
from django.db.models.functions import Greatest
from django.http import HttpRequest

from storefront.models import Category, Product
from storefront.money import format_money
from storefront.ops.spelling import folded
from storefront.uploads import Pictures, ProductForm, develop_uploads


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


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    form = ProductForm
    list_display = ("name", "price", "stock", "is_on_sale", "position")
    list_editable = ("is_on_sale", "position")
    search_fields = ("name",)  # shows the search box

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
        names = queryset.order_by().values_list("pk", "name")
        found = [pk for pk, name in names if all(word in folded(name) for word in words)]
        return queryset.filter(pk__in=found) if words else queryset, False

    @admin.display(ordering="price_cents")
    def price(self, product: Product) -> str:
        return format_money(product.price_cents)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        """Let the form send the stock that it showed: the database may have less by then."""
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field and db_field.name == "stock":
            field.show_hidden_initial = True
        return field

    def get_inlines(self, request: HttpRequest, obj: Product | None) -> list[Any]:
        return [Pictures] if obj and obj.pictures else []

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
        if "stock" in changed:
            shown = form.data[form.add_initial_prefix("stock")]
            _restock(obj, form.fields["stock"].to_python(shown))


def _restock(product: Product, shown: int | None) -> None:
    """Count by the difference from what the form showed, unless counting begins or ends."""
    row = Product.objects.filter(pk=product.pk)
    if shown is None or product.stock is None:
        row.update(stock=product.stock)
    else:
        row.update(stock=Greatest(F("stock") + (product.stock - shown), 0))
