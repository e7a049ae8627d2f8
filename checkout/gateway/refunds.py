"""How money goes back: Stripe is asked for a refund, and which ones a payment has."""

from collections.abc import Iterator
from typing import Any

import stripe

from checkout.gateway.calls import client, stripe_call
from checkout.gateway.failures import (
    AlreadyRefunded,
    BalanceTooLow,
    IsDisputed,
    MoreThanIsLeft,
    NoSuchPayment,
    StripeFailed,
    StripeRefused,
    failure,
)
from checkout.gateway.reads import pages_of
from checkout.models import Order
from storefront.models import Shop

BY_CODE: dict[str | None, type[StripeRefused]] = {
    "charge_already_refunded": AlreadyRefunded,
    "charge_disputed": IsDisputed,
    "balance_insufficient": BalanceTooLow,
    "insufficient_funds": BalanceTooLow,
    "resource_missing": NoSuchPayment,
}


def refund(order: Order, cents: int, *, reason: str, key: str, request_id: str) -> str:
    """Ask for a refund of the order's payment, and return its id; the same key, the same refund.

    Raises StripeDown or StripeRefused.
    """
    params = {
        "payment_intent": order.payment_intent,
        "amount": cents,
        "reason": reason,
        "metadata": {
            "order_id": str(order.pk),
            "request_id": request_id,
            "shop": str(Shop.this()),
        },
    }
    try:
        with stripe_call("create refund", about=key):
            return client().v1.refunds.create(params, {"idempotency_key": key}).id  # type: ignore[arg-type]
    except stripe.StripeError as error:
        raise _failure(error) from error


def refunds_of(payment_intent: str) -> Iterator[dict[str, Any]]:
    """Yield the refunds of a payment as they are now, newest first.

    Raises StripeDown or StripeRefused.
    """
    for page in pages_of("refunds", payment_intent=payment_intent):
        yield from page


def _failure(error: stripe.StripeError) -> StripeFailed:
    """Translate Stripe's error; not all that it refuses has a code."""
    found = failure(error)
    if type(found) is not StripeRefused:
        return found
    words = str(error.user_message or "").lower()
    kind = BY_CODE.get(error.code, StripeRefused)
    if getattr(error, "param", "") == "amount":
        kind = MoreThanIsLeft
    elif kind is StripeRefused and "charged back" in words:
        kind = IsDisputed
    elif kind is StripeRefused and "balance" in words:
        kind = BalanceTooLow
    return kind(str(found), is_answered=True)
