"""What the shelf has to know of orders; the checkout tells it (SOLD_AMONG in the settings)."""

from collections.abc import Iterable

from django.conf import settings
from django.utils.module_loading import import_string

from storefront.models import Product


def sold_among(products: Iterable[Product]) -> list[Product]:
    """Return those that were bought, or of which a kind was."""
    found = list(products)
    keys = {product.pk for product in found}
    kinds = Product.objects.filter(variant_of__in=keys).values_list("pk", "variant_of")
    family = {kind: parent for kind, parent in kinds if parent}
    sold: set[int] = import_string(settings.SOLD_AMONG)(keys | family.keys())
    sold |= {family[pk] for pk in sold & family.keys()}
    return [product for product in found if product.pk in sold]
