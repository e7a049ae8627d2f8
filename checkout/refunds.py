"""What happens to money that had arrived: refunds, failed refunds and disputes.

They find their order by the stored PaymentIntent. Events that come before the payment's own are
deferred: kept with their row, and applied once the order knows its payment.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from checkout import reading, telling
from checkout.bills import received_for
from checkout.lifecycle import MOVES, Fact
from checkout.models import Order, Refund, StripeEvent
from checkout.reading import Json
from storefront.ops import logs

logger = logging.getLogger(__name__)

Outcome = StripeEvent.Outcome

UNLINKED = "a payment that is not the order's own"
# How a dispute can end, and what replaces what: an appeal may win one that was lost.
RESULTS = {"lost": 1, "won": 2, "prevented": 2, "warning_closed": 2}
MONEY_WENT_BACK = ("lost", "prevented")
# The fields that the handlers below read; a deferred event keeps no others.
KEPT = ("id", "payment_intent", "amount", "amount_refunded", "currency", "status", "created")


def charge_refunded(event: Json, charge: Json) -> StripeEvent:
    return _apply(event, charge, _note_running_total)


def refund_changed(event: Json, refund: Json) -> StripeEvent:
    return _apply(event, refund, _note_refund)


def dispute_changed(event: Json, dispute: Json) -> StripeEvent:
    return _apply(event, dispute, _note_dispute)


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
    """Apply what had come too early to an order that has just learned its payment."""
    for row in StripeEvent.objects.deferred_for(payment_intent).order_by("created", "id"):
        event: dict[str, Any] = row.deferred or {}
        result = HANDLERS[row.type](event, event["data"]["object"])
        StripeEvent.objects.filter(pk=row.pk).update(
            order=order, outcome=result.outcome, note=result.note, deferred=None
        )


def unlinked_payments(payment_intents: Any) -> QuerySet[StripeEvent]:
    """Return the events by which an order got money that is not its own payment."""
    came = StripeEvent.objects.filter(outcome=Outcome.REVIEW, order__isnull=False)
    return came.filter(payment_intent__in=payment_intents).select_related("order")


def flag_unlinked(order: Order, payment_intent: str) -> None:
    """Flag on an order what had come too early of a payment that is not its own."""
    deferred = StripeEvent.objects.deferred_for(payment_intent)
    for kind in deferred.order_by("created", "id").values_list("type", flat=True):
        telling.needs_a_look(order, _unlinked_reason(payment_intent, kind))
    deferred.update(order=order, outcome=Outcome.REVIEW, note=UNLINKED, deferred=None)


def _unlinked_reason(payment_intent: str, kind: object) -> str:
    return f"News of {payment_intent}: {kind}, see its events."


def _apply(event: Json, thing: Json, note: Callable[[Order, Json, datetime], bool]) -> StripeEvent:
    """Let `note` apply the event to the order of its payment; it says whether that changed it."""
    intent = reading.intent(thing)
    if not intent:
        return _result(Outcome.IGNORED, "", note="Nothing that a PaymentIntent refers to.")
    # Several rows make the sum, so the one who adds them up holds the order's row: PostgreSQL
    # locks it here, and SQLite has one writer at a time.
    order = Order.objects.select_for_update().filter(payment_intent=intent).first()
    if order is None:
        return _flag_or_defer(event, thing, intent)
    logs.bind(order=str(order.pk))
    currency = thing.get("currency")
    if currency is not None and currency != order.currency:
        reason = f"News of {intent} is in another currency than {order.currency}."
        telling.needs_a_look(order, reason)
        return _result(Outcome.REVIEW, intent, order, "another currency")
    has_changed = note(order, thing, reading.moment(event.get("created")) or timezone.now())
    return _result(Outcome.APPLIED if has_changed else Outcome.NO_CHANGE, intent, order)


def _flag_or_defer(event: Json, thing: Json, intent: str) -> StripeEvent:
    """Flag the order that got the payment beside its own; if there is none, defer the event.

    What names another shop on the account is not waited for.
    """
    payment = unlinked_payments([intent]).first()
    if payment and payment.order:
        telling.needs_a_look(payment.order, _unlinked_reason(intent, event.get("type")))
        return _result(Outcome.REVIEW, intent, payment.order, UNLINKED)
    result = _result(Outcome.IGNORED, intent)
    if reading.names_another_shop(thing):
        return result
    kept = {name: _plain(thing.get(name)) for name in KEPT}
    result.deferred = {
        "type": event.get("type"),
        "created": _plain(event.get("created")),
        "data": {"object": kept | {"due_by": _plain(_details_of(thing).get("due_by"))}},
    }
    return result


def _result(
    outcome: Outcome, intent: str, order: Order | None = None, note: str = ""
) -> StripeEvent:
    return StripeEvent(outcome=outcome, order=order, note=note, payment_intent=intent)


def _note_running_total(order: Order, charge: Json, at: datetime) -> bool:
    """Take over how much of the charge has gone back so far; an older total changes nothing."""
    total = reading.amount(charge.get("amount_refunded"))
    known = (order.charge_refunded_at or at, order.charge_refunded_cents)
    if total is None or (at, total) < known:
        return False
    order.charge_refunded_at, order.charge_refunded_cents = at, total
    return _settle_refunds(order, has_changed=known[1] != total)


def _note_refund(order: Order, refund: Json, at: datetime) -> bool:
    """Count a refund once by its id, however many events it has, until it fails for good."""
    refund_id, cents = reading.identifier(refund.get("id")), reading.amount(refund.get("amount"))
    if not refund_id or cents is None:
        return False
    made_at = reading.moment(refund.get("created")) or at
    row, _ = Refund.objects.get_or_create(
        refund_id=refund_id, defaults={"order": order, "amount_cents": cents, "made_at": made_at}
    )
    if refund.get("status") in ("failed", "canceled"):
        if Refund.objects.filter(pk=row.pk, failed_at=None).update(failed_at=at):
            telling.refund_failed(order, row)
    elif refund.get("status") == "succeeded" and not row.failed_at:
        telling.refunded(order, row)
    for name in settings.HEARS_OF_REFUNDS:
        import_string(name)(order, row, refund, at)
    return _settle_refunds(order)


def _settle_refunds(order: Order, *, has_changed: bool = False) -> bool:
    """Work out what has gone back, from all that is known so far, and where that leads."""
    received = received_for(order)
    refunded = min(_refunded(order), received)
    has_changed = has_changed or refunded != order.refunded_cents
    before = Order.Status(order.status)
    after = _status_after(order, before, is_refunded=refunded == received)
    if before != after == Order.Status.REFUNDED:
        order.refunded_from = before
    Order.objects.filter(pk=order.pk, status=before).update(
        status=after,
        refunded_from=order.refunded_from,
        refunded_cents=refunded,
        charge_refunded_cents=order.charge_refunded_cents,
        charge_refunded_at=order.charge_refunded_at,
    )
    if (before, after) == (Order.Status.REVIEW, Order.Status.REFUNDED):
        order.release_stock()
    return has_changed


def _status_after(order: Order, before: Order.Status, *, is_refunded: bool) -> Order.Status:
    fact = Fact.REFUNDED
    if not is_refunded:
        was_reviewed = order.refunded_from == Order.Status.REVIEW
        fact = Fact.REVIEW_REOPENED if was_reviewed else Fact.REFUND_UNDONE
    move = MOVES[fact]
    return move.to if before in move.sources else before


def _refunded(order: Order) -> int:
    """Add to the newest running total the refunds that were made or failed since.

    The total includes refunds without an event of their own and excludes those that had failed
    by then, so the refunds known from before can't come to more than it.
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
    """Note a dispute on the order, which stays paid; a closed one isn't opened again.

    Nor is a lost one, but an appeal may still win it.
    """
    dispute_id, status = reading.identifier(dispute.get("id")), str(dispute.get("status"))
    result = status if status in RESULTS else ""
    is_known = order.dispute_id == dispute_id
    is_outdated = is_known and RESULTS.get(result, 0) <= RESULTS.get(order.dispute_result, 0)
    if not dispute_id or is_outdated:
        return False
    about = f"The dispute {dispute_id} was {result}"
    if result in MONEY_WENT_BACK:
        telling.needs_a_look(order, f"{about}: the money went back.")
    elif is_known and order.dispute_result:
        telling.needs_a_look(order, f"{about} in the end: the money is here again.")
    elif not result:
        telling.disputed(order, dispute_id, reading.amount(dispute.get("amount")), _due_by(dispute))
    Order.objects.filter(pk=order.pk).update(
        dispute_id=dispute_id,
        dispute_result=result,
        dispute_due_by=_due_by(dispute),
        disputed_at=order.disputed_at or at if result in ("", *MONEY_WENT_BACK) else None,
    )
    return True


def _due_by(dispute: Json) -> datetime | None:
    """Return until when the merchant can answer."""
    return reading.moment(dispute.get("due_by") or _details_of(dispute).get("due_by"))


def _details_of(dispute: Json) -> Json:
    return reading.mapping(dispute.get("evidence_details"))


def _plain(value: object) -> object:
    """Return what any database can hold of a value; the handlers read nothing else."""
    if isinstance(value, str | dict):
        return reading.identifier(value) or None
    return reading.amount(value)
