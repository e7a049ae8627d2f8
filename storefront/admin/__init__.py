"""The merchant's desk: what is on the shelf, and how it is delivered."""

from storefront.admin.products import ProductAdmin
from storefront.admin.rates import CategoryAdmin, ShippingRateAdmin

__all__ = ["CategoryAdmin", "ProductAdmin", "ShippingRateAdmin"]
