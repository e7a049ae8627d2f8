"""Where the payment of an order can go: the one table of facts and states."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from checkout.models import Order

Status = Order.Status


class Fact(StrEnum):
    """What Stripe's events can say about the payment of an order."""

    PAID = "paid"
    PAID_LATE = "paid, but the goods are gone"
    MISMATCH = "money that doesn't fit"
    AWAITED = "completed, unpaid"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUNDED = "refunded in full"
    REFUND_UNDONE = "refund failed"
    REVIEW_REOPENED = "refund of reviewed money failed"


@dataclass(frozen=True)
class Move:
    """Where a fact leads to, and from where."""

    to: Status
    sources: tuple[Status, ...]


UNPAID = (Status.PENDING, Status.PROCESSING, Status.FAILED, Status.EXPIRED)

# In any other state a fact changes nothing: late or reordered events never take a payment back,
# and late money is still money. Partial refunds and disputes are noted on the order and move
# nothing.
MOVES = {
    Fact.PAID: Move(Status.PAID, UNPAID),
    Fact.PAID_LATE: Move(Status.REVIEW, UNPAID),
    Fact.MISMATCH: Move(Status.REVIEW, UNPAID),
    Fact.AWAITED: Move(Status.PROCESSING, (Status.PENDING, Status.EXPIRED)),
    Fact.FAILED: Move(Status.FAILED, (Status.PENDING, Status.PROCESSING)),
    Fact.EXPIRED: Move(Status.EXPIRED, (Status.PENDING,)),
    Fact.REFUNDED: Move(Status.REFUNDED, (Status.PAID, Status.REVIEW)),
    Fact.REFUND_UNDONE: Move(Status.PAID, (Status.REFUNDED,)),
    Fact.REVIEW_REOPENED: Move(Status.REVIEW, (Status.REFUNDED,)),
}


def apply(fact: Fact, order: Order, session_id: str, **changes: Any) -> bool:
    """Make the move that the fact calls for. True for the one delivery that wins."""
    move = MOVES[fact]
    # The read saves a statement; the WHERE of the UPDATE is what decides.
    return order.status in move.sources and order.move(
        move.to, sources=move.sources, session_id=session_id, **changes
    )
