"""The list of products: what each looks like, costs and has left, with the fields to change it."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Exists, OuterRef, Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.utils.html import format_html

from storefront.admin.rows import LabelledList
from storefront.models import Product
from storefront.money import format_money
from storefront.ops.spelling import folded
from storefront.pictures import Picture, show_pictures
from storefront.selling import DAYS, sold_lately


class Page(ChangeList):
    """A page of the list, which reads what belongs to its products at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        shown = list(self.result_list)
        show_pictures(shown)
        prefetch_related_objects(shown, "categories")
        sold = sold_lately(shown)
        for product in shown:
            vars(product)["sold_lately"] = sold[product.pk]


class ByStatus(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [
            ("for-sale", "For sale"),
            ("hidden", "Hidden"),
            ("sold-out", "Sold out"),
            ("no-picture", "No picture"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        own = Picture.objects.filter(product=OuterRef("pk"))
        of_family = Picture.objects.filter(product=OuterRef("variant_of"))
        has_a_file = ~Q(picture="") | (Q(variant_of__isnull=False) & ~Q(variant_of__picture=""))
        match self.value():
            case "for-sale":
                return queryset.filter(is_on_sale=True).exclude(stock=0)
            case "hidden":
                return queryset.filter(is_on_sale=False)
            case "sold-out":
                return queryset.filter(is_on_sale=True, stock=0)
            case "no-picture":
                return queryset.exclude(has_a_file | Exists(own) | Exists(of_family))
        return queryset


class ListedProducts(LabelledList, admin.ModelAdmin):
    list_display = (
        *("thumbnail", "full_name", "shelf"),
        *("price_cents", "stock", "is_on_sale", "sold_lately", "position"),
    )
    list_display_links = ("full_name",)
    list_editable = ("price_cents", "stock", "is_on_sale", "position")
    list_filter = (ByStatus, "categories")
    list_select_related = ("variant_of",)
    search_fields = ("name",)  # shows the search box
    # In words, for who may look at products and no more.
    seen = ("full_name", "shelf", "price", "in_stock", "is_on_sale", "description")

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return Page

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        if self.has_change_permission(request):
            return self.list_display
        return ("thumbnail", "full_name", "shelf", "price", "in_stock", "is_on_sale", "sold_lately")

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Find all words in the names, in whatever case: SQLite folds no letters but ASCII's."""
        words = folded(search_term).split()
        names = queryset.order_by().values_list("pk", "name", "variant")
        texts = ((pk, folded(f"{name} {variant}")) for pk, name, variant in names)
        found = [pk for pk, text in texts if all(word in text for word in words)]
        return queryset.filter(pk__in=found) if words else queryset, False

    @admin.display(description="picture")
    def thumbnail(self, product: Product) -> str:
        address = product.pictures[0].smallest if product.pictures else product.picture_url
        if not address:
            return "no picture"
        return format_html('<img src="{}" alt="" width="64" height="48" loading="lazy">', address)

    @admin.display(ordering="name", description="name")
    def full_name(self, product: Product) -> str:
        return product.full_name

    @admin.display(description="categories", empty_value="")
    def shelf(self, product: Product) -> str:
        family = f"kind of {product.variant_of.name}" if product.variant_of else ""
        return ", ".join(filter(None, [family, *map(str, product.categories.all())]))

    @admin.display(description=f"sold in {DAYS} days")
    def sold_lately(self, product: Product) -> str:
        return str(vars(product).get("sold_lately", ""))

    @admin.display(ordering="price_cents")
    def price(self, product: Product) -> str:
        return format_money(product.price_cents)

    @admin.display(ordering="stock", description="stock")
    def in_stock(self, product: Product) -> str:
        return "not counted" if product.stock is None else str(product.stock)
