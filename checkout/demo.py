"""Plays Stripe in the demo shop, with the gateway's face: every order is paid at once.

The payment arrives as an event like Stripe's, by the function that the webhook uses.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings

from checkout import events
from checkout.gateway import CheckoutSession
from checkout.models import Order, OrderItem

MADE_UP_PHONE = "+12025550123"  # nobody's: these are kept for films


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
    _deliver("checkout.session.completed", _paid_session(order))


def refund(order: Order, cents: int, *, reason: str, key: str, request_id: str) -> str:
    """Deliver the event that Stripe would send once it has paid back."""
    refund_id = f"re_demo_{UUID(request_id).hex}"
    _deliver(
        "refund.created",
        {
            "id": refund_id,
            "object": "refund",
            "amount": cents,
            "created": int(time.time()),
            "currency": order.currency,
            "metadata": {"order_id": str(order.pk), "request_id": request_id},
            "payment_intent": order.payment_intent,
            "reason": reason,
            "status": "succeeded",
        },
    )
    return refund_id


def refunds_of(payment_intent: str) -> Iterator[dict[str, Any]]:
    """Return nothing: what is asked for here is done at once."""
    return iter(())


def _deliver(kind: str, thing: dict[str, Any]) -> None:
    events.receive(
        {
            "id": f"evt_demo_{uuid4().hex}",
            "object": "event",
            "type": kind,
            "created": int(time.time()),
            "livemode": False,
            "data": {"object": thing},
        }
    )


def _paid_session(order: Order) -> dict[str, Any]:
    """Return the session of somebody who took what was offered, used no code and owes no tax."""
    offer: dict[str, Any] = order.offer or {}
    goods = sum(item.amount_cents for item in order.items.all())
    way = next(iter(offer.get("shipping") or ()), None)
    delivery = way["cents"] if way else 0
    total = goods + delivery
    is_taxed = (offer.get("tax") or "off") != "off"
    return {
        "id": order.session_id,
        "object": "checkout.session",
        "mode": "payment",
        "status": "complete",
        "payment_status": "paid" if total else "no_payment_required",
        "amount_subtotal": goods,
        "amount_total": total,
        "total_details": {"amount_discount": 0, "amount_shipping": delivery, "amount_tax": 0},
        "shipping_cost": _delivery(way) if way else None,
        "automatic_tax": {"enabled": is_taxed, "status": "complete" if is_taxed else None},
        "collected_information": {"shipping_details": _made_up_address(order)} if way else None,
        "customer_details": {"phone": MADE_UP_PHONE if settings.ASK_PHONE else None},
        "currency": order.currency,
        "client_reference_id": str(order.pk),
        "metadata": {"order_id": str(order.pk)},
        "payment_intent": f"pi_demo_{order.pk.hex}" if total else None,
        "livemode": False,
    }


def _delivery(way: dict[str, Any]) -> dict[str, Any]:
    cents, rate = way["cents"], way.get("rate")
    return {"amount_subtotal": cents, "amount_tax": 0, "amount_total": cents, "shipping_rate": rate}


def _made_up_address(order: Order) -> dict[str, Any]:
    return {
        "name": "Ada Example",
        "address": {
            "line1": "1 Example Street",
            "line2": None,
            "postal_code": "12345",
            "city": "Example",
            "state": None,
            "country": order.country,
        },
    }
