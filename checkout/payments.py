"""What events about a Checkout Session do: an order's way until it is paid, or isn't."""

import logging
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from checkout import bought, lifecycle, reading, refunds, review
from checkout.lifecycle import UNPAID, Fact
from checkout.models import Order, OrderItem, StripeEvent
from checkout.reading import Json
from storefront import stock
from storefront.models import CartLine
from storefront.ops import logs
from storefront.ops.compiled_queries import CompiledQuery

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
    order = _order_of(session)
    if order is None:
        return _unmatched(session, fact)
    logs.bind(order=str(order.pk))
    mismatch = review.mismatch(order, event, session)
    if fact is Fact.PAID:
        if mismatch:
            return review.hold(order, event, session, mismatch)
        return _pay(order, event, session)
    won = not mismatch and lifecycle.apply(fact, order, session["id"])
    if won and fact is Fact.AWAITED:
        bought.set_aside(order)
    if won and fact is Fact.FAILED:
        bought.put_back(order, timezone.now())
    if won and fact in (Fact.FAILED, Fact.EXPIRED):
        order.release_stock()
    outcome = Outcome.APPLIED if won else Outcome.NO_CHANGE
    return StripeEvent(outcome=outcome, order=order, note=mismatch)


def _pay(order: Order, event: Json, session: Json) -> StripeEvent:
    money = reading.payment(event, session)
    try:
        with transaction.atomic(savepoint=order.counts_stock):
            won = lifecycle.apply(Fact.PAID, order, session["id"], **money)
            if won:
                _take_goods(order)
    except stock.SoldOut:
        # The savepoint took the move back: the order is unpaid again, and moves elsewhere.
        won = lifecycle.apply(Fact.PAID_LATE, order, session["id"], **money)
        return review.paid_late(order, session) if won else _paid_before(order, event, session)
    if not won:
        return _paid_before(order, event, session)
    intent = reading.intent(session)
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


def _paid_before(order: Order, event: Json, session: Json) -> StripeEvent:
    """The order took money already, or is under review: is this the same money once more?"""
    intent = reading.intent(session)
    if order.status in UNPAID:  # when it was read: another delivery was quicker
        order.refresh_from_db(fields=["status", "session_id", "payment_intent"])
    if order.session_id != session["id"]:
        return review.hold(order, event, session, review.ANOTHER_SESSION)
    if order.status == Order.Status.REVIEW and order.payment_intent != intent:
        rows = Order.objects.filter(pk=order.pk, payment_intent="")
        rows.update(**reading.payment(event, session))
        return review.hold(order, event, session, "the order was under review already")
    return StripeEvent(outcome=Outcome.NO_CHANGE, order=order, payment_intent=intent)


def _order_of(session: Json) -> Order | None:
    """Find the order by the session; by our reference only if no order has the session.

    `client_reference_id` identifies nothing: on a Payment Link the customer writes it. A copy of
    this database, such as a staging shop's, has orders of the same ids.
    """
    found = orders_for(session["id"], _named_by(session), reading.intent(session) or None)
    order = min(found, key=lambda order: order.session_id != session["id"], default=None)
    is_own = order is not None and order.session_id == session["id"]
    return order if is_own or not reading.names_another_shop(session) else None


def _unmatched(session: Json, fact: Fact) -> StripeEvent:
    named = _named_by(session)
    # An order that expired is forgotten soon, and no money comes with this.
    if named is None or fact is Fact.EXPIRED or reading.names_another_shop(session):
        return StripeEvent(outcome=Outcome.IGNORED)
    logger.error("Session %s names order %s, which is not here.", session["id"], named)
    return StripeEvent(outcome=Outcome.UNMATCHED, note=f"It names order {named}.")


def _named_by(session: Json) -> UUID | None:
    return reading.uuid(reading.mapping(session.get("metadata")).get("order_id"))


def _orders_for(session_id: str, named: UUID, payment_intent: str) -> QuerySet[Order]:
    """Return the orders with what their payment needs to know, all in one query.

    `lines_in_cart` counts how many products of the order lie in its shopper's cart and were not
    set aside, `has_deferred_events` says whether refunds or disputes of the payment came first.
    """
    items = OrderItem.objects.filter(order=OuterRef(OuterRef("pk")), from_cart=None)
    lines = CartLine.objects.filter(
        shopper=OuterRef("shopper"), product__in=items.values("product")
    )
    count = lines.order_by().values("shopper").annotate(n=Count("*")).values("n")
    annotations = {
        "lines_in_cart": Coalesce(Subquery(count), 0),
        "has_deferred_events": Exists(StripeEvent.objects.deferred_for(payment_intent)),
    }
    return Order.objects.filter(Q(session_id=session_id) | Q(pk=named)).annotate(**annotations)


orders_for = CompiledQuery(_orders_for, *(str, UUID, str))
