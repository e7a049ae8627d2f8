"""Receives Stripe's deliveries: verify, hand over, answer. No network call, no body in the log."""

import logging
from contextlib import suppress
from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from checkout import events
from checkout.gateway import signatures
from checkout.metrics import WEBHOOKS
from checkout.models import Heartbeat
from checkout.reading import Json
from storefront.ops.connections import give_up, is_outage

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    if not settings.STRIPE_WEBHOOK_SECRET:
        return _answer("STRIPE_WEBHOOK_SECRET is not set", HTTPStatus.SERVICE_UNAVAILABLE)
    try:
        event = signatures.verified_event(request.body, request.headers.get("Stripe-Signature", ""))
        outcome = _receive(event)
    except signatures.ForgedWebhook:
        _count(None, "forged")
        logger.warning("Refused a webhook that Stripe did not sign.")
        return _refusal(request, "the signature does not fit")
    except signatures.OutOfDateWebhook as error:
        _count(None, "out of date")
        when = f"{abs(error.age)} seconds {'ago' if error.age > 0 else 'ahead'}"
        logger.warning("Refused a webhook, signed by Stripe %s: is this clock right?", when)
        return _refusal(request, "the signature is out of date")
    except events.MalformedEvent as error:
        logger.warning("Refused a signed webhook: %s.", error)
        return _refusal(request, str(error))
    except (DatabaseError, InterfaceError) as error:
        if not is_outage(error):
            raise
        give_up()
        logger.exception("The database did not store the event; Stripe sends it again.")
        return _answer("the database does not answer", HTTPStatus.INTERNAL_SERVER_ERROR)
    return _answer(outcome, HTTPStatus.OK)


def _receive(event: Json) -> str:
    """Apply the event, and count its outcome."""
    outcome = "failed"
    try:
        outcome = events.receive(event)
    except events.MalformedEvent:
        outcome = "malformed"
        raise
    finally:
        _count(event.get("type"), outcome)
    return outcome


def _count(kind: object, outcome: str) -> None:
    """Count a delivery; types that the shop does not handle share one label."""
    is_known = isinstance(kind, str) and kind in events.HANDLERS
    WEBHOOKS.labels(kind if is_known else "other", outcome).inc()


def _refusal(request: HttpRequest, words: str) -> HttpResponse:
    """Refuse it, and keep that for the merchant unless it doesn't even look like Stripe's."""
    if request.headers.get("Stripe-Signature"):
        with suppress(DatabaseError, InterfaceError):  # or it could not be refused in an outage
            Heartbeat.refused_webhook(words)
    return _answer(words, HTTPStatus.BAD_REQUEST)


def _answer(words: str, status: HTTPStatus) -> HttpResponse:
    return HttpResponse(f"{words}\n", content_type="text/plain", status=status)
