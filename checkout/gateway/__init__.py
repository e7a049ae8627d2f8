"""The only package that talks to Stripe: ids and minor units in, plain values out."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import stripe

from checkout.gateway.calls import client, stripe_call
from checkout.gateway.failures import StripeDown, failure
from checkout.gateway.reads import session_now
from checkout.models import Order, OrderItem
from storefront.models import Shop

__all__ = ["CheckoutSession", "close_session", "collect_payment", "open_session", "session_now"]


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
            session = client().v1.checkout.sessions.create(params, {"idempotency_key": key})  # type: ignore[arg-type]
    except stripe.StripeError as error:
        raise failure(error) from error
    if not (session.url or "").startswith(("https://", "http://")):
        raise StripeDown("Stripe answered without an address to pay at.", is_answered=True)
    return CheckoutSession(
        session.id, str(session.url), datetime.fromtimestamp(session.expires_at, tz=UTC)
    )


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
