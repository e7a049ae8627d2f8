"""Plays Stripe in the demo shop, with the gateway's face: every order is paid at once.

The payment arrives as an event like Stripe's, by the function that the webhook uses.
"""

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import uuid4

from checkout import events
from checkout.gateway import CheckoutSession
from checkout.models import Order, OrderItem


def open_session(
    order: Order, items: Iterable[OrderItem], *, success_url: str, cancel_url: str, until: datetime
) -> CheckoutSession:
    """Return a session that leads straight back to the shop."""
    return CheckoutSession(f"cs_demo_{order.pk.hex}", success_url, until)


def close_session(session_id: str) -> bool:
    """Return True: no session takes money here, not even one that Stripe opened earlier."""
    return True


def session_now(session_id: str) -> dict[str, Any]:
    """Return an open session: what is paid here is paid at once."""
    return {"id": session_id, "status": "open"}


def collect_payment(order: Order) -> None:
    """Deliver the event that Stripe would send once the shopper has paid."""
    events.receive(
        {
            "id": f"evt_demo_{uuid4().hex}",
            "object": "event",
            "type": "checkout.session.completed",
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": _paid_session(order)},
        }
    )


def _paid_session(order: Order) -> dict[str, Any]:
    return {
        "id": order.session_id,
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid" if order.total_cents else "no_payment_required",
        "amount_subtotal": order.total_cents - order.shipping_cents,
        "amount_total": order.total_cents,
        "total_details": {
            "amount_discount": 0,
            "amount_shipping": order.shipping_cents,
            "amount_tax": 0,
        },
        "currency": order.currency,
        "client_reference_id": str(order.pk),
        "metadata": {"order_id": str(order.pk)},
        "payment_intent": f"pi_demo_{order.pk.hex}",
        "livemode": False,
    }
