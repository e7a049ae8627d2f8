"""What has to be true once all is quiet: the database and Stripe's books tell one story.

A check is a function that yields complaints, in words. It reads a photograph and nothing else,
so that a test can retouch one and see what is noticed.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

from checkout.events import HANDLERS
from checkout.models import Order
from tools.stage import Stage
from tools.stripe_stand_in.shapes import Json
from tools.stripe_stand_in.webhooks import ENABLED_EVENTS

MONEY_ARRIVED = ("PAID", "REFUNDED", "REVIEW")
TOLD = re.compile(r"Order (\S+) is paid: ")


@dataclass(frozen=True)
class OrderRow:
    id: str
    status: str
    session_id: str | None
    payment_intent: str
    total_cents: int
    refunded_cents: int
    review_reason: str


@dataclass(frozen=True)
class EventRow:
    event_id: str
    order: str
    follow_up: str
    is_claimed: bool
    is_done: bool


@dataclass(frozen=True)
class Line:
    """So many of a counted product, in an order or held for it."""

    order: str
    product: int
    quantity: int


@dataclass(frozen=True)
class Photograph:
    """`initial` and `stock` are of the counted products, `told` what the outbox sent."""

    orders: list[OrderRow]
    lines: list[Line]
    holds: list[Line]
    initial: dict[int, int]
    stock: dict[int, int]
    events: list[EventRow]
    told: list[str]
    sessions: dict[str, Json]
    intents: dict[str, Json]
    charges: dict[str, Json]
    sent: list[Json]

    @cached_property
    def order(self) -> dict[str, OrderRow]:
        return {order.id: order for order in self.orders}

    @cached_property
    def sessions_of(self) -> dict[str, list[Json]]:
        """Stripe's sessions by the order that they were opened for."""
        found = defaultdict(list)
        for session in self.sessions.values():
            found[_order_of(session)].append(session)
        return found

    @cached_property
    def paid_events(self) -> Counter[str]:
        """How many events brought each order its money: they alone have a follow-up."""
        return Counter(event.order for event in self.events if event.follow_up)

    @property
    def paid_sessions(self) -> list[Json]:
        return [session for session in self.sessions.values() if is_paid(session)]


def is_paid(session: Json) -> bool:
    return bool(session["payment_status"] == "paid")


def photograph(stage: Stage, initial: dict[int, int], outbox: Path) -> Photograph:
    """Read it all; `outbox` is the log of whoever does the follow-ups."""
    books = stage.stripe.books.photograph()
    shelf = stage.sql("SELECT id, stock FROM storefront_product")
    return Photograph(
        orders=[
            OrderRow(_hex(row[0]), *row[1:])
            for row in stage.sql(
                "SELECT id, status, session_id, payment_intent, total_cents, refunded_cents, "
                "review_reason FROM checkout_order"
            )
        ],
        lines=_lines(stage, "order_id", "checkout_orderitem", initial),
        holds=_lines(stage, '"order"', "storefront_hold", initial),
        initial=initial,
        stock={row[0]: row[1] for row in shelf if row[0] in initial},
        events=[
            EventRow(row[0], _hex(row[1]), row[2], bool(row[3]), bool(row[4]))
            for row in stage.sql(
                "SELECT event_id, order_id, follow_up, follow_up_claimed_at, follow_up_done_at "
                "FROM checkout_stripeevent"
            )
        ],
        told=TOLD.findall(outbox.read_text(errors="replace")),
        sessions=books["sessions"],
        intents=books["payment_intents"],
        charges=books["charges"],
        sent=books["events"],
    )


def _lines(stage: Stage, order: str, table: str, counted: dict[int, int]) -> list[Line]:
    rows = stage.sql(f"SELECT {order}, product_id, quantity FROM {table}")
    return [Line(_hex(row[0]), row[1], row[2]) for row in rows if row[1] in counted]


def _hex(value: Any) -> str:
    """SQLite keeps UUIDs without hyphens, PostgreSQL gives UUIDs."""
    return UUID(str(value)).hex if value else ""


def complaints(seen: Photograph) -> list[str]:
    """Say everything that is wrong; nothing if all is well."""
    return [complaint for check in CHECKS for complaint in check(seen)]


def no_payment_is_lost(seen: Photograph) -> Iterator[str]:
    for session in seen.paid_sessions:
        order = seen.order.get(_order_of(session))
        if order is None:
            yield f"{session['id']} is paid and its order is not there."
        elif order.status not in MONEY_ARRIVED:
            yield f"{session['id']} is paid and its order is {order.status}."
        elif session["id"] not in (
            order.session_id,
            *order.review_reason.replace(",", " ").split(),
        ):
            yield f"{session['id']} is paid and its order does not know it."


def no_payment_is_invented(seen: Photograph) -> Iterator[str]:
    for order in seen.orders:
        if order.status not in MONEY_ARRIVED:
            continue
        paid = [session for session in seen.sessions_of[order.id] if is_paid(session)]
        if not paid:
            yield f"Order {order.id} is {order.status} and nobody paid."
        own = [session for session in paid if session["id"] == order.session_id]
        amounts = [session["amount_total"] for session in own]
        if order.status != "REVIEW" and amounts != [order.total_cents]:
            yield f"Order {order.id} costs {order.total_cents}, and its session brought {amounts}."


def a_session_belongs_to_one_order(seen: Photograph) -> Iterator[str]:
    counts = Counter(order.session_id for order in seen.orders if order.session_id)
    for session_id, count in counts.items():
        if count > 1:
            yield f"{session_id} belongs to {count} orders."
        if session_id not in seen.sessions:
            yield f"Stripe never opened {session_id}."


