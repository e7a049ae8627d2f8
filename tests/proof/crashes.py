"""Where the shop can die: before and after each step that a crash may part from the next."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from django.db import connection

import checkout.views
from checkout import events, gateway, ordering, outbox, payments, reconciling, refunds
from checkout.models import Order, StripeEvent
from storefront import stock
from storefront.models import Hold

# The places by hand. Besides them, it can die before or after any statement that writes.
PLACES: dict[str, tuple[Any, str]] = {
    "buying": (checkout.views, "buy"),
    "closing other sessions": (ordering, "_close_other_sessions"),
    "placing the order": (ordering, "place_order"),
    "storing the order": (ordering, "_store_order"),
    "saving the order": (Order, "save"),
    "putting goods aside": (stock, "put_aside"),
    "holding a product": (Hold, "save"),
    "putting goods aside again": (ordering, "_put_aside_again"),
    "beginning the next attempt": (Order, "begin_next_attempt"),
    "opening a session": (gateway, "open_session"),
    "keeping the session": (Order, "keep_session"),
    "closing a session": (gateway, "close_session"),
    "superseding an order": (Order, "supersede"),
    "giving back an order's stock": (Order, "give_back_stock"),
    "giving back": (stock, "give_back"),
    "receiving an event": (events, "receive"),
    "moving an order": (Order, "move"),
    "flagging an order": (Order, "flag"),
    "recording an event": (StripeEvent, "save"),
    "paying": (payments, "_pay"),
    "letting stock go": (payments, "_let_stock_go"),
    "selling": (stock, "sell"),
    "emptying the cart": (Order, "take_out_of_cart"),
    "reviewing": (payments, "_review"),
    "telling what was parked": (refunds, "tell_parked"),
    "settling refunds": (refunds, "_settle_refunds"),
    "noting a dispute": (refunds, "_note_dispute"),
    "replaying what was undelivered": (reconciling, "_replay_undelivered"),
    "listing what was undelivered": (gateway, "undelivered_events"),
    "asking about what waits": (reconciling, "_ask_about_waiting"),
    "asking about a session": (gateway, "session_now"),
    "receiving what was asked for": (reconciling, "_receive"),
    "telling all that was parked": (reconciling, "_tell_parked"),
    "giving back what was abandoned": (reconciling, "_give_back_abandoned"),
    "sending what is due": (outbox, "send_due"),
    "sending one thing": (outbox, "_send"),
    "doing a follow-up": (outbox.DO, StripeEvent.FollowUp.ORDER_PAID),
}
STATEMENT = "a statement that writes"
POINTS = [f"{moment} {place}" for place in [*PLACES, STATEMENT] for moment in ("before", "after")]


class Crash(BaseException):
    """The process dies here. Nothing in the shop may catch it."""


class Crashes:
    """Lets the shop die at the points that were ordered, each time one is reached."""

    def __init__(self) -> None:
        self.ordered: dict[str, int] = {}
        self.happened: list[str] = []
        self.has_written = False
        self._is_shop_at_work = False

    def order(self, point: str, after: int) -> None:
        """Die at the point, the `after` + 1st time that it is reached."""
        self.ordered[point] = after

    def cancel(self) -> None:
        self.ordered.clear()

    @contextmanager
    def survived(self) -> Iterator[None]:
        """The shop works here; if it dies, the world goes on."""
        self._is_shop_at_work = True
        try:
            yield
        except Crash:
            assert not connection.in_atomic_block, "A crash left a transaction open."
        finally:
            self._is_shop_at_work = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        with ExitStack() as undo:
            for place, (owner, name) in PLACES.items():
                undo.enter_context(self._patched(place, owner, name))
            undo.enter_context(connection.execute_wrapper(self._statement))
            yield

    def _patched(self, place: str, owner: Any, name: str) -> Any:
        if isinstance(owner, dict):
            return mock.patch.dict(owner, {name: self._guarded(place, owner[name])})
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
        if not self._is_shop_at_work or point not in self.ordered:
            return
        self.ordered[point] -= 1
        if self.ordered[point] < 0:
            del self.ordered[point]
            self.happened.append(point)
            raise Crash(point)
