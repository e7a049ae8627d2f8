"""The only module that talks to Stripe: ids and minor units in, plain values out."""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from operator import attrgetter
from typing import Any

import stripe
from django.conf import settings

from checkout import metrics
from checkout.models import Order, OrderItem
from storefront.models import Shop
from storefront.ops import bulkhead, clock

CONNECT_SECONDS, READ_SECONDS, RETRIES = 2, 6, 1
SIGNATURE_SECONDS = 300  # so far may the time of a signature be from ours
PAGE_SIZE = 100  # Stripe gives no more at once

# The SDK would write timings into the home directory, which a PaaS may not have.
stripe.enable_telemetry = False

# gunicorn.conf.py says how many threads serve. A command is alone and waits as long as it takes.
line = bulkhead.Bulkhead("Stripe", int(os.environ.get("WORKER_THREADS", "0")))


class StripeFailed(Exception):
    """Stripe opened no Checkout Session. If it `is_answered`, the same key gets the same answer.

    It may help to `retry_after` so many seconds; 0 says that it won't.
    """

    retry_after = 0

    def __init__(self, message: str, *, is_answered: bool) -> None:
        super().__init__(message)
        self.is_answered = is_answered


class StripeDown(StripeFailed):
    """Stripe can't be reached, is in trouble or asks us to slow down: later may work."""

    retry_after = 60


class StripeBusy(StripeDown):
    """So many wait for Stripe that nobody else may, or the whole shop would wait."""

    retry_after = 3


class StillAsking(StripeDown):
    """Stripe is being asked the same already: this shopper pressed twice."""

    retry_after = 3


class StripeRefused(StripeFailed):
    """Stripe does not accept the request or the key: the merchant has to fix something."""


class AmountTooSmall(StripeRefused):
    """The amount is below Stripe's minimum, which depends on the merchant's bank."""


class ClockIsOff(StripeRefused):
    """The session would end too soon or too late by Stripe's clock, which is right."""


class ForgedWebhook(Exception):
    """The delivery was not signed by Stripe, or is no event."""


class OutOfDateWebhook(Exception):
    """Stripe signed the delivery, but not within the last minutes: `age` is in seconds."""

    def __init__(self, age: int) -> None:
        super().__init__(age)
        self.age = age


@dataclass(frozen=True)
class CheckoutSession:
    """Where a shopper pays, and until when."""

    id: str
    url: str
    expires_at: datetime


def open_session(
    order: Order, items: Iterable[OrderItem], *, success_url: str, cancel_url: str, until: datetime
) -> CheckoutSession:
    """Open the order's Checkout Session; the same attempt, asked again, gets the same session.

    Raises StripeDown or StripeRefused.
    """
    reference = {"order_id": str(order.pk), "shop": str(Shop.this())}
    params: dict[str, Any] = {
        "mode": "payment",
        "line_items": [_line_item(item, order.currency) for item in items],
        "client_reference_id": str(order.pk),
        "metadata": reference,
        # Stripe does not copy a session's metadata to what refunds and disputes refer to.
        "payment_intent_data": {"metadata": reference},
        "expires_at": int(until.timestamp()),
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    key = f"order-{order.pk}-{order.attempt}"
    try:
        with stripe_call("create session", about=f"checkout of {order.shopper}"):
            session = _client().v1.checkout.sessions.create(params, {"idempotency_key": key})  # type: ignore[arg-type]
    except stripe.StripeError as error:
        raise _failure(error) from error
    if not (session.url or "").startswith(("https://", "http://")):
        raise StripeDown("Stripe answered without an address to pay at.", is_answered=True)
    return CheckoutSession(
        session.id, str(session.url), datetime.fromtimestamp(session.expires_at, tz=UTC)
    )


def close_session(session_id: str) -> bool:
    """Close the session to payments. False if it has been paid, or may still be.

    Raises StripeDown or StripeRefused.
    """
    sessions = _client().v1.checkout.sessions
    try:
        with stripe_call("expire session", about=session_id):
            sessions.expire(session_id)
    except stripe.InvalidRequestError:
        # It is not open any more: paid, or expired?
        return _is_expired(session_id)
    except stripe.StripeError as error:
        raise _failure(error) from error
    return True


def collect_payment(order: Order) -> None:
    """Do nothing: the shopper pays on Stripe's page, and a webhook reports it."""


def session_now(session_id: str) -> dict[str, Any] | None:
    """Return the session as it is now, None if Stripe has none.

    Its PaymentIntent is there in full, or by its id if the key may not read PaymentIntents.
    Raises StripeDown or StripeRefused.
    """
    try:
        try:
            return _retrieved(session_id, expand=["payment_intent"])
        except stripe.PermissionError:
            return _retrieved(session_id)
    except stripe.InvalidRequestError as error:
        if error.http_status == 404:
            return None
        raise _failure(error) from error
    except stripe.StripeError as error:
        raise _failure(error) from error


def _retrieved(session_id: str, **params: Any) -> dict[str, Any]:
    with stripe_call("retrieve session", about=session_id):
        return _client().v1.checkout.sessions.retrieve(session_id, params or None).to_dict()  # type: ignore[arg-type]


def undelivered_events(types: Iterable[str], since: datetime) -> Iterator[list[dict[str, Any]]]:
    """Yield pages of events that Stripe could not deliver, newest first; Stripe keeps 30 days.

    Raises StripeDown or StripeRefused.
    """
    return pages_of("events", types=list(types), delivery_success=False, created=between(since))


def line_items(session_id: str) -> list[dict[str, Any]]:
    """Return what a session sells; with its products, unless the key may not read those.

    Raises StripeDown or StripeRefused.
    """
    lines = ("checkout.sessions.line_items", session_id)
    try:
        return [*chain(*pages_of(*lines, expand=["data.price.product"]))]
    except StripeRefused as refusal:
        if not isinstance(refusal.__cause__, stripe.PermissionError):
            raise
        return [*chain(*pages_of(*lines))]


def pages_of(things: str, *of: str, **params: Any) -> Iterator[list[dict[str, Any]]]:
    """Yield pages of one of Stripe's lists, such as "events"; all but line items newest first.

    Raises StripeDown or StripeRefused.
    """
    operation = f"list {things.rpartition('.')[2].replace('_', ' ')}"
    try:
        with stripe_call(operation):
            page = attrgetter(things)(_client().v1).list(*of, {"limit": PAGE_SIZE, **params})
        yield page.to_dict()["data"]
        while page.has_more:
            with stripe_call(operation):
                page = page.next_page()
            yield page.to_dict()["data"]
    except stripe.StripeError as error:
        raise _failure(error) from error


def between(since: datetime, until: datetime | None = None) -> dict[str, int]:
    """Return the filter of a list for what was made from `since` on, and before `until`."""
    times = {"gte": since, "lt": until}
    return {name: int(time.timestamp()) for name, time in times.items() if time}


def verified_event(body: bytes, signature: str) -> dict[str, Any]:
    """Return the event that Stripe signed, as plain values.

    The SDK checks the header only: to build its objects would take a third of a webhook's
    time. Several secrets are tried, as two are in use while one is rolled.
    Raises ForgedWebhook or OutOfDateWebhook.
    """
    try:
        text = body.decode()
        _verify(text, signature)
        _refuse_what_is_out_of_date(signature)
        event = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, TypeError, RecursionError, stripe.SignatureVerificationError) as error:
        raise ForgedWebhook from error
    if not isinstance(event, dict):
        raise ForgedWebhook
    return event


