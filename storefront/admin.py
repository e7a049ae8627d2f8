"""The merchant's desk: what is on the shelf."""

from typing import Any

from django.contrib import admin
from django.db.models import F
from django.db.models.functions import Greatest
from django.http import HttpRequest

from storefront.models import Product
from storefront.money import format_money


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("name", "price", "stock", "is_on_sale", "position")
    list_editable = ("is_on_sale", "position")
    search_fields = ("name",)

    @admin.display(ordering="price_cents")
    def price(self, product: Product) -> str:
        return format_money(product.price_cents)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **options: Any) -> Any:
        """Let the form send the stock that it showed: the database may have less by then."""
        field = super().formfield_for_dbfield(db_field, request, **options)
        if field and db_field.name == "stock":
            field.show_hidden_initial = True
        return field

    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        """Write what was changed and nothing else: a sale may have lowered the stock meanwhile."""
        changed = set(form.changed_data) if change else set()
        if not change:
            obj.save()
        elif changed - {"stock"}:
            obj.save(update_fields=changed - {"stock"})
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
