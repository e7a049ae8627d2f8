"""Deletes what nobody needs any more, in batches so small that nobody waits long for one.

Gone, once they are old enough: carts that nobody touched, orders that were never paid and can't
be any more, and events about no order of ours.

Kept for ever: orders that money has touched (PAID, REFUNDED, REVIEW) with all that was heard of
them, for they are the merchant's books; PROCESSING ones, which the bank may pay yet; events
that name an order which isn't here or need a look, refunds and disputes that wait for their
payment, and events whose follow-up is not done.

That an event's row is gone harms nothing: the state of the order makes a second delivery
harmless, and Stripe delivers none after 30 days, before which nothing here is old.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import transaction
from django.db.models import QuerySet

from checkout.models import Order, StripeEvent
from storefront.models import CartLine

BATCH = 100
# On SQLite all who write wait for each other: let them through between two batches.
PAUSE_SECONDS = 0.05


@dataclass
class PurgeReport:
    """What a run deleted, and whether it came to the end."""

    cart_lines: int = 0
    orders: int = 0
    events: int = 0
    is_complete: bool = True

    def __str__(self) -> str:
        return (
            f"Forgot {self.cart_lines} lines of old carts, {self.orders} orders that were never "
            f"paid and {self.events} events of no order"
            f"{'.' if self.is_complete else '; the next run goes on.'}"
        )


def purge(now: datetime, *, seconds: float = inf) -> PurgeReport:
    """Delete what is old enough and say how much it was; stop after so many `seconds`.

    Safe at any time, and twice at once: each row is deleted by one of the two.
    """
    report, until = PurgeReport(), time.monotonic() + seconds
    report.cart_lines = _in_batches(_purge_carts, now - settings.KEEP_CARTS, until)
    report.orders = _in_batches(_purge_orders, now - settings.KEEP_UNPAID_ORDERS, until)
    report.events = _in_batches(_purge_events, now - settings.KEEP_EVENTS, until)
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


@transaction.atomic
def _purge_orders(before: datetime) -> int:
    """Whoever pays at this moment has the row: it is left out, or they wait and find none.

    SQLite has no locks of rows and needs none: this transaction is the only one that writes.
    """
    over = Order.objects.purgeable(before).select_for_update(skip_locked=True)
    keys = list(over.order_by().values_list("pk", flat=True)[:BATCH])
    _, deleted = Order.objects.filter(pk__in=keys).delete()
    return deleted.get("checkout.Order", 0)


def _purge_events(before: datetime) -> int:
    return _delete(StripeEvent.objects.purgeable(before).order_by("received_at"))


def _delete(rows: QuerySet[Any]) -> int:
    """Delete the first of the rows, unless they have changed since they were looked up."""
    keys = list(rows.values_list("pk", flat=True)[:BATCH])
    return rows.order_by().filter(pk__in=keys).delete()[0]
