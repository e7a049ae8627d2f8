"""The stand-in as a whole: one object that starts it, steers it and shows what it knows."""

import copy
import threading
from collections.abc import Callable, Iterable
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tools.stripe_stand_in.api import Api, Request
from tools.stripe_stand_in.books import Books
from tools.stripe_stand_in.clock import Clock
from tools.stripe_stand_in.faults import Fault
from tools.stripe_stand_in.page import EMAIL
from tools.stripe_stand_in.server import serve
from tools.stripe_stand_in.shapes import Json
from tools.stripe_stand_in.webhooks import ENABLED_EVENTS, RETRIES, Order, Postman, Try


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
        self.books = Books(self.clock)
        self.postman = Postman(self.books, webhook_url, secret, enabled_events, retries, announce)
        self.api = Api(self.books, self.postman)
        self.checkout_wait = checkout_wait
        self.announce = announce
        self.port = port
        self._server: ThreadingHTTPServer | None = None
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
        """Take the port and answer; raises OSError when somebody else has it."""
        self._server = serve(self, self.port)
        self.port = self._server.server_port
        works = (lambda server=self._server: server.serve_forever(0.01)), self.postman.run
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Give the port back. A webhook that still hangs is left alone."""
        self.clear_faults()
        self.postman.close()
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
        return self.postman.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        with self.books.lock:
            self.postman.url = url

    @property
    def secret(self) -> str:
        """What webhooks are signed with; can be changed, as a rolled secret."""
        return self.postman.secret

    @secret.setter
    def secret(self, secret: str) -> None:
        with self.books.lock:
            self.postman.secret = secret

    def listen(
        self,
        webhook_url: str | None,
        secret: str | None = None,
        enabled_events: Iterable[str] | None = None,
    ) -> None:
        """Set the endpoint: its address and, if given, its secret and event types ("*" is all)."""
        with self.books.lock:
            self.postman.url = webhook_url
            self.postman.secret = secret or self.postman.secret
            if enabled_events is not None:
                self.postman.enabled_events = tuple(enabled_events)

    # What it knows (copies)

    @property
    def sessions(self) -> dict[str, Json]:
        """All sessions by id, newest last."""
        sessions: dict[str, Json] = self._photograph("sessions")
        return sessions

    @property
    def refunds(self) -> dict[str, Json]:
        """All refunds by id, newest last."""
        refunds: dict[str, Json] = self._photograph("refunds")
        return refunds

    @property
    def events(self) -> list[Json]:
        """All events, in the order in which they happened."""
        events: list[Json] = self._photograph("events")
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
    def deliveries(self) -> list[Try]:
        """Tries to deliver an event, in order."""
        with self.books.lock:
            return list(self.postman.tries)

    def _photograph(self, shelf: str) -> Any:
        self.books.expire_due()
        return self.books.photograph(shelf)[shelf]

    def session(self, id: str) -> Json:
        """One session."""
        return self._copied(self.books.session, id)

    def events_of(self, type: str) -> list[Json]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == type]

    def now(self) -> int:
        """The stand-in's time."""
        return self.books.now()

    # What shoppers, banks and merchants do

    def pay(self, id: str, email: str = EMAIL) -> Json:
        """Pay by card."""
        return self._copied(self.books.pay, id, email)

    def pay_later(self, id: str, email: str = EMAIL) -> Json:
        """Complete with a bank debit: unpaid until `settle` or `fail`."""
        return self._copied(self.books.pay_later, id, email)

    def settle(self, id: str) -> Json:
        """The bank debit succeeds."""
        return self._copied(self.books.settle, id)

    def fail(self, id: str) -> Json:
        """The bank debit fails."""
        return self._copied(self.books.fail, id)

    def decline(self, id: str) -> Json:
        """The card is declined; the session stays open."""
        return self._copied(self.books.decline, id)

    def expire(self, id: str) -> Json:
        """The session ends unpaid."""
        return self._copied(self.books.expire, id)

    def refund(self, session_id: str, amount: int | None = None) -> Json:
        """Refund a session's payment from the dashboard; all of it, or a part."""
        with self.books.lock:
            params = {"payment_intent": self.books.session(session_id)["payment_intent"]}
            if amount is not None:
                params["amount"] = amount
            return self._copied(self.books.refund, params)

    def fail_refund(self, refund_id: str) -> Json:
        """The refund comes back."""
        return self._copied(self.books.fail_refund, refund_id)

    def dispute(self, session_id: str) -> Json:
        """The shopper disputes the payment."""
        return self._copied(self.books.dispute, session_id)

    def close_dispute(self, session_id: str, won: bool) -> Json:
        """The bank decides the dispute."""
        return self._copied(self.books.close_dispute, session_id, won)

    def _copied(self, verb: Callable[..., Json], *arguments: Any) -> Json:
        with self.books.lock:
            return copy.deepcopy(verb(*arguments))

    # What the network does

    def hold(self, seconds: float | None = None) -> None:
        """Keep webhooks back until `release`, or for so many seconds of the stand-in's clock."""
        self.postman.hold(seconds)

    def release(self, order: Order = None) -> None:
        """Send what was held: as it came, "reversed", or shuffled by a seed or random.Random."""
        self.postman.release(order)

    def lose(self, types: Iterable[str] | None = None) -> None:
        """Never deliver waiting and coming events, all or some types; the API still lists them."""
        self.postman.lose(types)

    def duplicate(self, copies: int = 2) -> None:
        """Deliver each event so many times at the same moment."""
        self.postman.duplicate(copies)

    def deliver_normally(self) -> None:
        """End `hold`, `lose` and `duplicate`."""
        self.postman.deliver_normally()

    def deliver(self, event_id: str) -> int:
        """Deliver one event now, once more or at last; the endpoint's status, 0 for no answer."""
        return self.postman.deliver(event_id)

    def send(self, event: Json, secret: str | None = None, timestamp: int | None = None) -> int:
        """Deliver any dict, signed; the endpoint's status, 0 for no answer."""
        return self.postman.send(event, secret, timestamp)

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
    ) -> None:
        """Let the next `times` calls of `method` ("*" is any) below `path` go wrong.

        `status` answers instead, `hang` waits, `drop` breaks the connection; all of them before
        the work, or after it.
        """
        self.api.faults.order(Fault(method, path, status, times, after, hang, drop))

    def clear_faults(self) -> None:
        """Cancel the faults that didn't happen yet; calls that hang go on at once."""
        self.api.faults.clear()

    # Time

    def advance(self, seconds: float) -> None:
        """Put the clock forward: sessions expire by it, retries and held events fall due."""
        with self.books.changed:
            self.clock.skipped += seconds
            self.books.expire_due()
            self.books.changed.notify_all()

    def wait_until_quiet(self, timeout: float = 30) -> None:
        """Wait until no delivery is under way or due; raises TimeoutError."""
        with self.books.changed:
            if not self.books.changed.wait_for(lambda: not self.postman.is_busy(), timeout):
                raise TimeoutError(f"Webhooks were still under way after {timeout} seconds.")

    def wait_for_endpoint(self, event: Json) -> None:
        """Wait as Checkout does: until the endpoint answered the event, or ten seconds."""
        with self.books.changed:
            self.books.changed.wait_for(
                lambda: not self.postman.is_on_its_way(event["id"]), self.checkout_wait
            )

    def reset(self) -> None:
        """Forget everything but the endpoint, and return to real time."""
        with self.books.changed:
            self.books.forget()
            self.postman.forget()
            self.api.forget()
            self.clock.skipped = 0.0
