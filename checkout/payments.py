"""What events about a Checkout Session do: an order's way until it is paid, or isn't."""

import logging

from django.db import transaction
from django.utils import timezone

from checkout import bought, lifecycle, matching, offers, reading, refunds, review
from checkout.lifecycle import Fact
from checkout.models import Order, StripeEvent
from checkout.reading import Json
from storefront import stock
from storefront.ops import logs

logger = logging.getLogger(__name__)

Outcome = StripeEvent.Outcome


def completed(event: Json, session: Json) -> StripeEvent:
    # An unknown payment status is not paid: Stripe may add words to the list.
    is_paid = session.get("payment_status") in ("paid", "no_payment_required")
    return _apply(event, session, Fact.PAID if is_paid else Fact.AWAITED)


def failed(event: Json, session: Json) -> StripeEvent:
    return _apply(event, session, Fact.FAILED)


def expired(event: Json, session: Json) -> StripeEvent:
    return _apply(event, session, Fact.EXPIRED)


HANDLERS = {
    "checkout.session.completed": completed,
    "checkout.session.async_payment_succeeded": completed,
    "checkout.session.async_payment_failed": failed,
    "checkout.session.expired": expired,
}


def _apply(event: Json, session: Json, fact: Fact) -> StripeEvent:
    """Apply one fact about a session to the order that it belongs to."""
    if not isinstance(session.get("id"), str) or not reading.identifier(session["id"]):
        return StripeEvent(outcome=Outcome.IGNORED, note="A session without a readable id.")
    order = matching.order_of(session)
    if order is None:
        return matching.unmatched(session, fact)
    logs.bind(order=str(order.pk))
    mismatch = review.mismatch(order, event, session)
    if fact is Fact.PAID:
        if mismatch:
            return review.hold(order, event, session, mismatch)
        return _pay(order, event, session)
    contact = reading.contact(session) if fact is Fact.AWAITED else {}
    won = not mismatch and lifecycle.apply(fact, order, session["id"], **contact)
    if won and fact is Fact.AWAITED:
        bought.set_aside(order)
    elif not mismatch:
        order.add_contact(session["id"], contact)
    if won and fact is Fact.FAILED:
        bought.put_back(order, timezone.now())
    if won and fact in (Fact.FAILED, Fact.EXPIRED):
        order.release_stock()
    outcome = Outcome.APPLIED if won else Outcome.NO_CHANGE
    return StripeEvent(outcome=outcome, order=order, note=mismatch)


def _pay(order: Order, event: Json, session: Json) -> StripeEvent:
    money = reading.payment(event, session) | offers.parts(order, session)
    try:
        with transaction.atomic(savepoint=order.counts_stock):
            won = lifecycle.apply(Fact.PAID, order, session["id"], **money)
            if won:
                _take_goods(order)
    except stock.SoldOut:
        # The savepoint took the move back: the order is unpaid again, and moves elsewhere.
        won = lifecycle.apply(Fact.PAID_LATE, order, session["id"], **money)
        return (
            review.paid_late(order, session) if won else review.paid_before(order, event, session)
        )
    if not won:
        return review.paid_before(order, event, session)
    intent = reading.intent(session)
    review.look_at(order, session)
    bought.take(order, order.lines_in_cart)
    if order.has_deferred_events:
        refunds.apply_deferred(order, intent)
    return StripeEvent(
        outcome=Outcome.APPLIED,
        order=order,
        payment_intent=intent,
        follow_up=StripeEvent.FollowUp.ORDER_PAID,
    )


def _take_goods(order: Order) -> None:
    """Take the reserved goods for good; late money takes them from the shelf once more.

    Raises stock.SoldOut.
    """
    if order.counts_stock and not stock.commit(order.pk):
        items = order.items.select_related("product")
        counted = [(item.product, item.quantity) for item in items if item.product]
        stock.reserve(order.pk, order.shopper, counted)
        stock.commit(order.pk)
