"""What is read from Stripe, for the worker and the books: sessions, their lines, lists."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any

import stripe

from checkout.gateway.calls import client, stripe_call
from checkout.gateway.failures import StripeRefused, failure

PAGE_SIZE = 100  # Stripe gives no more at once


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
        raise failure(error) from error
    except stripe.StripeError as error:
        raise failure(error) from error


def _retrieved(session_id: str, **params: Any) -> dict[str, Any]:
    with stripe_call("retrieve session", about=session_id):
        return client().v1.checkout.sessions.retrieve(session_id, params or None).to_dict()  # type: ignore[arg-type]


def balance_transaction(payment_intent: str) -> dict[str, Any] | None:
    """Return how the payment came to the merchant's balance: with its fee, net and currency.

    It is empty until Stripe has it; None if Stripe knows no such payment.
    Raises StripeDown or StripeRefused.
    """
    expand = {"expand": ["latest_charge.balance_transaction"]}
    try:
        with stripe_call("retrieve payment", about=payment_intent):
            intent = client().v1.payment_intents.retrieve(payment_intent, expand)  # type: ignore[arg-type]
    except stripe.StripeError as error:
        if error.code == "resource_missing":
            return None
        raise failure(error) from error
    charge = intent.to_dict().get("latest_charge") or {}
    return charge.get("balance_transaction") or {}


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
            page = attrgetter(things)(client().v1).list(*of, {"limit": PAGE_SIZE, **params})
        yield page.to_dict()["data"]
        while page.has_more:
            with stripe_call(operation):
                page = page.next_page()
            yield page.to_dict()["data"]
    except stripe.StripeError as error:
        raise failure(error) from error


def between(since: datetime, until: datetime | None = None) -> dict[str, int]:
    """Return the filter of a list for what was made from `since` on, and before `until`."""
    times = {"gte": since, "lt": until}
    return {name: int(time.timestamp()) for name, time in times.items() if time}