def _line_item(item: OrderItem, currency: str) -> dict[str, Any]:
    return {
        "quantity": item.quantity,
        "price_data": {
            "currency": currency,
            "unit_amount": item.unit_price_cents,
            "product_data": {"name": item.name, "metadata": _reference(item)},
        },
    }


def _reference(item: OrderItem) -> dict[str, str]:
    """Return what tells the product, should the order have to be rebuilt from its session."""
    return {"product_id": str(item.product_id)} if item.product_id else {}


def _is_expired(session_id: str) -> bool:
    try:
        with stripe_call("retrieve session", about=session_id):
            return _client().v1.checkout.sessions.retrieve(session_id).status == "expired"
    except stripe.InvalidRequestError:
        return True  # Stripe doesn't know it: another account's, or long gone
    except stripe.StripeError as error:
        raise _failure(error) from error


def _failure(error: stripe.StripeError) -> StripeFailed:
    """Translate Stripe's error; whether it was an answer matters, as Stripe replays those."""
    status = error.http_status or 0
    is_passing = status in (0, 409, 429)
    kind = StripeDown if is_passing or status >= 500 else StripeRefused
    if isinstance(error, stripe.IdempotencyError):
        kind = StripeDown  # the request has changed since, and is allowed under the next key
    if error.code == "amount_too_small":
        kind = AmountTooSmall
    if status == 409:  # another process asks under the same key
        kind = StillAsking
    # Stripe's message may repeat what it was sent; these only name the problem.
    param = getattr(error, "param", "")
    problem = (type(error).__name__, status, error.code, param, error.request_id)
    found = " ".join(str(word) for word in problem if word)
    if param == "expires_at":
        return ClockIsOff(f"{found}: look at the server's clock", is_answered=True)
    return kind(found, is_answered=not is_passing)


def _verify(text: str, signature: str) -> None:
    secrets = settings.STRIPE_WEBHOOK_SECRET.split(",")
    for secret in secrets[:-1]:
        try:
            stripe.WebhookSignature.verify_header(text, signature, secret)
        except stripe.SignatureVerificationError:
            continue
        return
    stripe.WebhookSignature.verify_header(text, signature, secrets[-1])


def _refuse_what_is_out_of_date(signature: str) -> None:
    """Compare the clocks only now: what anybody may write says nothing about them."""
    parts = [part.split("=", 2) for part in signature.split(",")]
    signed_at = int(next(part[1] for part in parts if part[0] == "t"))  # as Stripe's SDK reads it
    age = int(time.time()) - signed_at
    if abs(age) > SIGNATURE_SECONDS:
        raise OutOfDateWebhook(age)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


@contextmanager
def stripe_call(operation: str, *, about: str = "") -> Iterator[None]:
    """Ask Stripe, if that may be now. Raises StripeDown."""
    try:
        with line.place(about), metrics.stripe_call(operation):
            yield
    except bulkhead.Refused as refused:
        kinds = {bulkhead.Full: StripeBusy, bulkhead.Taken: StillAsking}
        raise kinds.get(type(refused), StripeDown)(str(refused), is_answered=False) from refused
    finally:
        metrics.STRIPE_LEFT_ALONE.set(line.is_tripped)


class _HttpClient(stripe.RequestsClient):
    """Looks at Stripe's clock as well."""

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, *args: Any, **kwargs: Any
    ) -> tuple[Any, int, Mapping[str, str]]:
        answer = super().request(method, url, headers, *args, **kwargs)
        clock.compare_with("Stripe", answer[2].get("Date", ""))
        return answer


def _client() -> stripe.StripeClient:
    return _client_for(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)


@cache
def _client_for(key: str, api_base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": api_base} if api_base else {},
        max_network_retries=RETRIES,
        # The SDK's own limit is 80 seconds, longer than a web worker lives.
        http_client=_HttpClient(timeout=(CONNECT_SECONDS, READ_SECONDS)),
    )
