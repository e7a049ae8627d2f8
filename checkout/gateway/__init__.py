"""The only package that talks to Stripe: ids and minor units in, plain values out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import stripe

from checkout.gateway.calls import client, stripe_call
from checkout.gateway.failures import StripeDown, failure
from checkout.gateway.params import session_params
from checkout.gateway.reads import session_now
from checkout.gateway.refunds import refund, refunds_of
from checkout.models import Order, OrderItem

__all__ = [
    "CheckoutSession",
    "close_session",
    "collect_payment",
    "open_session",
    "refund",
    "refunds_of",
    "session_now",
]


@dataclass(frozen=True)
class CheckoutSession:
    """Where a shopper pays, and until when; `rate` is Stripe's id of the delivery."""

    id: str
    url: str
    expires_at: datetime
    rate: str = ""


def open_session(
    order: Order, items: Iterable[OrderItem], *, success_url: str, cancel_url: str, until: datetime
) -> CheckoutSession:
    """Open the order's Checkout Session; the same attempt, asked again, gets the same session.

    Raises StripeDown or StripeRefused.
    """
    params = session_params(order, items) | {
        "expires_at": int(until.timestamp()),
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    key = f"order-{order.pk}-{order.attempt}"
    try:
        with stripe_call("create session", about=f"checkout of {order.shopper}"):
            session = client().v1.checkout.sessions.create(params, {"idempotency_key": key})  # type: ignore[arg-type]
    except stripe.StripeError as error:
        raise failure(error) from error
    if not (session.url or "").startswith(("https://", "http://")):
        raise StripeDown("Stripe answered without an address to pay at.", is_answered=True)
    expires_at = datetime.fromtimestamp(session.expires_at, tz=UTC)
    rates = [str(option.shipping_rate) for option in session.shipping_options or []]
    return CheckoutSession(session.id, str(session.url), expires_at, *rates[:1])


def close_session(session_id: str) -> bool:
    """Close the session to payments. False if it has been paid, or may still be.

    Raises StripeDown or StripeRefused.
    """
    sessions = client().v1.checkout.sessions
    try:
        with stripe_call("expire session", about=session_id):
            sessions.expire(session_id)
    except stripe.InvalidRequestError:
        # It is not open any more: paid, or expired?
        return _is_expired(session_id)
    except stripe.StripeError as error:
        raise failure(error) from error
    return True


def collect_payment(order: Order) -> None:
    """Do nothing: the shopper pays on Stripe's page, and a webhook reports it."""


def _is_expired(session_id: str) -> bool:
    try:
        with stripe_call("retrieve session", about=session_id):
            return client().v1.checkout.sessions.retrieve(session_id).status == "expired"
    except stripe.InvalidRequestError:
        return True  # Stripe doesn't know it: another account's, or long gone
    except stripe.StripeError as error:
        raise failure(error) from error
