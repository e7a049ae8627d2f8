"""What the shop's database and Stripe's ledger say at one moment, read past the shop's code."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from tools.stripe_stand_in.shapes import Json

PAID_AT_STRIPE = ("paid", "no_payment_required")

Sql = Callable[[str], Sequence[Sequence[Any]]]
"""Runs one query, the same on both databases, and returns its rows."""


@dataclass(frozen=True)
class OrderRow:
    id: str
    shopper: str
    status: str
    session_id: str | None
    payment_intent: str
    total_cents: int
    received_cents: int
    currency: str
    refunded_cents: int
    disputed_at: Any
    dispute_result: str
    review_reason: str
    discount_cents: int
    shipping_cents: int
    tax_cents: int
    refunded_from: str
    offer: Json | None
    shipped_at: Any
    goods_cents: int

    @property
    def is_sold(self) -> bool:
        """Whether it was paid as it was offered; what the merchant had to look at was not."""
        is_refunded = self.status == "REFUNDED" and self.refunded_from != "REVIEW"
        return self.status == "PAID" or is_refunded


@dataclass(frozen=True)
class EventRow:
    event_id: str
    order: str
    is_applied: bool


@dataclass(frozen=True)
class MessageRow:
    """A confirmation of an order."""

    order: str
    is_claimed: bool
    is_sent: bool
    is_given_up: bool


@dataclass(frozen=True)
class RequestRow:
    """What the desk has asked Stripe to pay back."""

    id: str
    order: str
    amount_cents: int
    refund_id: str
    error: str
    is_open: bool
    restock: Json
    is_restocked: bool


@dataclass(frozen=True)
class Line:
    """So many of a product, in an order or reserved for it."""

    order: str
    product: int
    quantity: int


@dataclass(frozen=True)
class Rows:
    """The shop's part; `stock` is None for a product that is not counted.

    `set_aside` is what left the cart, of each item, when a bank began to pay.
    """

    orders: list[OrderRow]
    items: list[Line]
    set_aside: list[Line]
    reservations: list[Line]
    stock: dict[int, int | None]
    events: list[EventRow]
    messages: list[MessageRow]
    requests: list[RequestRow]


@dataclass(frozen=True)
class Snapshot(Rows):
    """The shop's part and Stripe's, and what only the observer of both can know.

    `expected` says how many there must be of each counted product, in stock, reserved and `sold`;
    `sales` are the orders whose goods were sold, `told` those that were confirmed by mail. The
    `optional` events may never have reached the shop.
    """

    sessions: Mapping[str, Json]
    intents: Mapping[str, Json]
    charges: Mapping[str, Json]
    disputes: Mapping[str, Json]
    refunds: Mapping[str, Json]
    sent: Sequence[Json]
    expected: Mapping[int, int | None]
    sold: Sequence[Line]
    sales: frozenset[str]
    told: Sequence[str]
    optional: frozenset[str] = field(default_factory=frozenset)

    @cached_property
    def order(self) -> dict[str, OrderRow]:
        return {order.id: order for order in self.orders}

    @cached_property
    def sessions_of(self) -> dict[str, list[Json]]:
        """Stripe's sessions by the order that they were opened for."""
        found = defaultdict(list)
        for session in self.sessions.values():
            found[order_of(session)].append(session)
        return found

    @cached_property
    def confirmations(self) -> Counter[str]:
        """How often the shop noted that an order is to be confirmed: with the move to PAID."""
        return confirmations(self.messages)

    @property
    def paid_sessions(self) -> list[Json]:
        return [session for session in self.sessions.values() if is_paid(session)]

    def refunds_for(self, request: RequestRow) -> list[Json]:
        """What Stripe has paid back because of it, or tried to."""
        named = {id: refund["metadata"].get("request_id") for id, refund in self.refunds.items()}
        return [
            self.refunds[id] for id, name in named.items() if name and as_hex(name) == request.id
        ]

    def charge_of(self, payment_intent: str) -> Json | None:
        intent = self.intents.get(payment_intent)
        return self.charges[intent["latest_charge"]] if intent else None


def read_rows(sql: Sql) -> Rows:
    return Rows(
        orders=[
            _order(row)
            for row in sql(
                "SELECT id, shopper, status, session_id, payment_intent, total_cents, "
                "received_cents, currency, refunded_cents, disputed_at, dispute_result, "
                "review_reason, discount_cents, shipping_cents, tax_cents, refunded_from, offer, "
                "shipped_at, "
                "(SELECT COALESCE(SUM(unit_price_cents * quantity), 0) FROM checkout_orderitem "
                "WHERE order_id = checkout_order.id) "
                "FROM checkout_order ORDER BY created_at, id"
            )
        ],
        items=_lines(sql, "order_id", "quantity", "checkout_orderitem"),
        set_aside=[
            line
            for line in _lines(sql, "order_id", "from_cart", "checkout_orderitem")
            if line.quantity is not None
        ],
        reservations=_lines(sql, '"order"', "quantity", "storefront_hold"),
        stock={row[0]: row[1] for row in sql("SELECT id, stock FROM storefront_product")},
        events=[
            EventRow(row[0], as_hex(row[1]), row[2] == "applied")
            for row in sql("SELECT event_id, order_id, outcome FROM checkout_stripeevent")
        ],
        messages=[
            MessageRow(as_hex(row[0]), bool(row[1]), bool(row[2]), row[3] is None)
            for row in sql(
                "SELECT order_id, claimed_at, sent_at, due_at FROM checkout_message "
                "WHERE kind = 'order_confirmed'"
            )
        ],
        requests=[
            RequestRow(
                id=as_hex(row[0]),
                order=as_hex(row[1]),
                amount_cents=row[2],
                refund_id=row[3],
                error=row[4],
                is_open=row[5] is None,
                restock=_json(row[6]) or {},
                is_restocked=row[7] is not None,
            )
            for row in sql(
                "SELECT id, order_id, amount_cents, refund_id, error, closed_at, restock, "
                "restocked_at FROM merchant_refundrequest"
            )
        ],
    )


def _order(row: Sequence[Any]) -> OrderRow:
    id, shopper, *others, offer, shipped_at, goods = row
    known = {"offer": _json(offer), "shipped_at": shipped_at, "goods_cents": int(goods)}
    return OrderRow(as_hex(id), as_hex(shopper), *others, **known)


def _lines(sql: Sql, order: str, quantity: str, table: str) -> list[Line]:
    # An item outlives its product.
    rows = sql(f"SELECT {order}, product_id, {quantity} FROM {table} WHERE product_id IS NOT NULL")
    return [Line(as_hex(row[0]), row[1], row[2]) for row in rows]


def _json(value: Any) -> Json | None:
    """SQLite keeps it as text, and so does PostgreSQL for Django."""
    found: Json | None = json.loads(value) if isinstance(value, str) else value
    return found


def as_hex(value: Any) -> str:
    """SQLite keeps UUIDs without hyphens, PostgreSQL gives UUIDs."""
    return UUID(str(value)).hex if value else ""


def is_paid(session: Json) -> bool:
    return session["payment_status"] in PAID_AT_STRIPE


def order_of(session: Json) -> str:
    return UUID(session["metadata"]["order_id"]).hex


def confirmations(messages: Sequence[MessageRow]) -> Counter[str]:
    return Counter(message.order for message in messages)
