"""What happens to money that had arrived: refunds, failed refunds and disputes.

They map back by the stored PaymentIntent. News that comes before the payment's own event is
parked with its event and told once the order knows its payment, so that none is lost.
"""

import logging
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from checkout import reading
from checkout.event_result import EventResult, Outcome
from checkout.lifecycle import MOVES, Fact
from checkout.models import Order, Refund, StripeEvent
from checkout.reading import Json
from storefront.ops import logs

logger = logging.getLogger("checkout.events")

BESIDE = "money beside the order"
# How a dispute can end, and what replaces what: an appeal may win one that was lost.
RESULTS = {"lost": 1, "won": 2, "prevented": 2, "warning_closed": 2}
GONE = ("lost", "prevented")
KEPT = ("id", "payment_intent", "amount", "amount_refunded", "currency", "status", "created")


def charge_refunded(event: Json, charge: Json) -> EventResult:
    return _tell(event, charge, _note_running_total)


def refund_changed(event: Json, refund: Json) -> EventResult:
    return _tell(event, refund, _note_refund)


def dispute_changed(event: Json, dispute: Json) -> EventResult:
    return _tell(event, dispute, _note_dispute)


HANDLERS = {
    "charge.refunded": charge_refunded,
    "charge.refund.updated": refund_changed,
    "refund.created": refund_changed,
    "refund.updated": refund_changed,
    "refund.failed": refund_changed,
    "charge.dispute.created": dispute_changed,
    "charge.dispute.updated": dispute_changed,
    "charge.dispute.closed": dispute_changed,
}


def apply_deferred(order: Order, payment_intent: str) -> None:
    """Tell an order that has just learned its payment what had come too early."""
    for row in StripeEvent.objects.parked(payment_intent).order_by("created", "id"):
        event: dict[str, Any] = row.parked or {}
        result = HANDLERS[row.type](event, event["data"]["object"])
        StripeEvent.objects.filter(pk=row.pk).update(
            order=order, outcome=result.outcome, note=result.note, parked=None
        )


def unlinked_payments(payment_intents: Any) -> QuerySet[StripeEvent]:
    """The events by which payments came in beside an order, which has another one or none."""
    came = StripeEvent.objects.filter(outcome=Outcome.REVIEW, order__isnull=False)
    return came.filter(payment_intent__in=payment_intents).select_related("order")


def flag_unlinked(order: Order, payment_intent: str) -> None:
    """Flag on an order what had come too early of a payment beside its own."""
    parked = StripeEvent.objects.parked(payment_intent)
    for kind in parked.order_by("created", "id").values_list("type", flat=True):
        order.flag(_unlinked_update(payment_intent, kind))
    parked.update(order=order, outcome=Outcome.REVIEW, note=BESIDE, parked=None)


def _unlinked_update(payment_intent: str, kind: object) -> str:
    return f"News of {payment_intent}: {kind}, see its events."


def _tell(event: Json, thing: Json, note: Any) -> EventResult:
    intent = reading.identifier(thing.get("payment_intent"))
    if not intent:
        return EventResult(Outcome.IGNORED, note="Nothing that a PaymentIntent refers to.")
    # Several rows make the sum, so whoever adds them up holds the order's row. SQLite has one
    # writer at a time, and PostgreSQL locks here.
    order = Order.objects.select_for_update().filter(payment_intent=intent).first()
    if order is None:
        return _defer(event, thing, intent)
    logs.bind(order=str(order.pk))
    currency = thing.get("currency")
    if currency is not None and currency != order.currency:
        order.flag(f"News of {intent} is in another currency than {order.currency}.")
        return EventResult(Outcome.REVIEW, order, "another currency", intent)
    has_changed = note(order, thing, reading.moment(event.get("created")) or timezone.now())
    return EventResult(Outcome.APPLIED if has_changed else Outcome.NO_CHANGE, order, "", intent)


def _defer(event: Json, thing: Json, intent: str) -> EventResult:
    """Park it, unless the money came in beside an order: then that order tells of it."""
    stray = unlinked_payments([intent]).first()
    if stray and stray.order:
        stray.order.flag(_unlinked_update(intent, event.get("type")))
        return EventResult(Outcome.REVIEW, stray.order, BESIDE, intent)
    kept = {name: _plain(thing.get(name)) for name in KEPT}
    parked = {
        "type": event.get("type"),
        "created": _plain(event.get("created")),
        "data": {"object": kept},
    }
    return EventResult(Outcome.IGNORED, None, "", intent, parked=parked)


