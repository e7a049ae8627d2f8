"""What came of an event: recorded with it, in the same transaction."""

from dataclasses import dataclass
from typing import Any

from checkout.models import Order, StripeEvent

Outcome = StripeEvent.Outcome
FollowUp = StripeEvent.FollowUp


@dataclass(frozen=True)
class EventResult:
    """`parked` is news of a payment that no order knows yet; `follow_up` is still to be done."""

    outcome: Outcome
    order: Order | None = None
    note: str = ""
    payment_intent: str = ""
    parked: dict[str, Any] | None = None
    follow_up: str = ""
