"""Stripe's part in the demo shop: every order is paid at once, by an event like Stripe's."""

import time
from datetime import datetime
from uuid import uuid4

from checkout import events
from checkout.gateway import CheckoutSession
from checkout.models import Order


def open_session(order: Order, *, success_url: str, until: datetime) -> CheckoutSession:
    """Open a session that leads straight back to the shop."""
    return CheckoutSession(f"cs_demo_{order.pk.hex}", success_url, until)


def pay(order: Order) -> None:
    """Deliver the event that Stripe would send, to the function that would receive it."""
    order_id, now = str(order.pk), int(time.time())
    session = {
        "id": order.session_id,
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid" if order.total_cents else "no_payment_required",
        "amount_total": order.total_cents,
        "currency": order.currency,
        "client_reference_id": order_id,
        "metadata": {"order_id": order_id},
        "payment_intent": f"pi_demo_{order.pk.hex}",
        "livemode": False,
    }
    events.receive(
        {
            "id": f"evt_demo_{uuid4().hex}",
            "object": "event",
            "type": "checkout.session.completed",
            "created": now,
            "livemode": False,
            "data": {"object": session},
        }
    )
