"""What Stripe says of a paid session, signed: without the stand-in, which would cost time too."""

import json
import time
from uuid import uuid4

from tools.stripe_stand_in.webhooks import signature


def completed(order: str, session: str, cents: int) -> tuple[str, str]:
    """Return the body of the event and its signature."""
    event = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "created": int(time.time()),
        "livemode": False,
        "type": "checkout.session.completed",
        "data": {
            "object": {
                "id": session,
                "object": "checkout.session",
                "mode": "payment",
                "status": "complete",
                "payment_status": "paid",
                "amount_total": cents,
                "currency": "usd",
                "client_reference_id": order,
                "metadata": {"order_id": order},
                "payment_intent": f"pi_{uuid4().hex[:24]}",
                "customer_details": {"email": "ada@example.com"},
                "livemode": False,
            }
        },
    }
    body = json.dumps(event)
    return body, signature(body.encode())
