"""Marks orders as shipped. It is no payment state: nothing here touches `status`."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.formats import date_format
from django.utils.timezone import localtime

from checkout.models import Order, OrderQuerySet
from merchant.models import Parcel

UNDO_WITHIN = timedelta(minutes=10)


class NotShipped(Exception):
    """The order stays as it is; the message says why."""


def orders_to_ship() -> OrderQuerySet:
    """Return the orders that wait to be sent, the one that was paid first in front."""
    paid = Order.objects.filter(status=Order.Status.PAID, needs_shipping=True, shipped_at=None)
    return paid.order_by("paid_at", "pk")


@transaction.atomic
def ship(order: Order, parcel: Parcel, now: datetime) -> None:
    """Mark the order as shipped in this parcel; of two callers, one wins."""
    if orders_to_ship().filter(pk=order.pk).update(shipped_at=now) != 1:
        raise NotShipped(_why_not(order))
    parcel.order, parcel.shipped_at = order, now
    parcel.save()


@transaction.atomic
def add_parcel(order: Order, parcel: Parcel, shown: str, now: datetime) -> None:
    """Add a parcel to an order that is shipped, unless it has more of them than were `shown`."""
    if not order.lock(shipped_at__isnull=False):
        raise NotShipped(f"Order {order.reference} is not shipped yet.")
    if str(Parcel.objects.filter(order=order).count()) != shown:
        raise NotShipped(f"Another parcel of order {order.reference} was added meanwhile.")
    parcel.order, parcel.shipped_at = order, now
    parcel.save()


@transaction.atomic
def undo(order: Order, now: datetime) -> None:
    """Let the order wait again, and forget its parcels, while it has not been shipped for long."""
    rows = Order.objects.filter(pk=order.pk, shipped_at__gt=now - UNDO_WITHIN)
    if rows.update(shipped_at=None) != 1:
        minutes = UNDO_WITHIN.seconds // 60
        raise NotShipped(f"Only what was shipped in the last {minutes} minutes can be undone.")
    Parcel.objects.filter(order=order).delete()


def can_be_undone(order: Order, now: datetime) -> bool:
    return bool(order.shipped_at and order.shipped_at > now - UNDO_WITHIN)


def _why_not(order: Order) -> str:
    order.refresh_from_db()
    if order.shipped_at:
        moment = date_format(localtime(order.shipped_at), "DATETIME_FORMAT")
        return f"Order {order.reference} was marked as shipped already, on {moment}."
    if order.status != Order.Status.PAID:
        return f"Order {order.reference} is not to be shipped: {order.get_status_display()}."
    return f"Order {order.reference} needs no delivery."