def nobody_is_charged_twice(seen: Photograph) -> Iterator[str]:
    for order in seen.orders:
        paid = [session["id"] for session in seen.sessions_of[order.id] if is_paid(session)]
        if len(paid) > 1 and not order.review_reason:
            yield f"Order {order.id} is paid {len(paid)} times and nobody is told."


def states_are_as_stripe_says(seen: Photograph) -> Iterator[str]:
    for order in seen.orders:
        sessions = seen.sessions_of[order.id]
        if len(sessions) > 1:
            continue  # The checks of money speak of those.
        right = _right_statuses(seen, sessions[0]) if sessions else ("PENDING",)
        if order.status not in right:
            yield f"Order {order.id} is {order.status} and should be {' or '.join(right)}."


def _right_statuses(seen: Photograph, session: Json) -> tuple[str, ...]:
    if session["status"] == "open":
        return ("PENDING",)
    if session["status"] == "expired":
        return ("EXPIRED",)
    if is_paid(session):
        return MONEY_ARRIVED
    is_awaited = seen.intents[session["payment_intent"]]["status"] == "processing"
    return ("PROCESSING",) if is_awaited else ("FAILED",)


def stock_adds_up(seen: Photograph) -> Iterator[str]:
    sold = _by_product(line for line in seen.lines if _is_sold(seen, line.order))
    held = _by_product(seen.holds)
    for product, initial in seen.initial.items():
        parts = seen.stock[product], held[product], sold[product]
        if seen.stock[product] < 0:
            yield f"Product {product} has a stock of {seen.stock[product]}."
        if sum(parts) != initial:
            yield (
                f"Of {initial} of product {product} {{}} are left, {{}} held and {{}} sold.".format(
                    *parts
                )
            )


def _is_sold(seen: Photograph, order_id: str) -> bool:
    """Money that came too late for the goods is under review, and has no follow-up."""
    order = seen.order[order_id]
    return order.status == "PAID" or (
        order.status in MONEY_ARRIVED and seen.paid_events[order_id] > 0
    )


def _by_product(lines: Iterable[Line]) -> Counter[int]:
    total: Counter[int] = Counter()
    for line in lines:
        total[line.product] += line.quantity
    return total


def nothing_is_held_in_vain(seen: Photograph) -> Iterator[str]:
    for reservation in seen.holds:
        order = seen.order.get(reservation.order)
        sessions = seen.sessions_of[reservation.order]
        is_open = any(session["status"] == "open" for session in sessions)
        status = order.status if order else "not there"
        if status not in ("PROCESSING", "REVIEW") and not (status == "PENDING" and is_open):
            held = f"{reservation.quantity} of {reservation.product}"
            yield f"Order {reservation.order} is {status} and holds {held}."


def each_event_is_recorded_once(seen: Photograph) -> Iterator[str]:
    recorded = Counter(event.event_id.partition("#")[0] for event in seen.events)
    for event in seen.sent:
        is_for_us = event["type"] in HANDLERS and event["type"] in ENABLED_EVENTS
        count = recorded.pop(event["id"], 0)
        if is_for_us and count != 1:
            yield f"{event['type']} {event['id']} is recorded {count} times."
    for event_id, count in recorded.items():
        if count > 1 or not event_id.startswith("reconciled_"):
            yield f"{event_id}, which Stripe never sent, is recorded {count} times."


def each_payment_is_applied_once(seen: Photograph) -> Iterator[str]:
    for order in seen.orders:
        count = seen.paid_events[order.id]
        if count > 1 or (order.status == "PAID" and count != 1):
            yield f"Order {order.id} is {order.status}, by {count} events."


def each_follow_up_is_done_once(seen: Photograph) -> Iterator[str]:
    """Who was killed in the middle of one has claimed it, and nobody does it again."""
    told = Counter(seen.told)
    for event in seen.events:
        if not event.follow_up:
            continue
        count = told.pop(Order(id=UUID(event.order)).reference, 0)
        if count > 1 or (event.is_done and count != 1) or not (event.is_done or event.is_claimed):
            done = "done" if event.is_done else "not done"
            yield f"The follow-up of order {event.order} is {done} and was told {count} times."
    for reference in told:
        yield f"Order {reference} was told to be paid, and no event says so."


def refunds_are_as_in_the_books(seen: Photograph) -> Iterator[str]:
    charges = {charge["payment_intent"]: charge for charge in seen.charges.values()}
    for order in seen.orders:
        charge = charges.get(order.payment_intent)
        returned = charge["amount_refunded"] if charge else 0
        if order.refunded_cents != returned:
            yield f"Stripe gave {returned} back, and order {order.id} says {order.refunded_cents}."
        is_all = bool(charge) and returned >= order.total_cents
        if (order.status == "REFUNDED") != is_all:
            yield f"Stripe gave {returned} of {order.total_cents} back: {order.id} {order.status}."


def _order_of(session: Json) -> str:
    return UUID(session["metadata"]["order_id"]).hex


CHECKS: tuple[Callable[[Photograph], Iterator[str]], ...] = (
    no_payment_is_lost,
    no_payment_is_invented,
    a_session_belongs_to_one_order,
    nobody_is_charged_twice,
    states_are_as_stripe_says,
    stock_adds_up,
    nothing_is_held_in_vain,
    each_event_is_recorded_once,
    each_payment_is_applied_once,
    each_follow_up_is_done_once,
    refunds_are_as_in_the_books,
)
