"""Which order an event about a Checkout Session belongs to."""

import logging
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from checkout import reading
from checkout.lifecycle import Fact
from checkout.models import Order, OrderItem, StripeEvent
from checkout.reading import Json
from storefront.models import CartLine
from storefront.ops.compiled_queries import CompiledQuery

logger = logging.getLogger(__name__)


def order_of(session: Json) -> Order | None:
    """Find the order by the session; by our reference only if no order has the session.

    `client_reference_id` identifies nothing: on a Payment Link the customer writes it. A copy of
    this database, such as a staging shop's, has orders of the same ids.
    """
    found = orders_for(session["id"], _named_by(session), reading.intent(session) or None)
    order = min(found, key=lambda order: order.session_id != session["id"], default=None)
    is_own = order is not None and order.session_id == session["id"]
    return order if is_own or not reading.names_another_shop(session) else None


def unmatched(session: Json, fact: Fact) -> StripeEvent:
    named = _named_by(session)
    # An order that expired is forgotten soon, and no money comes with this.
    if named is None or fact is Fact.EXPIRED or reading.names_another_shop(session):
        return StripeEvent(outcome=StripeEvent.Outcome.IGNORED, note=reading.probe_note(session))
    logger.error("Session %s names order %s, which is not here.", session["id"], named)
    return StripeEvent(outcome=StripeEvent.Outcome.UNMATCHED, note=f"It names order {named}.")


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
