"""What is on the shelf and in the carts, how it is delivered, and which shop this is."""

from storefront.logos import LogoFile
from storefront.models.cart import MAX_QUANTITY, CartLine, CartLineQuerySet, Reservation
from storefront.models.category import Category, free_slug
from storefront.models.product import LONGEST_NAME, Product, ProductQuerySet, read_kinds
from storefront.models.shipping_rate import ShippingRate
from storefront.models.shop import Shop, shop_zone

__all__ = [
    "LONGEST_NAME",
    "MAX_QUANTITY",
    "CartLine",
    "CartLineQuerySet",
    "Category",
    "LogoFile",
    "Product",
    "ProductQuerySet",
    "Reservation",
    "ShippingRate",
    "Shop",
    "free_slug",
    "read_kinds",
    "shop_zone",
]
