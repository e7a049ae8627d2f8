"""Whether a webhook is Stripe's: its signature, and the time that it was signed at."""

import json
import time
from typing import Any

import stripe
from django.conf import settings

SIGNATURE_SECONDS = 300  # so far may the time of a signature be from ours


class ForgedWebhook(Exception):
    """The delivery was not signed by Stripe, or is no event."""


class OutOfDateWebhook(Exception):
    """Stripe signed the delivery, but not within the last minutes: `age` is in seconds."""

    def __init__(self, age: int) -> None:
        super().__init__(age)
        self.age = age


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
