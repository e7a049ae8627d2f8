"""What one address may hold without paying: so many open orders, and half of what is counted.

A shopper is made up in no time, an address is not. Hundreds of honest shoppers may share one, so
the limits leave room for them. Of the address an order keeps a digest made with SECRET_KEY, and
only until its payment moves.
"""

import time
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from checkout import gateway
from checkout.models import Order
from checkout.requested import CannotOrder
from storefront.models import Reservation
from storefront.ops.addresses import networks_of
from storefront.ops.rate_limits import times_this_hour
from storefront.stock import SCARCE

# So few of a product anybody may have, or nobody could buy the last two.
FEW = 3
# Stripe itself ends no session before half an hour is over.
HOLDS_SCARCE_GOODS_FOR = timedelta(minutes=10)
MAX_CLOSED_PER_RUN = 50
# A cart that changes closes the order before it, so few are open however many are placed.
TURNS_AN_HOUR, LEAST_TURNS = 4, 200
TOO_MANY = (
    "Too many orders from your network are waiting for their payment. Nothing was charged. Please "
    "try again in some minutes."
)


def sender_of(request: HttpRequest) -> str:
    """Return what an order knows the sender by; nothing if addresses are not counted.

    With IPv6 that is the widest network that one customer may have: its parts count with it.
    """
    if not settings.OPEN_ORDERS_PER_ADDRESS:
        return ""
    *_, widest = networks_of(request)
    return salted_hmac("checkout.limits", widest, algorithm="sha256").hexdigest()[:32]


def refuse_a_flood(sender: str) -> None:
    """Raise CannotOrder if the address pressed Buy far too often within this hour."""
    most = max(LEAST_TURNS, TURNS_AN_HOUR * settings.OPEN_ORDERS_PER_ADDRESS)
    if sender and times_this_hour(f"orders/{sender}") > most:
        raise CannotOrder(TOO_MANY)


def refuse_too_many_orders(shopper: UUID, sender: str, now: datetime) -> None:
    """Raise CannotOrder if others at the address have so many orders open; one's own don't count.

    Orders that are placed at the same moment don't see each other: each process that serves may
    let a few more through.
    """
    others = _open_orders(now, sender=sender).exclude(shopper=shopper)
    if sender and others.count() >= settings.OPEN_ORDERS_PER_ADDRESS:
        raise CannotOrder(TOO_MANY)


def refuse_more_than_a_share(order: Order) -> None:
    """Raise CannotOrder if, with this order, its address holds more than half of a product.

    To be called after the reservation, in its transaction: until that ends nobody else can
    reserve these products, so what is counted stays true.
    """
    if not (order.sender and order.counts_stock):
        return
    of_others = Order.objects.filter(sender=order.sender, status=Order.Status.PENDING).exclude(
        pk=order.pk
    )
    own = Reservation.objects.filter(order=order.pk, product__stock__isnull=False)
    products = (
        Reservation.objects.filter(product__in=own.values("product"))
        .values("product__name", "product__stock")
        .annotate(
            reserved=Sum("quantity"),
            held=Sum("quantity", filter=Q(order__in=of_others.values("pk")), default=0),
            wanted=Sum("quantity", filter=Q(order=order.pk)),
        )
    )
    for product in products.order_by("product"):
        share = max(FEW, (product["product__stock"] + product["reserved"] + 1) // 2)
        if product["wanted"] > (room := share - product["held"]):
            raise CannotOrder(_words(product["product__name"], room))


def hoarded(now: datetime) -> QuerySet[Order]:
    """Return orders that hold the last goods, at addresses with several unpaid sessions."""
    scarce = Reservation.objects.filter(order=OuterRef("pk"), product__stock__lte=SCARCE)
    others = _open_orders(now, sender=OuterRef("sender"), session_id__isnull=False)
    return _open_orders(now, session_id__isnull=False).filter(
        Exists(scarce),
        Exists(others.exclude(pk=OuterRef("pk"))),
        attempt_at__lte=now - HOLDS_SCARCE_GOODS_FOR,
    )


def return_hoarded(now: datetime, until: float) -> int:
    """Close the sessions of such orders, so that others can buy the goods; return how many.

    Stripe closes a session first: what is being paid there stays reserved. `until` is a
    `time.monotonic()`; the next run goes on then.
    Raises failures.StripeDown or failures.StripeRefused.
    """
    closed = 0
    for order in hoarded(now).order_by("attempt_at")[:MAX_CLOSED_PER_RUN]:
        if time.monotonic() > until:
            break
        if gateway.close_session(str(order.session_id)):
            order.supersede(now)
            closed += 1
    return closed


def _open_orders(now: datetime, **conditions: object) -> QuerySet[Order]:
    """Return orders of known addresses that may still be paid."""
    is_new = Q(session_id=None, attempt_at__gt=now - settings.CHECKOUT_LIFETIME)
    orders = Order.objects.open().filter(Q(session_expires_at__gt=now) | is_new, **conditions)
    return orders.exclude(sender="")


def _words(name: str, room: int) -> str:
    if room > 0:
        return (
            f"So that others get some too, you can have {room} of {name} now. Lower its quantity "
            "to go on; once you have paid, you can order more."
        )
    return f"Others in your network are just buying {name}. Please try again in some minutes."
