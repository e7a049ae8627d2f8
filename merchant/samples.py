"""One message of each kind, to be looked at before there is a real one."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from checkout.models import Message, Order, OrderItem
from merchant.models import Parcel

Kind = Message.Kind

STATUSES = {
    Kind.ORDER_PROCESSING: Order.Status.PROCESSING,
    Kind.PAYMENT_FAILED: Order.Status.FAILED,
    Kind.REVIEW: Order.Status.REVIEW,
}
OF_THE_SHOP = (Kind.LOW_STOCK, Kind.BOOKS_DIFFER)


@contextmanager
def sample(kind: Kind) -> Iterator[Message]:
    """Make a message with its order, and nothing that stays."""
    with transaction.atomic():
        order = None if kind in OF_THE_SHOP else _order(kind)
        about = _parcel(order) if order and kind == Kind.ORDER_SHIPPED else _about(kind)
        to = settings.MERCHANT_MAIL if kind.startswith("merchant_") else "ada@example.com"
        yield Message.objects.create(
            kind=kind, order=order, key=f"{kind}/sample/1", to=to, about=about
        )
        transaction.set_rollback(True)


def _order(kind: Kind) -> Order:
    now, status = timezone.now(), STATUSES.get(kind, Order.Status.PAID)
    money: dict[str, Any] = {"shipping_cents": 490, "tax_cents": 586, "total_cents": 3_668}
    if status == Order.Status.PAID:
        money |= {"paid_at": now, "received_cents": 3_668}
    if kind == Kind.ORDER_REFUNDED:
        money |= {"refunded_cents": 1_589}
    order = Order.objects.create(
        shopper=uuid4(),
        status=status,
        currency=settings.CURRENCY,
        email="ada@example.com",
        country="DE",
        offer={
            "shipping": [{"name": "Parcel", "cents": 490, "least": 2, "most": 4}],
            "tax": "inclusive",
        },
        shipping_name="Ada Lovelace",
        ship_to={
            "line1": "12 St James’s Square",
            "postal_code": "10115",
            "city": "Berlin",
            "country": "DE",
        },
        created_at=now,
        **money,
    )
    for quantity, name, cents in ((2, "Tea, green", 1_589 // 2), (1, "A cup", 1_590)):
        OrderItem.objects.create(order=order, name=name, unit_price_cents=cents, quantity=quantity)
    return order


def _parcel(order: Order) -> dict[str, Any]:
    parcel = Parcel.objects.create(
        order=order, carrier="DHL", number="00340434161094042557", url="https://www.dhl.de/"
    )
    return {"parcel": parcel.pk}


def _about(kind: Kind) -> dict[str, Any]:
    due_by = timezone.now() + timedelta(days=7)
    books = "books and Stripe differ in 1: order K7M2-PQ4X has paid 36.68, and Stripe 36.66"
    abouts: dict[Kind, dict[str, Any]] = {
        Kind.ORDER_REFUNDED: {"cents": 1_589},
        Kind.REFUND_FAILED: {"cents": 1_589},
        Kind.REVIEW: {"reason": "Money arrived in cs_test_1, but the currency is not eur."},
        Kind.DISPUTE: {"cents": 3_668, "due_by": due_by.isoformat()},
        Kind.LOW_STOCK: {"product": 1, "name": "A cup", "left": 2},
        Kind.BOOKS_DIFFER: {"words": books},
    }
    return abouts.get(kind, {})
