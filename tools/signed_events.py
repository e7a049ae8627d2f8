"""Events as Stripe sends them, made and signed without the stand-in."""

import json
import time
from typing import Any
from uuid import uuid4

from tools.stripe_stand_in.shapes import API_VERSION, Json
from tools.stripe_stand_in.webhooks import SECRET, signature

WEBHOOK = "/stripe/webhook/"


def event_about(thing: Json, kind: str = "checkout.session.completed") -> Json:
    return {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "api_version": API_VERSION,
        "created": int(time.time()),
        "livemode": False,
        "type": kind,
        "data": {"object": thing},
    }


def paid_session(session_id: str | None, order_id: str, cents: int, **changes: Any) -> Json:
    return {
        "id": session_id,
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid",
        "amount_total": cents,
        "currency": "usd",
        "client_reference_id": order_id,
        "metadata": {"order_id": order_id},
        "payment_intent": f"pi_{order_id.replace('-', '')}",
        "customer_details": {"email": "ada@example.com"},
        "livemode": False,
        **changes,
    }


def signed(event: object, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """Return the body of a delivery and its headers; bytes are a body already."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return body, {"Content-Type": "application/json", "Stripe-Signature": signature(body, secret)}
