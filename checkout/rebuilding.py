"""Rebuilds orders that a restored backup does not hold, from the Checkout Sessions at Stripe.

A rebuilt order is PENDING, as it was when its session was opened: events take it from there.
"""

import logging
import re
from collections.abc import Iterable
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Q, Value
from django.db.models.functions import Concat
from django.utils import timezone

from checkout import reading, receipts
from checkout.gateway import reads
from checkout.models import WAITING, Order, OrderItem, StripeEvent
from checkout.reading import Json
from storefront import money, stock
from storefront.models import MAX_QUANTITY, Product, Reservation

logger = logging.getLogger(__name__)

PRODUCT_ID = re.compile("[1-9][0-9]{0,17}", re.ASCII)
REASON = "Brought back from Stripe: a restored backup did not hold this order."


def rebuild(since: datetime) -> list[Order]:
    """Rebuild each order that isn't here and whose session, opened since then, may bring money.

    Safe twice and at once. Raises failures.StripeDown or failures.StripeRefused.
    """
    sessions: dict[UUID, Json] = {}
    for page in reads.pages_of("checkout.sessions", created=reads.between(since)):
        for session in page:
            # A try whose answer was lost may have left an open session beside the paid one.
            if (pk := _order_of(session)) and _is_better(session, sessions.get(pk)):
                sessions[pk] = session
    here: set[UUID] = set()
    for keys in batched(sessions, 500):
        here |= set(Order.objects.filter(pk__in=keys).values_list("pk", flat=True))
    rebuilt = [_rebuild(pk, session) for pk, session in sessions.items() if pk not in here]
    return [order for order in rebuilt if order]


def reserve(orders: Iterable[Order]) -> None:
    """Reserve the goods of those that still wait for their payment, where there are enough."""
    for order in orders:
        items = order.items.select_related("product")
        counted = [(item.product, item.quantity) for item in items if item.product]
        try:
            with transaction.atomic():
                is_waiting = order.lock(status__in=WAITING)
                if is_waiting and not Reservation.objects.filter(order=order.pk).exists():
                    stock.reserve(order.pk, order.shopper, counted)
        except stock.SoldOut as short:
            logger.warning("Too few of %s are left for order %s.", short.product, order.pk)


def _is_better(session: Json, other: Json | None) -> bool:
    return other is None or session["status"] == "complete"


def _order_of(session: Json) -> UUID | None:
    """Return the order of a session that this shop opened, unless it ended without a payment."""
    named = reading.uuid(reading.mapping(session.get("metadata")).get("order_id"))
    is_ours = (
        str(named) == session.get("client_reference_id")
        and session.get("mode") == "payment"
        and not reading.names_another_shop(session)
    )
    return named if is_ours and session.get("status") in ("open", "complete") else None


def _rebuild(pk: UUID, session: Json) -> Order | None:
    """Store the order and its items, and make the link by which the merchant can show it."""
    lines = reads.line_items(session["id"])
    items = [_item(line) for line in lines]
    currency = str(session.get("currency")).lower()
    if len(currency) != 3 or not items or not all(items):
        logger.error("Session %s of order %s, which is not here, can't be read.", session["id"], pk)
        return None
    bought = _with_products([item for item in items if item])
    order = _order(pk, session, currency, bought, _offer(session, lines))
    try:
        with transaction.atomic():
            order.save(force_insert=True)
            for item in bought:
                item.order = order
            OrderItem.objects.bulk_create(bought)
            _link_events(order)
    except IntegrityError:
        return None  # another run was first
    receipts.make_link(order)
    return order


