"""Photographs in which one thing is wrong, and the words that have to be found for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.races.reckoning import EventRow, Line, OrderRow, Photograph
from tools.stripe_stand_in.shapes import Json

Retouch = Callable[[Photograph], Photograph]


def paid(seen: Photograph) -> OrderRow:
    """An order to wrong: there is a paid one in every run."""
    return next(order for order in seen.orders if order.status == "PAID")


def an_order_is_gone(seen: Photograph) -> Photograph:
    lines = [line for line in seen.lines if line.order != paid(seen).id]
    return replace(seen, orders=[o for o in seen.orders if o is not paid(seen)], lines=lines)


def with_order(**changes: Any) -> Retouch:
    def retouch(seen: Photograph) -> Photograph:
        wronged = paid(seen)
        changed = replace(wronged, **changes)
        return replace(seen, orders=[changed if o is wronged else o for o in seen.orders])

    return retouch


def with_session(**changes: Any) -> Retouch:
    """Stripe's word is another."""

    def retouch(seen: Photograph) -> Photograph:
        session = session_of(seen) | changes
        return replace(seen, sessions=seen.sessions | {session["id"]: session})

    return retouch


def session_of(seen: Photograph) -> Json:
    return seen.sessions[str(paid(seen).session_id)]


def two_orders_have_one_session(seen: Photograph) -> Photograph:
    return replace(seen, orders=[*seen.orders, replace(paid(seen), id="0" * 32)])


def one_more_is_in_stock(seen: Photograph) -> Photograph:
    return replace(seen, stock={product: left + 1 for product, left in seen.stock.items()})


def a_paid_order_holds_something(seen: Photograph) -> Photograph:
    return replace(seen, holds=[*seen.holds, Line(paid(seen).id, min(seen.stock), 1)])


def its_event(seen: Photograph) -> EventRow:
    return next(event for event in seen.events if event.order == paid(seen).id and event.follow_up)


def its_event_is_gone(seen: Photograph) -> Photograph:
    return replace(seen, events=[event for event in seen.events if event is not its_event(seen)])


def its_event_is_there_twice(seen: Photograph) -> Photograph:
    return replace(seen, events=[*seen.events, its_event(seen)])


def with_event(**changes: Any) -> Retouch:
    def retouch(seen: Photograph) -> Photograph:
        wronged = its_event(seen)
        changed = replace(wronged, **changes)
        return replace(seen, events=[changed if e is wronged else e for e in seen.events])

    return retouch


def everything_is_told_again(seen: Photograph) -> Photograph:
    return replace(seen, told=seen.told * 2)


RETOUCHES: list[tuple[Retouch, str]] = [
    (an_order_is_gone, "is paid and its order is not there"),
    (with_order(status="EXPIRED"), "is paid and its order is EXPIRED"),
    (with_order(session_id="cs_other"), "is paid and its order does not know it"),
    (with_session(payment_status="unpaid", status="expired"), "is PAID and nobody paid"),
    (with_session(amount_total=1), r"and its session brought \[1\]"),
    (two_orders_have_one_session, "belongs to 2 orders"),
    (with_session(id="cs_second"), "is paid 2 times and nobody is told"),
    (with_order(status="PENDING"), "is PENDING and should be PAID"),
    (one_more_is_in_stock, r"Of \d+ of product \d+ \d+ are left, \d+ held and \d+ sold"),
    (a_paid_order_holds_something, "is PAID and holds 1"),
    (its_event_is_gone, "is PAID, by 0 events"),
    (its_event_is_there_twice, "is PAID, by 2 events"),
    (its_event_is_there_twice, "is recorded 2 times"),
    (with_event(is_done=False, is_claimed=False), "is not done and was told"),
    (everything_is_told_again, "is done and was told 2 times"),
    (with_order(refunded_cents=7), "says 7"),
]
