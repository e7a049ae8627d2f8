"""What events about a Checkout Session do: the way of an order until it is paid, or isn't."""

import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from checkout import reading, refunds
from checkout.event_result import EventResult, FollowUp, Outcome
from checkout.lifecycle import MOVES, UNPAID, Fact, target
from checkout.models import Order
from checkout.reading import Json
from storefront import stock
from storefront.ops import logs
from storefront.ops.compiled_queries import CompiledQuery

logger = logging.getLogger("checkout.events")


def completed(event: Json, session: Json) -> EventResult:
    # An unknown payment status is not paid: Stripe may add words to the list.
    is_paid = session.get("payment_status") in ("paid", "no_payment_required")
    return _tell(event, session, Fact.PAID if is_paid else Fact.AWAITED)


def failed(event: Json, session: Json) -> EventResult:
    return _tell(event, session, Fact.FAILED)


def expired(event: Json, session: Json) -> EventResult:
    return _tell(event, session, Fact.EXPIRED)


HANDLERS = {
    "checkout.session.completed": completed,
    "checkout.session.async_payment_succeeded": completed,
    "checkout.session.async_payment_failed": failed,
    "checkout.session.expired": expired,
}


def _tell(event: Json, session: Json, fact: Fact) -> EventResult:
    """Bring one fact about a session to the order that it belongs to."""
    if not isinstance(session.get("id"), str) or not reading.identifier(session["id"]):
        return EventResult(Outcome.IGNORED, note="A session without a readable id.")
    order = _order_of(session)
    if order is None:
        return _unmatched(session)
    logs.bind(order=str(order.pk))
    mismatch = _mismatch(order, event, session)
    if fact is Fact.PAID:
        return _review(order, event, session, mismatch) if mismatch else _pay(order, event, session)
    won = not mismatch and _move(order, session["id"], fact)
    if won and fact in (Fact.FAILED, Fact.EXPIRED):
        order.release_stock()
    return EventResult(Outcome.APPLIED if won else Outcome.NO_CHANGE, order, mismatch)


def _move(order: Order, session_id: str, fact: Fact, **changes: Any) -> bool:
    """Make the move that the fact calls for. True for the one delivery that wins."""
    # The read spares a statement; the WHERE of the UPDATE is what decides.
    return order.status in MOVES[fact] and order.move(
        target(fact), sources=MOVES[fact], session_id=session_id, **changes
    )


def _pay(order: Order, event: Json, session: Json) -> EventResult:
    intent = _intent_of(session)
    if not _move(order, session["id"], Fact.PAID, **_money(event, session)):
        return _paid_before(order, event, session)
    if not _let_stock_go(order):
        _paid_late(order, session)
        return EventResult(Outcome.REVIEW, order, "The goods are gone.", intent)
    order.remove_from_cart(order.lines_in_cart)
    if order.has_deferred_events:
        refunds.apply_deferred(order, intent)
    return EventResult(Outcome.APPLIED, order, "", intent, follow_up=FollowUp.ORDER_PAID)


def _money(event: Json, session: Json) -> dict[str, Any]:
    return {
        "paid_at": reading.moment(event.get("created")) or timezone.now(),
        "payment_intent": _intent_of(session),
        "received_cents": reading.amount(session.get("amount_total")) or 0,
        "email": reading.email(session),
    }


def _paid_before(order: Order, event: Json, session: Json) -> EventResult:
    """The order took money already, or is under review: is this the same money once more?"""
    intent = _intent_of(session)
    if order.status in UNPAID:  # when it was read: another delivery was quicker
        order.refresh_from_db(fields=["status", "session_id", "payment_intent"])
    if order.session_id != session["id"]:
        return _review(order, event, session, "another Checkout Session is the order's own")
    if order.status == Order.Status.REVIEW and order.payment_intent != intent:
        Order.objects.filter(pk=order.pk, payment_intent="").update(**_money(event, session))
        return _review(order, event, session, "the order was under review already")
    return EventResult(Outcome.NO_CHANGE, order, "", intent)


