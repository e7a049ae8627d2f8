"""Where the payment of an order can go: the one table of state by event, and its picture."""

from enum import StrEnum

from checkout.models import Order

Status = Order.Status


class Fact(StrEnum):
    """What Stripe's events can tell about the payment of an order."""

    PAID = "paid"
    PAID_LATE = "paid, but the goods are gone"
    MISMATCH = "money that doesn't fit"
    AWAITED = "completed, unpaid"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUNDED = "refunded in full"
    REFUND_UNDONE = "refund failed"
    REVIEW_REOPENED = "refund of reviewed money failed"


UNPAID = (Status.PENDING, Status.PROCESSING, Status.FAILED, Status.EXPIRED)

# A fact that finds a state without a row here leaves it as it is: late or reordered news never
# takes a payment back, and late money is still money. Partial refunds and disputes are told of
# on the order and move nothing.
MOVES: dict[Fact, dict[Status, Status]] = {
    Fact.PAID: dict.fromkeys(UNPAID, Status.PAID),
    Fact.PAID_LATE: dict.fromkeys(UNPAID, Status.REVIEW),
    Fact.MISMATCH: dict.fromkeys(UNPAID, Status.REVIEW),
    Fact.AWAITED: dict.fromkeys((Status.PENDING, Status.EXPIRED), Status.PROCESSING),
    Fact.FAILED: dict.fromkeys((Status.PENDING, Status.PROCESSING), Status.FAILED),
    Fact.EXPIRED: {Status.PENDING: Status.EXPIRED},
    Fact.REFUNDED: dict.fromkeys((Status.PAID, Status.REVIEW), Status.REFUNDED),
    Fact.REFUND_UNDONE: {Status.REFUNDED: Status.PAID},
    Fact.REVIEW_REOPENED: {Status.REFUNDED: Status.REVIEW},
}


def target(fact: Fact) -> Status:
    """Return the one state that the fact leads to."""
    (status,) = set(MOVES[fact].values())
    return status


def picture() -> str:
    """Return the table as a Mermaid diagram, as the README shows it."""
    moves = [
        f"    {source} --> {goal}: {fact}"
        for fact, by_state in MOVES.items()
        for source, goal in by_state.items()
    ]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {Status.PENDING}: Buy", *moves])
