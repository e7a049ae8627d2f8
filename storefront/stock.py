"""Stock: reserved when an order is placed, sold when it is paid, released when it isn't.

A product without a number is not counted. A caller that changes several products does so in the
order of their ids, so that two carts can't wait for each other.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from storefront.models import Product, Reservation

SCARCE = 5
"""So few are named on the page, and are worth a hurry."""


class SoldOut(Exception):
    """Fewer are left than requested; nothing was reserved."""

    def __init__(self, product: Product) -> None:
        super().__init__(product)
        self.product = product


def reserve(order: UUID, shopper: UUID, items: Iterable[tuple[Product, int]]) -> None:
    """Reserve the counted products for an order, all or none.

    Raises SoldOut, and IntegrityError if the order has reserved them already.
    """
    counted = [(product, quantity) for product, quantity in items if product.stock is not None]
    if not counted:
        return
    with transaction.atomic():
        for product, quantity in sorted(counted, key=lambda item: item[0].pk):
            Reservation.objects.create(
                order=order, shopper=shopper, product=product, quantity=quantity
            )
            left = Product.objects.filter(pk=product.pk, stock__gte=quantity)
            if left.update(stock=F("stock") - quantity) != 1:
                raise SoldOut(product)


def commit(order: UUID) -> bool:
    """Turn the order's reservations into a sale. False if it has none any more."""
    return Reservation.objects.filter(order=order).delete()[0] > 0


@transaction.atomic
def release(order: UUID) -> None:
    """Return what the order reserved to the shelf; of two callers, each line has one winner."""
    for reservation in Reservation.objects.filter(order=order).order_by("product_id"):
        if Reservation.objects.filter(pk=reservation.pk).delete()[0]:
            counted = Product.objects.filter(pk=reservation.product_id, stock__isnull=False)
            counted.update(stock=F("stock") + reservation.quantity)


def put_back(pieces: Mapping[int, int]) -> None:
    """Return what was sold to the shelf: so many of each product, by its id."""
    for product, quantity in sorted(pieces.items()):
        counted = Product.objects.filter(pk=product, stock__isnull=False)
        counted.update(stock=F("stock") + quantity)


def recount(product: Product, shown: int | None) -> None:
    """Count by the difference from what a form showed, unless counting begins or ends."""
    row = Product.objects.filter(pk=product.pk)
    if shown is not None and product.stock is not None:
        more = F("stock") + (product.stock - shown)
        if row.filter(stock__isnull=False).update(stock=Greatest(more, 0)):
            return
    row.update(stock=product.stock)
