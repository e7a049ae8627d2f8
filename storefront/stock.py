"""Stock: put aside when an order is placed, sold when it is paid, given back when it isn't.

Products without a number are not counted. Whoever changes several products does so in their
order, so that two carts can't wait for each other.
"""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.db.models import F

from storefront.models import Product, Reservation


class SoldOut(Exception):
    """Fewer are left than wanted; nothing was put aside."""

    def __init__(self, product: Product) -> None:
        super().__init__(product)
        self.product = product


def reserve(order: UUID, shopper: UUID, wanted: Iterable[tuple[Product, int]]) -> None:
    """Reservation the counted products for an order, all or none.

    Raises SoldOut, and IntegrityError if they are held for this order already.
    """
    counted = [(product, quantity) for product, quantity in wanted if product.stock is not None]
    if not counted:
        return
    with transaction.atomic():
        for product, quantity in sorted(counted, key=lambda line: line[0].pk):
            Reservation.objects.create(
                order=order, shopper=shopper, product=product, quantity=quantity
            )
            left = Product.objects.filter(pk=product.pk, stock__gte=quantity)
            if left.update(stock=F("stock") - quantity) != 1:
                raise SoldOut(product)


def commit(order: UUID) -> bool:
    """Let what was put aside go for good. False if nothing is put aside any more."""
    return Reservation.objects.filter(order=order).delete()[0] > 0


@transaction.atomic
def release(order: UUID) -> None:
    """Return what is put aside to the shelf; of two who try, each line has one winner."""
    for reservation in Reservation.objects.filter(order=order).order_by("product_id"):
        if Reservation.objects.filter(pk=reservation.pk).delete()[0]:
            shelf = Product.objects.filter(pk=reservation.product_id, stock__isnull=False)
            shelf.update(stock=F("stock") + reservation.quantity)
