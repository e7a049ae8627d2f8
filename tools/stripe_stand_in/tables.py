"""The tables of the account, one lock for all of them, and the events that changes make."""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tools.stripe_stand_in import after_payment
from tools.stripe_stand_in.clock import Clock
from tools.stripe_stand_in.refusals import no_such
from tools.stripe_stand_in.shapes import Json

NEVER = float("inf")
NO_REQUEST: Json = {"id": None, "idempotency_key": None}
TABLES = ("sessions", "payment_intents", "charges", "refunds", "disputes", "events")
Table = dict[str, Json]
ACCOUNT: Json = {
    **{"tax": "active", "tax_rate": "19", "registrations": ["DE"], "terms": True},
    **{"charges": True, "country": "DE", "currency": "usd"},
}


class Tables:
    """The state of the account. One lock guards it, and no network call happens under that lock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.on_event: Callable[[Json], None] = lambda event: None
        self.forget()

    def forget(self) -> None:
        """Empty every table."""
        with self.lock:
            self.sessions: Table = {}
            self.lines: dict[str, list[Json]] = {}
            self.products: Table = {}
            self.intent_data: dict[str, Json] = {}
            self.rates: dict[str, list[Json]] = {}
            self.shipping_rates: Table = {}
            self.coupons: Table = {}
            self.codes: Table = {}
            self.account = dict(ACCOUNT)
            self.forbidden: set[tuple[str, str]] = set()
            self.payment_intents: Table = {}
            self.charges: Table = {}
            self.balance_transactions: Table = {}
            self.refunds: Table = {}
            self.balance_is_low = False
            self.disputes: Table = {}
            self.events: list[Json] = []
            self.cause = NO_REQUEST
            self.next_expiry = NEVER

    def now(self) -> int:
        """The stand-in's time in whole seconds, as Stripe writes it."""
        return int(self.clock.now())

    @contextmanager
    def on_behalf_of(self, request_id: str, idempotency_key: str | None) -> Iterator[None]:
        """Do one API request's work alone; its events say which request caused them."""
        with self.lock:
            self.cause = {"id": request_id, "idempotency_key": idempotency_key}
            try:
                yield
            finally:
                self.cause = NO_REQUEST

    def find(self, table: Table, kind: str, id: str, param: str = "id") -> Json:
        """What the table holds under the id, or the Refusal of an unknown one."""
        if id not in table:
            raise no_such(kind, id, param)
        return table[id]

    def event(self, id: str) -> Json:
        """The event with the id, or the Refusal of an unknown one."""
        return self.find({event["id"]: event for event in self.events}, "event", id)

    def emit(self, type: str, subject: Json, previous: Json | None = None) -> None:
        """Note an event with its object as it is now, and hand it to the dispatcher."""
        event = after_payment.event(
            type, subject, created=self.now(), cause=self.cause, previous=previous
        )
        self.events.append(event)
        self.on_event(event)

    def snapshot(self, *names: str) -> dict[str, Any]:
        """A copy of the named tables, or of all, for an observer from outside."""
        with self.lock:
            return copy.deepcopy({name: getattr(self, name) for name in names or TABLES})
