"""Deletes what is no longer needed, in batches so small that no request waits long for one.

Deleted, once they are old enough: carts that no shopper touched, orders that were never paid
and can't be any more, events and messages about no order of this shop, and the e-mail addresses of
orders. With those goes where an order was sent to, or, if it still has to be sent, as soon as it
is.

Kept for ever: orders that money has touched (PAID, REFUNDED, REVIEW) with all their events, for
they are the merchant's books; PROCESSING orders, which the bank may pay yet; events that name a
missing order or need a look; and events whose follow-up is not done.

Deferred events wait for a payment, and none comes so late: what is left then belongs to another
application on the account at Stripe.

To delete an event's row harms nothing: the state of the order makes a second delivery harmless,
and Stripe delivers none after 30 days, before which nothing here is old.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from checkout.models import Message, Order, StripeEvent
from checkout.persons import NOWHERE, forget_elsewhere
from storefront.models import CartLine, Reservation

BATCH = 100
# For an address costs nothing, and each of its orders takes up to 40 KB.
KEEP_DEAD_ORDERS = timedelta(days=2)
MAY_BE_SENT = Q(
    status__in=(Order.Status.PROCESSING, Order.Status.PAID), needs_shipping=True, shipped_at=None
)
# On SQLite all writers wait for each other: the pause lets them through between two batches.
PAUSE_SECONDS = 0.05


@dataclass
class PurgeReport:
    """What a run deleted, and whether it came to the end."""

    cart_lines: int = 0
    orders: int = 0
    events: int = 0
    messages: int = 0
    emails: int = 0
    addresses: int = 0
    is_complete: bool = True

    def __str__(self) -> str:
        emails = f", and the e-mail addresses of {self.emails} old orders" if self.emails else ""
        sent = f", and where {self.addresses} old orders were sent" if self.addresses else ""
        return (
            f"Forgot {self.cart_lines} lines of old carts, {self.orders} orders that were never "
            f"paid and {self.events} events of no order{emails}{sent}"
            f"{'.' if self.is_complete else '; the next run goes on.'}"
        )


def purge(now: datetime, *, seconds: float = inf) -> PurgeReport:
    """Delete what is old enough and say how much it was; stop after so many `seconds`.

    Safe at any time, and twice at once: each row is deleted by one of the two.
    """
    report, until = PurgeReport(), time.monotonic() + seconds
    report.cart_lines = _in_batches(_purge_carts, now - settings.KEEP_CARTS, until)
    _forget_senders(now - KEEP_DEAD_ORDERS)
    report.orders = _in_batches(_purge_dead_orders, now - KEEP_DEAD_ORDERS, until)
    report.orders += _in_batches(_purge_orders, now - settings.KEEP_UNPAID_ORDERS, until)
    report.events = _in_batches(_purge_events, now - settings.KEEP_EVENTS, until)
    report.messages = _in_batches(_purge_messages, now - settings.KEEP_EVENTS, until)
    if settings.KEEP_EMAILS:
        before = now - settings.KEEP_EMAILS
        report.emails = _in_batches(_forget_emails, before, until)
        report.addresses = _in_batches(_forget_addresses, before, until)
    report.is_complete = time.monotonic() < until
    call_command("clearsessions")
    return report


def _in_batches(purge_some: Callable[[datetime], int], before: datetime, until: float) -> int:
    total = 0
    while time.monotonic() < until and (count := purge_some(before)):
        total += count
        time.sleep(PAUSE_SECONDS)
    return total


def _purge_carts(before: datetime) -> int:
    return _delete(CartLine.objects.filter(changed_at__lt=before).order_by("changed_at"))


def _forget_senders(before: datetime) -> None:
    """Forget where an order came from, if neither its payment nor its end was heard of."""
    is_over = ~Q(status=Order.Status.PENDING) | Q(attempt_at__lt=before)
    Order.objects.exclude(sender="").filter(is_over).update(sender="")


def _purge_dead_orders(before: datetime) -> int:
    return _delete_orders(dead_orders(before))


def _purge_orders(before: datetime) -> int:
    return _delete_orders(purgeable_orders(before))


@transaction.atomic
def _delete_orders(orders: QuerySet[Order]) -> int:
    """Delete orders that no payment holds: a locked one is left out of the batch.

    SQLite has no locks of rows and needs none: this transaction is the only one that writes.
    """
    rows = orders.select_for_update(skip_locked=True)
    keys = list(rows.order_by().values_list("pk", flat=True)[:BATCH])
    _, deleted = Order.objects.filter(pk__in=keys).delete()
    return deleted.get("checkout.Order", 0)


def dead_orders(before: datetime) -> QuerySet[Order]:
    """Return orders that nobody can pay: Stripe has said so, or no session was ever offered."""
    was_never_offered = Q(status=Order.Status.PENDING, session_id=None)
    return purgeable_orders(before).filter(Q(status=Order.Status.EXPIRED) | was_never_offered)


def purgeable_orders(before: datetime) -> QuerySet[Order]:
    """Return orders that no money has touched or can touch: all was quiet since `before`.

    A pending order may have been paid, with its event lost, unless Stripe was asked after the
    end of its session. An order with reservations has to release them first.
    """
    events = StripeEvent.objects.filter(order=OuterRef("pk"), received_at__gte=before)
    reservations = Reservation.objects.filter(order=OuterRef("pk"))
    is_settled = Q(status__in=(Order.Status.FAILED, Order.Status.EXPIRED))
    is_unknown_to_stripe = Q(session_id=None) | Q(asked_at__gt=F("session_expires_at"))
    return Order.objects.filter(
        is_settled | is_unknown_to_stripe,
        Q(session_expires_at=None) | Q(session_expires_at__lt=before),
        ~Exists(events),
        ~Exists(reservations),
        status__in=(Order.Status.PENDING, Order.Status.FAILED, Order.Status.EXPIRED),
        created_at__lt=before,
        attempt_at__lt=before,
        payment_intent="",
        review_reason="",
    )


@transaction.atomic
def _forget_emails(before: datetime) -> int:
    """Take the e-mail address out of orders that stay, and out of what was written to it.

    The merchant's note goes along, since it may name the person, and so do parcels' numbers; the
    phone number goes with the postal address, if there is one.
    """
    rows = Order.objects.filter(created_at__lt=before).exclude(email="").order_by("created_at")
    keys = list(rows.values_list("pk", flat=True)[:BATCH])
    Message.objects.forget(keys)
    forget_elsewhere(keys)
    Order.objects.filter(pk__in=keys, ship_to__isnull=True).update(phone="")
    return Order.objects.filter(pk__in=keys).update(email="", note="")


@transaction.atomic
def _forget_addresses(before: datetime) -> int:
    """Take the address out of orders that stay, unless they have to be sent there yet."""
    rows = Order.objects.filter(created_at__lt=before, ship_to__isnull=False).order_by("created_at")
    keys = list(rows.exclude(MAY_BE_SENT).values_list("pk", flat=True)[:BATCH])
    # Again, for it may have been paid since.
    rows = Order.objects.exclude(MAY_BE_SENT).filter(pk__in=keys)
    forget_elsewhere(rows.values_list("pk", flat=True))
    return rows.update(**NOWHERE)


def _purge_events(before: datetime) -> int:
    """Delete old events of no order, unless the merchant or the worker may still need them."""
    is_done = Q(follow_up="") | Q(follow_up_done_at__isnull=False)
    rows = StripeEvent.objects.filter(is_done, order=None, received_at__lt=before)
    kept = (StripeEvent.Outcome.UNMATCHED, StripeEvent.Outcome.REVIEW)
    return _delete(rows.exclude(outcome__in=kept).order_by("received_at"))


def _purge_messages(before: datetime) -> int:
    """Delete old messages of no order, such as of low stock, that wait no more."""
    is_over = Q(sent_at__isnull=False) | Q(due_at=None)
    old = Message.objects.filter(is_over, order=None, created_at__lt=before)
    return _delete(old.order_by("created_at"))


def _delete(rows: QuerySet[Any]) -> int:
    """Delete the first of the rows, unless they have changed since they were looked up."""
    keys = list(rows.values_list("pk", flat=True)[:BATCH])
    return rows.order_by().filter(pk__in=keys).delete()[0]