def _note_running_total(order: Order, charge: Json, at: datetime) -> bool:
    """The charge tells how much has gone back so far; an older telling is no news."""
    total = reading.amount(charge.get("amount_refunded"))
    known = (order.charge_refunded_at or at, order.charge_refunded_cents)
    if total is None or (at, total) < known:
        return False
    order.charge_refunded_at, order.charge_refunded_cents = at, total
    return _settle_refunds(order, has_changed=known[1] != total)


def _note_refund(order: Order, refund: Json, at: datetime) -> bool:
    """A refund counts by its id, however often it is told, until it fails for good."""
    refund_id, cents = reading.identifier(refund.get("id")), reading.amount(refund.get("amount"))
    if not refund_id or cents is None:
        return False
    made_at = reading.moment(refund.get("created")) or at
    row, _ = Refund.objects.get_or_create(
        refund_id=refund_id, defaults={"order": order, "amount_cents": cents, "made_at": made_at}
    )
    if refund.get("status") in ("failed", "canceled"):
        Refund.objects.filter(pk=row.pk, failed_at=None).update(failed_at=at)
    return _settle_refunds(order)


def _settle_refunds(order: Order, *, has_changed: bool = False) -> bool:
    """Work out what has gone back, from everything told so far, and where that leads."""
    received = order.received_cents or order.total_cents
    refunded = min(_refunded(order), received)
    has_changed = has_changed or refunded != order.refunded_cents
    fact = Fact.REFUNDED
    if refunded < received:
        fact = Fact.REVIEW_REOPENED if order.was_reviewed else Fact.REFUND_UNDONE
    before = Order.Status(order.status)
    after = MOVES[fact].get(before, before)
    Order.objects.filter(pk=order.pk, status=before).update(
        status=after,
        refunded_cents=refunded,
        charge_refunded_cents=order.charge_refunded_cents,
        charge_refunded_at=order.charge_refunded_at,
    )
    if (before, after) == (Order.Status.REVIEW, Order.Status.REFUNDED):
        order.release_stock()
    return has_changed


def _refunded(order: Order) -> int:
    """Add to the newest running total what was told of refunds made or failed since.

    The total holds refunds that we never heard of, and lacks those that had failed by then,
    which we may not have heard of either: together, what was told before can't be more than it.
    """
    rows, since = list(order.refunds.all()), order.charge_refunded_at
    if since is None:
        return sum(row.amount_cents for row in rows if not row.failed_at)
    earlier = [row for row in rows if row.made_at <= since]
    later = sum(r.amount_cents for r in rows if r not in earlier and not r.failed_at)
    standing = sum(row.amount_cents for row in earlier if not row.failed_at)
    failed = sum(r.amount_cents for r in earlier if r.failed_at and r.failed_at >= since)
    total = order.charge_refunded_cents
    return max(total - failed, min(standing, total)) + later


def _note_dispute(order: Order, dispute: Json, at: datetime) -> bool:
    """A dispute is told on the order, which stays paid; a closed one isn't opened again.

    Nor is one that was lost, but an appeal may still win it.
    """
    dispute_id, status = reading.identifier(dispute.get("id")), str(dispute.get("status"))
    result = status if status in RESULTS else ""
    is_known = order.dispute_id == dispute_id
    is_no_news = is_known and RESULTS.get(result, 0) <= RESULTS.get(order.dispute_result, 0)
    if not dispute_id or is_no_news:
        return False
    if result in GONE:
        order.flag(f"The dispute {dispute_id} was {result}: the money went back.")
    elif is_known and order.dispute_result:
        order.flag(f"The dispute {dispute_id} was {result} in the end: the money is here again.")
    Order.objects.filter(pk=order.pk).update(
        dispute_id=dispute_id,
        dispute_result=result,
        disputed_at=order.disputed_at or at if result in ("", *GONE) else None,
    )
    return True


def _plain(value: object) -> object:
    """Keep what any database can hold: the rest would say nothing to us anyway."""
    if isinstance(value, str | dict):
        return reading.identifier(value) or None
    return reading.amount(value)
