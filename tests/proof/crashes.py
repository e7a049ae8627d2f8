"""Where the shop can die: before and after each step that a crash may part from the next."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from django.db import connection
from hypothesis import strategies as st

import checkout.views
from checkout import (
    bought,
    events,
    gateway,
    ordering,
    outbox,
    payments,
    rebuilding,
    reconciling,
    refunds,
    review,
    superseding,
)
from checkout.gateway import reads
from checkout.models import Lease, Order
from merchant import refunding
from storefront import stock
from storefront.models import Reservation

# The places by hand. Besides them, the shop can die before or after any statement that writes.
Places = dict[str, tuple[Any, str]]
BUYING: Places = {
    "buying": (checkout.views, "buy"),
    "closing other sessions": (superseding, "close_other_sessions"),
    "closing what another tab opened": (superseding, "close_those_beside"),
    "closing a session": (gateway, "close_session"),
    "superseding an order": (Order, "supersede"),
    "placing the order": (ordering, "place_order"),
    "storing the order": (ordering, "_store_order"),
    "reserving goods": (stock, "reserve"),
    "reserving a product": (Reservation, "save"),
    "reserving again": (ordering, "_reserve_again"),
    "beginning the next attempt": (Order, "begin_next_attempt"),
    "opening a session": (gateway, "open_session"),
    "keeping the session": (Order, "keep_session"),
    "releasing an order's stock": (Order, "release_stock"),
    "releasing": (stock, "release"),
}
REFUNDING: Places = {
    "storing a request": (refunding, "store"),
    "asking for a refund": (refunding, "ask"),
    "refunding": (gateway, "refund"),
}
RECEIVING: Places = {
    "receiving an event": (events, "receive"),
    "moving an order": (Order, "move"),
    "paying": (payments, "_pay"),
    "letting stock go": (payments, "_take_goods"),
    "committing": (stock, "commit"),
    "emptying the cart": (bought, "take"),
    "setting goods aside": (bought, "set_aside"),
    "putting goods back": (bought, "put_back"),
    "reviewing": (review, "hold"),
    "flagging an order": (Order, "flag"),
    "applying what was deferred": (refunds, "apply_deferred"),
    "settling refunds": (refunds, "_settle_refunds"),
    "putting back into stock": (stock, "put_back"),
    "noting a dispute": (refunds, "_note_dispute"),
    "recording an event": (events, "insert_event"),
}
RECONCILING: Places = {
    "listing what was undelivered": (reads, "undelivered_events"),
    "replaying what was undelivered": (reconciling, "_replay_undelivered"),
    "asking about a session": (gateway, "session_now"),
    "receiving what was asked for": (reconciling, "receive"),
    "asking about what waits": (reconciling, "_ask_about"),
    "applying all that was deferred": (reconciling, "_apply_deferred"),
    "releasing what was abandoned": (reconciling, "_release_abandoned"),
    "releasing what is over": (reconciling, "_release_overdue"),
    "listing refunds": (gateway, "refunds_of"),
    "looking up a request": (refunding, "look_up"),
    "sending what is due": (outbox, "send_due"),
    "sending one thing": (outbox, "_send"),
    "handing a mail over": (outbox, "_post"),
}
RECOVERING: Places = {
    "rebuilding what is lost": (rebuilding, "rebuild"),
    "rebuilding an order": (rebuilding, "_rebuild"),
    "replaying what has happened": (reconciling, "_replay"),
    "reserving what was rebuilt": (rebuilding, "reserve"),
}
PLACES = BUYING | REFUNDING | RECEIVING | RECONCILING | RECOVERING
STATEMENT = "a statement that writes"

Death = tuple[str, int]
"""A point, and how often it is passed before the shop dies there."""


def deaths(*places: Places, often: str = STATEMENT) -> st.SearchStrategy[Death | None]:
    """Where one could die in such work, if at all; `often` is the place that matters most."""
    names = [STATEMENT, *(name for some in places for name in some)]
    points = [f"{moment} {name}" for name in names for moment in ("before", "after")]
    some = st.tuples(st.sampled_from(points), st.sampled_from([0, 0, 0, 1, 2, 4]))
    anywhere = st.tuples(st.just(f"after {STATEMENT}"), st.integers(0, 12))
    most = st.just((f"after {often}", 0))
    return st.booleans().flatmap(lambda dies: most | some | anywhere if dies else st.none())


class Crash(BaseException):
    """The process dies here. Nothing in the shop may catch it."""


class Crashes:
    """Lets the shop die where it was ordered to."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.has_written = False
        self._point, self._times_left = "", 0

    @contextmanager
    def survived(self, death: Death | None = None) -> Iterator[None]:
        """The shop works here; if it dies, the world goes on."""
        self._point, self._times_left = death or ("", 0)
        try:
            yield
        except Crash:
            assert not connection.in_atomic_block, "A crash left a transaction open."
            Lease.objects.all().delete()  # it is over before the world has gone on for long
        finally:
            self._point = ""

    @contextmanager
    def installed(self) -> Iterator[None]:
        with ExitStack() as undo:
            for place, (owner, name) in PLACES.items():
                undo.enter_context(self._patched(place, owner, name))
            undo.enter_context(connection.execute_wrapper(self._statement))
            yield

    def _patched(self, place: str, owner: Any, name: str) -> Any:
        return mock.patch.object(owner, name, self._guarded(place, getattr(owner, name)))

    def _guarded(self, place: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **options: Any) -> Any:
            self._reach(f"before {place}")
            result = step(*args, **options)
            self._reach(f"after {place}")
            return result

        return guarded

    def _statement(self, execute: Any, sql: str, *rest: Any) -> Any:
        if not sql.startswith(("INSERT", "UPDATE", "DELETE")):
            return execute(sql, *rest)
        self.has_written = True
        return self._guarded(STATEMENT, execute)(sql, *rest)

    def _reach(self, point: str) -> None:
        if point != self._point:
            return
        self._times_left -= 1
        if self._times_left < 0:
            self._point = ""
            self.happened.append(point)
            raise Crash(point)
