"""Does what has to happen outside the database because of an event: after its commit, once.

A row is claimed by one conditional UPDATE before anything is done, so that two workers don't
do it twice. A failure is tried again later. A worker that dies in the middle leaves the claim:
whether it was done is unknown then, and for the shopper's sake it isn't done again.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import F

from checkout.models import Order, StripeEvent
from storefront.money import format_money
from storefront.ops import logs

logger = logging.getLogger(__name__)

BATCH = 100
LONGEST_WAIT = timedelta(hours=6)


def log_payment(order: Order) -> None:
    logger.info(
        "Order %s is paid: %s.", order.reference, format_money(order.total_cents, order.currency)
    )


HANDLERS: dict[str, Callable[[Order], None]] = {StripeEvent.FollowUp.ORDER_PAID: log_payment}


def send_due(now: datetime) -> int:
    """Do what is due and return how many things were done."""
    # Neither by id alone nor joined with the orders: planners can't know how few events are due,
    # and would go through all events for the one, and through all orders for the other.
    in_turn = F("follow_up_after").asc(nulls_first=True)
    due, done = StripeEvent.objects.due(now).order_by(in_turn, "id"), 0
    while sent := sum(_send(event, now) for event in due[:BATCH]):
        done += sent
    return done


def stuck(now: datetime) -> int:
    """Return how many were begun and not finished within a quarter of an hour."""
    begun = StripeEvent.objects.exclude(follow_up="").filter(follow_up_done_at=None)
    return begun.filter(follow_up_claimed_at__lt=now - timedelta(minutes=15)).count()


def _send(event: StripeEvent, now: datetime) -> bool:
    row = StripeEvent.objects.filter(pk=event.pk)
    if not event.order or not row.due(now).update(follow_up_claimed_at=now):
        return False
    try:
        with logs.log_context(order=str(event.order.pk), event=event.event_id):
            HANDLERS[event.follow_up](event.order)
    except Exception:
        logger.exception("Could not %s for order %s; trying later.", event.follow_up, event.order)
        wait = min(timedelta(minutes=1) * 2 ** min(event.follow_up_tries, 10), LONGEST_WAIT)
        row.update(
            follow_up_claimed_at=None,
            follow_up_tries=F("follow_up_tries") + 1,
            follow_up_after=now + wait,
        )
        return False
    row.update(follow_up_done_at=now)
    return True