def _let_stock_go(order: Order) -> bool:
    """Sell what was put aside; late money takes it from the shelf once more, if it is there."""
    if not order.counts_stock or stock.commit(order.pk):
        return True
    items = order.items.select_related("product")
    wanted = [(item.product, item.quantity) for item in items if item.product]
    try:
        with transaction.atomic():
            stock.reserve(order.pk, order.shopper, wanted)
            stock.commit(order.pk)
    except stock.SoldOut:
        return False
    return True


def _paid_late(order: Order, session: Json) -> None:
    reason = f"Paid late in {session['id']}, when the goods were gone: refund or restock."
    # Still in the transaction of the move to PAID, which nobody has seen.
    order.move(target(Fact.PAID_LATE), sources=[Order.Status.PAID], session_id=session["id"])
    order.flag(reason)
    logger.error("Order %s needs a look: %s", order.pk, reason)


def _review(order: Order, event: Json, session: Json, mismatch: str) -> EventResult:
    """Money that doesn't fit is never dropped: the merchant sees it and decides."""
    reason = f"Money arrived in {session['id']}, but {mismatch}."
    money = _money(event, session)
    if order.session_id not in (None, session["id"]):
        # The order's own session may bring its own payment yet.
        own = order.session_id
        money = {"paid_at": money["paid_at"]}
    else:
        own = session["id"]
    _move(order, own, Fact.MISMATCH, **money)
    order.flag(reason)
    logger.error("Order %s needs a look: %s", order.pk, reason)
    intent = _intent_of(session)
    if order.has_deferred_events and not _holds(order, intent):
        refunds.flag_unlinked(order, intent)
    return EventResult(Outcome.REVIEW, order, reason, intent)


def _holds(order: Order, intent: str) -> bool:
    """Whether the payment is the order's own; the order itself was read before."""
    return Order.objects.filter(pk=order.pk, payment_intent=intent).exists()


orders_for = CompiledQuery(
    lambda session_id, named, payment_intent: Order.objects.for_payment(payment_intent).filter(
        Q(session_id=session_id) | Q(pk=named)
    ),
    *(str, UUID, str),
)


def _order_of(session: Json) -> Order | None:
    """Find the order by the session; by our reference only if no order has the session.

    `client_reference_id` identifies nothing: on a Payment Link the customer writes it.
    """
    found = orders_for(session["id"], _named_by(session), _intent_of(session) or None)
    return min(found, key=lambda order: order.session_id != session["id"], default=None)


def _unmatched(session: Json) -> EventResult:
    named = _named_by(session)
    if named is None:
        return EventResult(Outcome.IGNORED)
    logger.error("Session %s names order %s, which is not here.", session["id"], named)
    return EventResult(Outcome.UNMATCHED, note=f"It names order {named}.")


def _named_by(session: Json) -> UUID | None:
    return reading.uuid(reading.mapping(session.get("metadata")).get("order_id"))


def _intent_of(session: Json) -> str:
    return reading.identifier(session.get("payment_intent"))


def _mismatch(order: Order, event: Json, session: Json) -> str:
    """Say what about the session contradicts the order; nothing if it fits."""
    amount, currency = session.get("amount_total"), session.get("currency")
    mine = (None, str(order.pk))
    stray = order.session_id not in (None, session["id"])
    intent = _intent_of(session)
    complaints = {
        "another Checkout Session is the order's own": stray,
        f"the amount is not {order.total_cents}": type(amount) is not int
        or amount != order.total_cents,
        f"the currency is not {order.currency}": not isinstance(currency, str)
        or currency.lower() != order.currency,
        "it is of the other mode, test or live": any(
            json.get("livemode") not in (None, settings.STRIPE_LIVE_MODE)
            for json in (event, session)
        ),
        "it is not a one-time payment": session.get("mode") not in (None, "payment"),
        "its client_reference_id is another": session.get("client_reference_id") not in mine,
        "its metadata names another order": reading.mapping(session.get("metadata")).get("order_id")
        not in mine,
        "its PaymentIntent is another": bool(order.payment_intent and intent)
        and intent != order.payment_intent,
    }
    return next((complaint for complaint, is_true in complaints.items() if is_true), "")