def _order(
    pk: UUID, session: Json, currency: str, bought: list[OrderItem], offer: dict[str, Any] | None
) -> Order:
    """Return the order as it was when its session was opened, not stored yet."""
    ways = offer["shipping"] if offer else []
    shipping_cents = sum(way["cents"] for way in ways)
    opened_at = reading.moment(session.get("created")) or timezone.now()
    return Order(
        id=pk,
        shopper=uuid4(),  # nobody's: who bought it is known here no more
        session_id=session["id"],
        session_url=session.get("url") or "",
        session_expires_at=reading.moment(session.get("expires_at")),
        total_cents=sum(item.amount_cents for item in bought) + shipping_cents,
        shipping_cents=shipping_cents,
        currency=currency,
        country=_country(session),
        offer=offer,
        needs_shipping=bool(ways) or any(map(_is_sent, bought)),
        counts_stock=any(item.product and item.product.stock is not None for item in bought),
        review_reason=f"{REASON}\n",
        created_at=opened_at,
        attempt_at=opened_at,
    )


def _offer(session: Json, lines: Iterable[Json]) -> dict[str, Any] | None:
    """Return what the session was opened with besides the goods; Stripe tells no names of ways."""
    ways = [
        {
            "name": "Delivery",
            "cents": reading.amount(way.get("shipping_amount")) or 0,
            "rate": reading.identifier(way.get("shipping_rate")),
            "least": None,
            "most": None,
        }
        for way in session.get("shipping_options") or []
    ]
    codes = bool(session.get("allow_promotion_codes"))
    is_taxed = bool(reading.mapping(session.get("automatic_tax")).get("enabled"))
    prices = [reading.mapping(line.get("price")) for line in lines]
    behaviors = {price.get("tax_behavior") for price in prices}
    tax = "inclusive" if "inclusive" in behaviors else "exclusive"
    if not (ways or codes or is_taxed):
        return None
    return {"shipping": ways, "codes": codes, "tax": tax if is_taxed else "off"}


def _country(session: Json) -> str:
    """Return the one country that it was offered to."""
    asked = reading.mapping(session.get("shipping_address_collection"))
    codes = asked.get("allowed_countries") or []
    return str(codes[0])[:2] if len(codes) == 1 else ""


def _is_sent(item: OrderItem) -> bool:
    """Whether it has to be shipped; of what the shop sells no more, nobody knows."""
    return item.product is None or item.product.needs_shipping


def _item(line: Json) -> OrderItem | None:
    """Return a line as an item, which knows its product by id alone; None if it can't be read."""
    price = reading.mapping(line.get("price"))
    product = reading.mapping(price.get("product"))
    cents = reading.amount(price.get("unit_amount"))
    quantity = reading.amount(line.get("quantity")) or 0
    if (
        cents is None
        or cents > money.largest_charge(str(line.get("currency")))
        or quantity not in range(1, MAX_QUANTITY + 1)
    ):
        return None
    known_by = str(reading.mapping(product.get("metadata")).get("product_id"))
    return OrderItem(
        product_id=int(known_by) if PRODUCT_ID.fullmatch(known_by) else None,
        name=str(line.get("description") or product.get("name") or "")[:120],
        unit_price_cents=cents,
        quantity=quantity,
    )


def _with_products(items: list[OrderItem]) -> list[OrderItem]:
    """Give each item its product: the one of its id or, without one, the only one of its name.

    No two get the same: goods are reserved once for each product of an order.
    """
    ids = [item.product_id for item in items if item.product_id]
    names = [item.name for item in items]
    variants = Product.objects.alias(full=Concat("name", Value(", "), "variant"))
    known = Q(pk__in=ids) | Q(name__in=names) | Q(full__in=names)
    products = list(variants.filter(known))
    for item in items:
        named = item.product_id
        same = [p for p in products if (p.pk == named if named else p.full_name == item.name)]
        item.product = same[0] if len(same) == 1 else None
        products = [product for product in products if product != item.product]
    return items


def _link_events(order: Order) -> None:
    """Show with the order what came of it after the restore, and found it missing."""
    unmatched = StripeEvent.objects.filter(outcome=StripeEvent.Outcome.UNMATCHED, order=None)
    unmatched.filter(note=f"It names order {order.pk}.").update(order=order)
