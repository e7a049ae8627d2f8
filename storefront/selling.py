"""What the shelf has to know of orders: the checkout tells it, by its names in the settings."""

from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from storefront.models import Product

DAYS = 30
MOST_ORDERS = 1_000


def sold_among(products: Iterable[Product]) -> list[Product]:
    """Return those that were bought, or of which a kind was."""
    found = list(products)
    keys = {product.pk for product in found}
    kinds = Product.objects.filter(variant_of__in=keys).values_list("pk", "variant_of")
    family = {kind: parent for kind, parent in kinds if parent}
    sold: set[int] = import_string(settings.SOLD_AMONG)(keys | family.keys())
    sold |= {family[pk] for pk in sold & family.keys()}
    return [product for product in found if product.pk in sold]


def sold_lately(products: Iterable[Product]) -> dict[int, str]:
    """Return how many of each were sold in 30 days, or in the newest orders of these."""
    since = timezone.now() - timedelta(days=DAYS)
    pieces, is_all = import_string(settings.PIECES_SOLD)(since, MOST_ORDERS)
    of = "" if is_all else f" in the newest {MOST_ORDERS:,} orders"
    return {product.pk: f"{pieces.get(product.pk, 0)}{of}" for product in products}
