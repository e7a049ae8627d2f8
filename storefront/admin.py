"""The merchant's desk: what is on the shelf."""

from django.contrib import admin

from storefront.models import Product
from storefront.money import written


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    list_display = ("name", "price", "is_on_sale", "position")
    list_editable = ("is_on_sale", "position")
    search_fields = ("name",)

    @admin.display(ordering="price_cents")
    def price(self, product: Product) -> str:
        return written(product.price_cents)
