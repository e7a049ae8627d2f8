"""Asks Stripe what it kept of each payment and what it pays out, once the order is paid.

Nothing waits for it: it is for the books alone. A key that may not read that is left in peace.
"""

import logging
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet

from checkout import reading
from checkout.gateway import failures, reads
from checkout.models import Heartbeat, Order

logger = logging.getLogger(__name__)

# What a round leaves, the next one asks about; the newest come first.
MOST, SECONDS = 50, 10
# Stripe has it a moment after the payment, now and then an hour later.
SOON, AGAIN = timedelta(minutes=1), timedelta(hours=1)
GIVE_UP = timedelta(days=30)
A_DAY = timedelta(days=1)
# By ISO 4217 no currency is involved: there is no fee to be known.
NO_CURRENCY = "xxx"


def fetch(now: datetime) -> int:
    """Fill in the fees of some orders, and return of how many."""
    if Heartbeat.has_been(Heartbeat.Name.NO_FEES, A_DAY):
        return 0
    until, found = time.monotonic() + SECONDS, 0
    try:
        for order in orders_in_turn(now):
            found += _fetch_of(order, now)
            if time.monotonic() > until:
                break
    except failures.NotAllowed as refusal:
        Heartbeat.beat(Heartbeat.Name.NO_FEES, now, str(refusal))
        logger.info("The key may not read Stripe's fees (%s), so they stay unknown.", refusal)
    except failures.StripeDown:
        pass  # the other questions of the round say so, and the next round goes on
    return found


def orders_in_turn(now: datetime) -> QuerySet[Order]:
    """Return the paid orders whose fee is not known, but for those that were just asked about."""
    was_not_asked = Q(asked_at=None) | Q(asked_at__lte=F("paid_at")) | Q(asked_at__lte=now - AGAIN)
    unknown = _unknown(Order.objects.filter(was_not_asked, paid_at__lte=now - SOON))
    fields = ("payment_intent", "session_id", "paid_at")
    return unknown.order_by("-paid_at", "pk").only(*fields)[:MOST]


def _unknown(rows: QuerySet[Order]) -> QuerySet[Order]:
    return rows.filter(fee_cents=None, settlement_currency="").exclude(payment_intent="")


def _fetch_of(order: Order, now: datetime) -> bool:
    """Ask about the order's payment; whether its fee is known then by this caller."""
    rows = _unknown(Order.objects.filter(pk=order.pk, payment_intent=order.payment_intent))
    try:
        told = reads.balance_transaction(order.payment_intent) if _is_ours(order) else None
    except failures.NotAllowed:
        raise
    except failures.StripeRefused as refusal:
        logger.info("Stripe tells no fee of order %s (%s).", order.pk, refusal)
        told = {}
    fee, net = reading.amount((told or {}).get("fee")), (told or {}).get("net")
    currency = reading.text((told or {}).get("currency"), 3)
    if fee is not None and type(net) is int and currency:
        return rows.update(fee_cents=fee, net_cents=net, settlement_currency=currency) == 1
    if told is None or (order.paid_at and order.paid_at < now - GIVE_UP):
        rows.update(settlement_currency=NO_CURRENCY)
    else:
        rows.update(asked_at=now)
    return False


def _is_ours(order: Order) -> bool:
    """Whether it was paid at Stripe in this mode; of others Stripe would know nothing."""
    mode = "cs_live_" if settings.STRIPE_LIVE_MODE else "cs_test_"
    return (order.session_id or "").startswith(mode)
