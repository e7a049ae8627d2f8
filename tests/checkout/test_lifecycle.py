"""Every event in every state: what the table says, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from checkout.lifecycle import MOVES
from checkout.models import Order
from tests.cast import deliver, event_about, one_by_one

S = "PENDING", "PROCESSING", "PAID", "FAILED", "EXPIRED", "REFUNDED", "REVIEW"
# The row says where each of the states above leads. It is written out by hand: a table made
# from the code would agree with any mistake in it.
EXPECTED: dict[tuple[str, str], tuple[str, ...]] = {
    ("checkout.session.completed", "paid"): (
        "PAID", "PAID", "PAID", "PAID", "PAID", "REFUNDED", "REVIEW",
    ),
    ("checkout.session.completed", "unpaid"): (
        "PROCESSING", "PROCESSING", "PAID", "FAILED", "PROCESSING", "REFUNDED", "REVIEW",
    ),
    ("checkout.session.completed", "mismatch"): (
        "REVIEW", "REVIEW", "PAID", "REVIEW", "REVIEW", "REFUNDED", "REVIEW",
    ),
    ("checkout.session.async_payment_succeeded", "paid"): (
        "PAID", "PAID", "PAID", "PAID", "PAID", "REFUNDED", "REVIEW",
    ),
    ("checkout.session.async_payment_failed", "unpaid"): (
        "FAILED", "FAILED", "PAID", "FAILED", "EXPIRED", "REFUNDED", "REVIEW",
    ),
    ("checkout.session.expired", "unpaid"): (
        "EXPIRED", "PROCESSING", "PAID", "FAILED", "EXPIRED", "REFUNDED", "REVIEW",
    ),
    ("charge.refunded", "full"): (
        "PENDING", "PROCESSING", "REFUNDED", "FAILED", "EXPIRED", "REFUNDED", "REFUNDED",
    ),
    ("charge.refunded", "part"): (
        "PENDING", "PROCESSING", "PAID", "FAILED", "EXPIRED", "REFUNDED", "REVIEW",
    ),
    ("refund.created", "full"): (
        "PENDING", "PROCESSING", "REFUNDED", "FAILED", "EXPIRED", "REFUNDED", "REFUNDED",
    ),
    ("refund.failed", "full"): (
        "PENDING", "PROCESSING", "PAID", "FAILED", "EXPIRED", "PAID", "REVIEW",
    ),
    ("charge.dispute.created", "full"): S,
    ("charge.dispute.closed", "lost"): S,
    ("customer.created", "full"): S,
}  # fmt: skip
DETAILS: dict[str, dict[str, Any]] = {
    "paid": {},
    "unpaid": {"payment_status": "unpaid"},
    "mismatch": {"amount_total": 1},
    "full": {"id": "re_1", "amount": 2_999, "amount_refunded": 2_999, "status": "failed"},
    "part": {"id": "ch_1", "amount_refunded": 1_000},
    "lost": {"id": "dp_1", "status": "lost"},
}


@pytest.mark.parametrize(("kind", "detail"), EXPECTED)
def test_an_event_in_a_state(pending_order: Order, kind: str, detail: str):
    session = dict(DETAILS[detail])
    if not kind.startswith("checkout."):
        session["payment_intent"] = f"pi_{pending_order.pk.hex}"
    if kind == "refund.created":
        session["status"] = "succeeded"
    goals = {}
    for source in one_by_one(S):
        put_into(pending_order, source)
        assert deliver(event_about(pending_order, kind, **session)).status_code == 200
        pending_order.refresh_from_db()
        goals[source] = pending_order.status
    assert goals == dict(zip(S, EXPECTED[kind, detail], strict=True))


def put_into(order: Order, status: str) -> None:
    has_money = status in ("PAID", "REFUNDED", "REVIEW")
    if status == "REFUNDED":
        order.refunds.create(refund_id="re_1", amount_cents=2_999)
    Order.objects.filter(pk=order.pk).update(
        status=status,
        paid_at=timezone.now() if has_money else None,
        payment_intent=f"pi_{order.pk.hex}" if has_money else "",
        received_cents=2_999 if has_money else 0,
        refunded_cents=2_999 if status == "REFUNDED" else 0,
    )


def test_the_picture_in_the_docs_is_the_table():
    moves = [
        f"    {source} --> {move.to}: {fact}"
        for fact, move in MOVES.items()
        for source in move.sources
    ]
    picture = "\n".join(["stateDiagram-v2", "    [*] --> PENDING: Buy", *moves])
    page = (Path(__file__).parents[2] / "docs" / "payments.md").read_text(encoding="utf-8")
    assert f"```mermaid\n{picture}\n```" in page
