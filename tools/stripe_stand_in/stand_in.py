"""The stand-in as a whole: one object that starts it, steers it and shows what it knows."""

import copy
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from tools.stripe_stand_in.account import endpoint
from tools.stripe_stand_in.api import Api, Request
from tools.stripe_stand_in.clock import Clock
from tools.stripe_stand_in.faults import Fault
from tools.stripe_stand_in.ledger import Ledger
from tools.stripe_stand_in.page import EMAIL
from tools.stripe_stand_in.server import Server, serve
from tools.stripe_stand_in.shapes import API_VERSION, Json
from tools.stripe_stand_in.webhooks import (
    ENABLED_EVENTS,
    RETRIES,
    Attempt,
    Dispatcher,
    ReleaseOrder,
)


class StandIn:
    """Plays Stripe on a port of 127.0.0.1; use it in a `with` statement."""

    def __init__(
        self,
        webhook_url: str | None = None,
        secret: str = "whsec_test",
        port: int = 0,
        *,
        enabled_events: Iterable[str] = ENABLED_EVENTS,
        retries: Iterable[int] = RETRIES,
        checkout_wait: float = 10.0,
        announce: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.clock = Clock()
        self.ledger = Ledger(self.clock)
        self.dispatcher = Dispatcher(
            self.ledger, webhook_url, secret, enabled_events, retries, announce
        )
        self.api = Api(self.ledger, self.dispatcher)
        self.checkout_wait = checkout_wait
        self.announce = announce
        self.port = port
        self._server: Server | None = None
        self._threads: list[threading.Thread] = []

    # Life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Take the port and answer; raises OSError when it is taken."""
        self._server = serve(self, self.port)
        self.port = self._server.server_port
        works = (lambda server=self._server: server.serve_forever(0.01)), self.dispatcher.run
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Give the port back. A webhook that still hangs is left alone."""
        self.clear_faults()
        self.dispatcher.close()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
        for thread in self._threads:
            thread.join(1)

    @property
    def url(self) -> str:
        """Where it answers; the SDK's `base_addresses={"api": …}`."""
        return f"http://127.0.0.1:{self.port}"

    # The endpoint

    @property
    def webhook_url(self) -> str | None:
        """Where events go; without it, nothing is sent and nothing is undelivered."""
        return self.dispatcher.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        with self.ledger.lock:
            self.dispatcher.url = url

    @property
    def secret(self) -> str:
        """What webhooks are signed with; can be changed, as a rolled secret."""
        secret: str = self.dispatcher.main["secret"]
        return secret

    @secret.setter
    def secret(self, secret: str) -> None:
        with self.ledger.lock:
            self.dispatcher.main["secret"] = secret

    def listen(
        self,
        webhook_url: str | None,
        secret: str | None = None,
        enabled_events: Iterable[str] | None = None,
    ) -> None:
        """Set the endpoint: its address and, if given, its secret and event types ("*" is all)."""
        with self.ledger.lock:
            self.dispatcher.url = webhook_url
            self.dispatcher.main["secret"] = secret or self.secret
            if enabled_events is not None:
                self.dispatcher.main["enabled_events"] = list(enabled_events)

    def add_endpoint(
        self,
        url: str,
        enabled_events: Iterable[str] = ENABLED_EVENTS,
        api_version: str | None = API_VERSION,
        status: str = "enabled",
    ) -> Json:
        """Add one more endpoint, as somebody does in the dashboard; the answer has its secret."""
        with self.ledger.lock:
            made = endpoint(url, enabled_events, created=self.now())
            made |= {"api_version": api_version, "status": status}
            self.dispatcher.added[made["id"]] = made
            return copy.deepcopy(made)

    @property
    def endpoints(self) -> dict[str, Json]:
        """All endpoints by id, newest last."""
        with self.ledger.lock:
            return copy.deepcopy(self.dispatcher.endpoints)

    # What it knows (copies)

    @property
    def sessions(self) -> dict[str, Json]:
        """All sessions by id, newest last."""
        sessions: dict[str, Json] = self._snapshot("sessions")
        return sessions

    @property
    def refunds(self) -> dict[str, Json]:
        """All refunds by id, newest last."""
        refunds: dict[str, Json] = self._snapshot("refunds")
        return refunds

    @property
    def events(self) -> list[Json]:
        """All events, in the order in which they happened."""
        events: list[Json] = self._snapshot("events")
        return events

    @property
    def requests(self) -> list[Request]:
        """Calls of the API, in order."""
        return list(self.api.log)

    @property
    def hanging(self) -> int:
        """How many calls of the API a fault keeps waiting."""
        return self.api.faults.hanging

    @property
    def attempts(self) -> list[Attempt]:
        """Tries to deliver an event, in order."""
        with self.ledger.lock:
            return list(self.dispatcher.attempts)

    def _snapshot(self, table: str) -> Any:
        self.ledger.expire_due()
        return self.ledger.snapshot(table)[table]

    def session(self, id: str) -> Json:
        """One session."""
        return self._copied(self.ledger.session, id)

    def events_of(self, type: str) -> list[Json]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == type]

    def now(self) -> int:
        """The stand-in's time."""
        return self.ledger.now()

    # What shoppers, banks and merchants do

    def pay(
        self,
        id: str,
        email: str = EMAIL,
        *,
        address: Json | None = None,
        shipping: int | None = None,
        code: str = "",
        phone: str = "",
    ) -> Json:
        """Pay by card; `shipping` is the place of the delivery option, from 0."""
        told = {"address": address, "shipping": shipping, "code": code, "phone": phone}
        return self._copied(self.ledger.pay, id, email, told)

    def pay_later(
        self,
        id: str,
        email: str = EMAIL,
        *,
        address: Json | None = None,
        shipping: int | None = None,
        code: str = "",
        phone: str = "",
    ) -> Json:
        """Complete with a bank debit: unpaid until `settle` or `fail`."""
        told = {"address": address, "shipping": shipping, "code": code, "phone": phone}
        return self._copied(self.ledger.pay_later, id, email, told)

    def promotion_code(
        self,
        code: str,
        percent_off: float | None = None,
        amount_off: int | None = None,
        currency: str | None = None,
    ) -> Json:
        """Make a code that shoppers may type where codes are allowed, and its coupon."""
        off: Json = {"percent_off": percent_off}
        if amount_off is not None:
            off = {"amount_off": amount_off, "currency": currency}
        with self.ledger.lock:
            promotion = {"type": "coupon", "coupon": self.ledger.make_coupon(off)["id"]}
            told = {"code": code, "promotion": promotion}
            return self._copied(self.ledger.make_promotion_code, told)

    def choose(
        self,
        id: str,
        *,
        address: Json | None = None,
        shipping: int | None = None,
        code: str = "",
    ) -> Json:
        """Fill in the page without paying yet: the totals follow."""
        told = {"address": address, "shipping": shipping, "code": code}
        return self._copied(self.ledger.choose, id, told)

    def configure(
        self,
        tax: str = "active",
        tax_rate: str = "19",
        registrations: Iterable[str] = ("DE",),
        terms: bool = True,
        charges: bool = True,
        country: str = "DE",
        currency: str = "usd",
    ) -> None:
        """Set the account: `tax` is active, failed, no_head_office or not_activated."""
        with self.ledger.lock:
            self.ledger.account = {
                **{"tax": tax, "tax_rate": tax_rate, "registrations": list(registrations)},
                **{"terms": terms, "charges": charges, "country": country, "currency": currency},
            }

    def forbid(self, permissions: Iterable[str], key: str = "") -> None:
        """Take rights from a key, or from all: "rak_webhook_read" … or "tax_read"."""
        with self.ledger.lock:
            self.ledger.forbidden |= {(permission, key) for permission in permissions}

    def settle(self, id: str) -> Json:
        """The bank debit succeeds."""
        return self._copied(self.ledger.settle, id)

    def fail(self, id: str) -> Json:
        """The bank debit fails."""
        return self._copied(self.ledger.fail, id)

    def decline(self, id: str) -> Json:
        """The card is declined; the session stays open."""
        return self._copied(self.ledger.decline, id)

    def expire(self, id: str) -> Json:
        """The session ends unpaid."""
        return self._copied(self.ledger.expire, id)

    def refund(self, session_id: str, amount: int | None = None) -> Json:
        """Refund a session's payment from the dashboard; all of it, or a part."""
        with self.ledger.lock:
            params = {"payment_intent": self.ledger.session(session_id)["payment_intent"]}
            if amount is not None:
                params["amount"] = amount
            return self._copied(self.ledger.refund, params)

    def lower_balance(self, is_low: bool = True) -> None:
        """Let refunds from now on be pending, as for want of money; until `settle_refund`."""
        with self.ledger.lock:
            self.ledger.balance_is_low = is_low

    def settle_refund(self, refund_id: str) -> Json:
        """The money for a pending refund is there."""
        return self._copied(self.ledger.settle_refund, refund_id)

    def fail_refund(self, refund_id: str) -> Json:
        """The refund comes back."""
        return self._copied(self.ledger.fail_refund, refund_id)

    def dispute(self, session_id: str) -> Json:
        """The shopper disputes the payment."""
        return self._copied(self.ledger.dispute, session_id)

    def close_dispute(self, session_id: str, won: bool) -> Json:
        """The bank decides the dispute."""
        return self._copied(self.ledger.close_dispute, session_id, won)

    def _copied(self, verb: Callable[..., Json], *arguments: Any) -> Json:
        with self.ledger.lock:
            return copy.deepcopy(verb(*arguments))

    # What the network does

    def hold(self, seconds: float | None = None) -> None:
        """Keep webhooks back until `release`, or for so many seconds of the stand-in's clock."""
        self.dispatcher.hold(seconds)

    def release(self, order: ReleaseOrder = None) -> None:
        """Send what was held: as it came, "reversed", or shuffled by a seed or random.Random."""
        self.dispatcher.release(order)

    def lose(self, types: Iterable[str] | None = None) -> None:
        """Never deliver waiting and coming events, all or some types; the API still lists them."""
        self.dispatcher.lose(types)

    def duplicate(self, copies: int = 2) -> None:
        """Deliver each event so many times at the same moment."""
        self.dispatcher.duplicate(copies)

    def deliver_normally(self) -> None:
        """End `hold`, `lose` and `duplicate`."""
        self.dispatcher.deliver_normally()

    def deliver(self, event_id: str) -> int:
        """Deliver one event now, once more or at last; the endpoint's status, 0 for no answer."""
        return self.dispatcher.deliver(event_id)

    def send(self, event: Json, secret: str | None = None, timestamp: int | None = None) -> int:
        """Deliver any dict, signed; the endpoint's status, 0 for no answer."""
        return self.dispatcher.send(event, secret, timestamp)

    def fault(
        self,
        method: str,
        path: str,
        *,
        status: int | None = None,
        times: int = 1,
        after: bool = False,
        hang: float = 0.0,
        drop: bool = False,
        code: str = "",
    ) -> None:
        """Let the next `times` calls of `method` ("*" is any) below `path` go wrong.

        `status` answers instead, with its `code`, `hang` waits, `drop` breaks the connection; all
        of them before the work, or after it.
        """
        self.api.faults.order(Fault(method, path, status, times, after, hang, drop, code))

    def clear_faults(self) -> None:
        """Cancel the faults that didn't happen yet; calls that hang go on at once."""
        self.api.faults.clear()

    # Time

    def advance(self, seconds: float) -> None:
        """Put the clock forward: sessions expire by it, retries and held events fall due."""
        with self.ledger.changed:
            self.clock.skipped += seconds
            self.ledger.expire_due()
            self.ledger.changed.notify_all()

    def wait_until_quiet(self, timeout: float = 30) -> None:
        """Wait until no delivery is under way or due; raises TimeoutError."""
        with self.ledger.changed:
            if not self.ledger.changed.wait_for(lambda: not self.dispatcher.is_busy(), timeout):
                raise TimeoutError(f"Webhooks were still under way after {timeout} seconds.")

    def wait_for_endpoint(self, event: Json) -> None:
        """Wait as Checkout does: until the endpoint answered the event, or ten seconds."""
        with self.ledger.changed:
            self.ledger.changed.wait_for(
                lambda: not self.dispatcher.is_on_its_way(event["id"]), self.checkout_wait
            )

    def serve_who_came(self) -> None:
        """Return when all who called are answered, also those who have lost patience since.

        A busy machine takes up a call late, and it would meet what the next test has ordered.
        """
        self.clear_faults()
        if self._server:
            self._server.serve_who_came()

    def reset(self) -> None:
        """Forget everything but the endpoint, and return to real time."""
        with self.ledger.changed:
            self.ledger.forget()
            self.dispatcher.forget()
            self.api.forget()
            self.clock.skipped = 0.0
