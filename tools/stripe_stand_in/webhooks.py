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

from tools.stripe_stand_in.books import Books
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
Order = None | str | int | random.Random


@dataclass(eq=False)
class Letter:
    """An event on its way to the endpoint."""

    event: Json
    due: float
    tries: int = 0
    in_flight: bool = False


@dataclass(frozen=True)
class Try:
    """One attempt at a delivery; status 0 means that nobody answered."""

    event_id: str
    type: str
    status: int


def signature(payload: bytes, secret: str = SECRET, timestamp: int | None = None) -> str:
    """The Stripe-Signature header of now, by hand: it shares no mistake with the SDK."""
    timestamp = int(time.time()) if timestamp is None else timestamp
    signed = f"{timestamp}.".encode() + payload
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class Postman:
    """Owns the endpoint and everything that was, is or will be sent to it."""

    def __init__(
        self,
        books: Books,
        url: str | None,
        secret: str,
        enabled_events: Iterable[str] = ENABLED_EVENTS,
        retries: Iterable[int] = RETRIES,
        announce: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.books = books
        self.changed = books.changed
        self.url = url
        self.secret = secret
        self.enabled_events = tuple(enabled_events)
        self.retries = tuple(retries)
        self.announce = announce
        self.timeout = 20.0
        self.closing = False
        self.forget()
        books.on_event = self.take

    def forget(self) -> None:
        """Drop all letters and all special orders."""
        with self.changed:
            self.letters: list[Letter] = []
            self.undelivered: set[str] = set()
            self.tries: list[Try] = []
            self.losing: tuple[str, ...] = ()
            self.deliver_normally()

    # Orders from the tests

    def hold(self, seconds: float | None = None) -> None:
        """Keep letters back, until released or for so long."""
        with self.changed:
            self.held_until = FOREVER if seconds is None else self.books.clock.now() + seconds

    def release(self, order: Order = None) -> None:
        """Let held letters go: as they came, "reversed", or shuffled by a seed or a Random."""
        with self.changed:
            if order == "reversed":
                self.letters.reverse()
            elif order is not None:
                shuffler = order if isinstance(order, random.Random) else random.Random(order)
                shuffler.shuffle(self.letters)
            self.held_until = 0.0
            self.changed.notify_all()

    def lose(self, types: Iterable[str] | None = None) -> None:
        """Lose waiting and coming letters, all of them or those of some types."""
        with self.changed:
            self.losing = ("*",) if types is None else tuple(types)
            self.letters = [letter for letter in self.letters if not self._is_lost(letter.event)]

    def duplicate(self, copies: int = 2) -> None:
        """Send each letter so many times, all at once."""
        with self.changed:
            self.copies = copies

    def deliver_normally(self) -> None:
        """End holding, losing and duplicating."""
        with self.changed:
            self.losing = ()
            self.copies = 1
            self.held_until = 0.0
            self.changed.notify_all()

    # Letters

    def take(self, event: Json) -> None:
        """Accept an event that just happened; called with the lock held."""
        if not self.url or not _matches(event["type"], self.enabled_events):
            return
        event["pending_webhooks"] = 1
        self.undelivered.add(event["id"])
        if not self._is_lost(event):
            self.letters.append(Letter(event, due=self.books.clock.now()))
        self.changed.notify_all()

    def is_on_its_way(self, event_id: str) -> bool:
        """Whether the first try of this event is still to come, soon and by itself."""
        waiting = [letter for letter in self.letters if letter.event["id"] == event_id]
        return any(letter.tries == 0 for letter in waiting) and not self._is_holding()

    def is_busy(self) -> bool:
        """Whether a letter is under way or due now."""
        return any(letter.in_flight for letter in self.letters) or self._next() is not None

    def deliver(self, event_id: str) -> int:
        """Send one event by hand, now; 2xx counts as delivered."""
        with self.changed:
            event = self.books.event(event_id)
        status = self.send(event)
        if 200 <= status < 300:
            with self.changed:
                self._delivered(event)
        return status

    def send(self, event: Json, secret: str | None = None, timestamp: int | None = None) -> int:
        """Sign and send any dict; the answer's status, or 0 when there was none."""
        with self.changed:
            if not self.url:
                raise RuntimeError("There is no webhook_url to send to.")
            url, secret = self.url, self.secret if secret is None else secret
            payload = json.dumps(event, indent=2).encode()
        # Signed with real time: a shop that keeps real time refuses what looks older than minutes.
        header = signature(payload, secret, timestamp)
        status = _post(url, payload, header, self.timeout)
        attempt = Try(str(event.get("id")), str(event.get("type")), status)
        with self.changed:
            self.tries.append(attempt)
        self.announce(f"webhook {attempt.type} {attempt.event_id} -> {status or 'no answer'}")
        return status

    def run(self) -> None:
        """Deliver letters as they fall due, one after the other, until closed."""
        while not self.closing:
            with self.changed:
                self.books.expire_due()
                letter = self._next()
                if letter is None:
                    self.changed.wait(0.2)
                    continue
                letter.in_flight = True
                copies = self.copies
            statuses = self._send_copies(letter.event, copies)
            with self.changed:
                self._settle(letter, statuses)
                self.changed.notify_all()

    def close(self) -> None:
        """End the delivering thread."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()

    def _send_copies(self, event: Json, copies: int) -> list[int]:
        statuses: list[int] = []
        others = [
            threading.Thread(target=lambda: statuses.append(self.send(event)), daemon=True)
            for _ in range(copies - 1)
        ]
        for other in others:
            other.start()
        statuses.append(self.send(event))
        for other in others:
            other.join()
        return statuses

    def _settle(self, letter: Letter, statuses: list[int]) -> None:
        letter.in_flight = False
        letter.tries += 1
        if any(200 <= status < 300 for status in statuses):
            self._delivered(letter.event)
        elif letter not in self.letters:
            return  # forgotten, lost or delivered by hand meanwhile
        elif letter.tries > len(self.retries):
            self.letters.remove(letter)
        else:
            letter.due = self.books.clock.now() + self.retries[letter.tries - 1]

    def _delivered(self, event: Json) -> None:
        event["pending_webhooks"] = 0
        self.undelivered.discard(event["id"])
        self.letters = [letter for letter in self.letters if letter.event["id"] != event["id"]]

    def _next(self) -> Letter | None:
        if not self.url or self._is_holding():
            return None
        now = self.books.clock.now()
        waiting = (letter for letter in self.letters if not letter.in_flight)
        return next((letter for letter in waiting if letter.due <= now), None)

    def _is_holding(self) -> bool:
        return self.held_until > self.books.clock.now()

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
