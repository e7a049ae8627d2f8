"""Delivers events: signed, in order, retried, and on demand late, twice, shuffled or never."""

import hashlib
import hmac
import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from urllib.parse import urlsplit

from tools.stripe_stand_in import account
from tools.stripe_stand_in.ledger import Ledger
from tools.stripe_stand_in.refusals import Refusal
from tools.stripe_stand_in.shapes import Json

SECRET = "whsec_test"
"""The signing secret of tests and tools, where nothing else is said."""

ENABLED_EVENTS = (
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
)
MINUTE, HOUR = 60, 60 * 60
# Stripe says: with growing pauses, for three days.
RETRIES = (5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, *[12 * HOUR] * 4)
FOREVER = float("inf")
ReleaseOrder = None | str | int | random.Random


@dataclass(eq=False)
class Delivery:
    """An event on its way to an endpoint."""

    event: Json
    endpoint: Json
    due: float
    attempts: int = 0
    in_flight: bool = False


@dataclass(frozen=True)
class Attempt:
    """One attempt at a delivery; status 0 means that there was no answer."""

    event_id: str
    type: str
    status: int


def signature(payload: bytes, secret: str = SECRET, timestamp: int | None = None) -> str:
    """The Stripe-Signature header of now, by hand: it shares no mistake with the SDK."""
    timestamp = int(time.time()) if timestamp is None else timestamp
    signed = f"{timestamp}.".encode() + payload
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class Dispatcher:
    """Owns the endpoints and everything that was, is or will be sent to them.

    `listen` sets the main one; others are added by the API, or as in the dashboard.
    """

    def __init__(
        self,
        ledger: Ledger,
        url: str | None,
        secret: str,
        enabled_events: Iterable[str] = ENABLED_EVENTS,
        retries: Iterable[int] = RETRIES,
        announce: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.ledger = ledger
        self.changed = ledger.changed
        self.main = account.endpoint(url or "", enabled_events, secret, created=int(time.time()))
        self.retries = tuple(retries)
        self.announce = announce
        self.timeout = 20.0
        self.closing = False
        self.forget()
        ledger.on_event = self.enqueue

    def forget(self) -> None:
        """Drop all deliveries and all special orders."""
        with self.changed:
            self.pending: list[Delivery] = []
            self.added: dict[str, Json] = {}
            self.waiting: dict[str, set[str]] = {}
            self.attempts: list[Attempt] = []
            self.losing: tuple[str, ...] = ()
            self.deliver_normally()

    # Endpoints

    @property
    def url(self) -> str | None:
        """The main endpoint's address; without one it isn't there."""
        return self.main["url"] or None

    @url.setter
    def url(self, url: str | None) -> None:
        self.main["url"] = url or ""

    @property
    def endpoints(self) -> dict[str, Json]:
        """All endpoints by id, newest last."""
        main = {self.main["id"]: self.main} if self.main["url"] else {}
        return main | self.added

    @property
    def undelivered(self) -> set[str]:
        """The events that some endpoint has not taken."""
        return {id for id, endpoints in self.waiting.items() if endpoints}

    def add(self, params: Json) -> Json:
        """Make an endpoint by checked parameters; raises the Refusal of one too many."""
        with self.changed:
            account.check_url(params["url"])
            if len(self.endpoints) >= account.MOST_ENDPOINTS:
                raise Refusal("You have reached the maximum of 16 test webhook endpoints.")
            names = ("api_version", "description", "metadata")
            given = {name: params[name] for name in names if params.get(name)}
            now = self.ledger.now()
            made = account.endpoint(params["url"], params["enabled_events"], created=now, **given)
            self.added[made["id"]] = made
            return made

    def endpoint(self, id: str) -> Json:
        """The endpoint with the id; raises the Refusal of an unknown one."""
        return self.ledger.find(self.endpoints, "webhook_endpoint", id)

    def change(self, id: str, params: Json) -> Json:
        """Change an endpoint by checked parameters."""
        with self.changed:
            found = self.endpoint(id)
            if "url" in params:
                account.check_url(params["url"])
            if "disabled" in params:
                found["status"] = "disabled" if params["disabled"] else "enabled"
            if params.get("metadata"):
                found["metadata"] |= params["metadata"]
            names = ("url", "enabled_events", "description")
            found.update({name: params[name] for name in names if name in params})
            return found

    def remove(self, id: str) -> None:
        """Delete an endpoint, and what is on its way to it."""
        with self.changed:
            if id == self.main["id"]:
                self.url = None
            self.added.pop(id, None)
            self.pending = [one for one in self.pending if one.endpoint["id"] != id]
            for endpoints in self.waiting.values():
                endpoints.discard(id)

    # Orders from the tests

    def hold(self, seconds: float | None = None) -> None:
        """Keep deliveries back, until released or for so long."""
        with self.changed:
            self.held_until = FOREVER if seconds is None else self.ledger.clock.now() + seconds

    def release(self, order: ReleaseOrder = None) -> None:
        """Let held deliveries go: as they came, "reversed", or shuffled by a seed or a Random."""
        with self.changed:
            if order == "reversed":
                self.pending.reverse()
            elif order is not None:
                shuffler = order if isinstance(order, random.Random) else random.Random(order)
                shuffler.shuffle(self.pending)
            self.held_until = 0.0
            self.changed.notify_all()

    def lose(self, types: Iterable[str] | None = None) -> None:
        """Lose waiting and coming deliveries, all of them or those of some types."""
        with self.changed:
            self.losing = ("*",) if types is None else tuple(types)
            self.pending = [one for one in self.pending if not self._is_lost(one.event)]

    def duplicate(self, copies: int = 2) -> None:
        """Send each delivery so many times, all at once."""
        with self.changed:
            self.copies = copies

    def deliver_normally(self) -> None:
        """End holding, losing and duplicating."""
        with self.changed:
            self.losing = ()
            self.copies = 1
            self.held_until = 0.0
            self.changed.notify_all()

    # Deliveries

    def enqueue(self, event: Json) -> None:
        """Accept an event that just happened; called with the lock held."""
        found = [
            endpoint
            for endpoint in self.endpoints.values()
            if endpoint["status"] == "enabled"
            and _matches(event["type"], tuple(endpoint["enabled_events"]))
        ]
        event["pending_webhooks"] = len(found)
        self.waiting[event["id"]] = {endpoint["id"] for endpoint in found}
        if not self._is_lost(event):
            now = self.ledger.clock.now()
            self.pending += [Delivery(event, endpoint, due=now) for endpoint in found]
        self.changed.notify_all()

    def is_on_its_way(self, event_id: str) -> bool:
        """Whether the first attempt at this event is still to come, soon and by itself."""
        waiting = [delivery for delivery in self.pending if delivery.event["id"] == event_id]
        return any(delivery.attempts == 0 for delivery in waiting) and not self._is_holding()

    def is_busy(self) -> bool:
        """Whether a delivery is under way or due now."""
        return any(delivery.in_flight for delivery in self.pending) or self._next() is not None

    def deliver(self, event_id: str) -> int:
        """Send one event to the main endpoint by hand, now; 2xx counts as delivered."""
        with self.changed:
            event = self.ledger.event(event_id)
        status = self.send(event)
        if 200 <= status < 300:
            with self.changed:
                self._delivered(event, self.main)
        return status

    def send(
        self,
        event: Json,
        secret: str | None = None,
        timestamp: int | None = None,
        endpoint: Json | None = None,
    ) -> int:
        """Sign and send any dict; the answer's status, or 0 when there was none."""
        with self.changed:
            endpoint = endpoint or self.main
            if not endpoint["url"]:
                raise RuntimeError("There is no webhook_url to send to.")
            url, secret = endpoint["url"], endpoint["secret"] if secret is None else secret
            payload = json.dumps(event, indent=2).encode()
        # Signed with real time: a shop that keeps real time refuses what looks older than minutes.
        header = signature(payload, secret, timestamp)
        status = _post(url, payload, header, self.timeout)
        attempt = Attempt(str(event.get("id")), str(event.get("type")), status)
        with self.changed:
            self.attempts.append(attempt)
        self.announce(f"webhook {attempt.type} {attempt.event_id} -> {status or 'no answer'}")
        return status

    def run(self) -> None:
        """Send deliveries as they fall due, one after the other, until closed."""
        while not self.closing:
            with self.changed:
                self.ledger.expire_due()
                delivery = self._next()
                if delivery is None:
                    self.changed.wait(0.2)
                    continue
                delivery.in_flight = True
                copies = self.copies
            statuses = self._send_copies(delivery, copies)
            with self.changed:
                self._settle(delivery, statuses)
                self.changed.notify_all()

    def close(self) -> None:
        """End the delivering thread."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()

    def _send_copies(self, delivery: Delivery, copies: int) -> list[int]:
        statuses: list[int] = []

        def send() -> None:
            statuses.append(self.send(delivery.event, endpoint=delivery.endpoint))

        others = [threading.Thread(target=send, daemon=True) for _ in range(copies - 1)]
        for other in others:
            other.start()
        send()
        for other in others:
            other.join()
        return statuses

    def _settle(self, delivery: Delivery, statuses: list[int]) -> None:
        delivery.in_flight = False
        delivery.attempts += 1
        if any(200 <= status < 300 for status in statuses):
            self._delivered(delivery.event, delivery.endpoint)
        elif delivery not in self.pending:
            return  # forgotten, lost or delivered by hand meanwhile
        elif delivery.attempts > len(self.retries):
            self.pending.remove(delivery)
        else:
            delivery.due = self.ledger.clock.now() + self.retries[delivery.attempts - 1]

    def _delivered(self, event: Json, endpoint: Json) -> None:
        waiting = self.waiting.setdefault(event["id"], set())
        waiting.discard(endpoint["id"])
        event["pending_webhooks"] = len(waiting)
        self.pending = [
            one
            for one in self.pending
            if (one.event["id"], one.endpoint["id"]) != (event["id"], endpoint["id"])
        ]

    def _next(self) -> Delivery | None:
        if self._is_holding():
            return None
        now = self.ledger.clock.now()
        waiting = (
            delivery
            for delivery in self.pending
            if not delivery.in_flight
            and delivery.endpoint["url"]
            and delivery.endpoint["status"] == "enabled"
        )
        return next((delivery for delivery in waiting if delivery.due <= now), None)

    def _is_holding(self) -> bool:
        return self.held_until > self.ledger.clock.now()

    def _is_lost(self, event: Json) -> bool:
        return _matches(event["type"], self.losing)


def _matches(type: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(type, pattern) for pattern in patterns)


def _post(url: str, payload: bytes, header: str, timeout: float) -> int:
    # http.client neither follows redirects nor asks a proxy, which is what Stripe's side does.
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=timeout)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": header,
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Accept": "*/*; q=0.5, application/xml",
        "Cache-Control": "no-cache",
        "Connection": "close",
    }
    path = parts.path or "/"
    try:
        connection.request(
            "POST", f"{path}?{parts.query}" if parts.query else path, payload, headers
        )
        response = connection.getresponse()
        response.read()
        return response.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
