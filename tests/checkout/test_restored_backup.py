"""A backup is restored, and the books tell of every payment all the same."""

import re
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.stage import Stage, new_stage
from tools.waiting import wait_until

SALES = 8
"""So many before the backup, and so many after it."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with new_stage(tmp_path, workers=1) as stage:
        stage.stripe.listen(stage.shop.webhook_url)
        yield stage


def sell(stage: Stage, quantity: int = 1, verb: str = "pay") -> str:
    """Sell some, and return the session of it; `verb` is what the shopper does at Stripe."""
    shopper = stage.shopper()
    shopper.sees()
    answer = shopper.buys_by_json((stage.product("Mouse"), quantity))
    assert answer.status == 200, answer
    session: str = re.findall(r'"id": "(cs_\w+)"', answer.text)[0]
    if verb:
        getattr(stage.stripe, verb)(session)
    return session


def books(stage: Stage) -> Any:
    """Everything about payments, but for who bought and what needs a look."""
    orders = stage.sql(
        "SELECT id, status, session_id, payment_intent, total_cents, received_cents, currency, "
        "refunded_cents, dispute_id, dispute_result, paid_at, disputed_at, email, "
        "superseded_at FROM checkout_order WHERE status <> 'EXPIRED' ORDER BY session_id"
    )
    items = stage.sql(
        "SELECT order_id, product_id, name, unit_price_cents, quantity FROM checkout_orderitem "
        "WHERE order_id IN (SELECT id FROM checkout_order WHERE status <> 'EXPIRED')"
    )
    refunds = stage.sql("SELECT order_id, refund_id, amount_cents FROM checkout_refund")
    held = stage.sql('SELECT "order", product_id, quantity FROM storefront_hold')
    stock = stage.number("SELECT stock FROM storefront_product WHERE name = 'Mouse'")
    return orders, sorted(items, key=str), sorted(refunds), sorted(held, key=str), stock


def reasons(stage: Stage, *sessions: str) -> set[str]:
    names = ", ".join(f"'{session}'" for session in sessions)
    query = f"SELECT review_reason FROM checkout_order WHERE session_id IN ({names})"
    return {row[0].strip() for row in stage.sql(query)}


def test_tells_of_every_payment_refund_and_dispute(stage: Stage, tmp_path: Path):
    stage.sql("UPDATE storefront_product SET stock = 1000 WHERE name = 'Mouse'")
    stripe, calls = stage.stripe, stage.shop.calls
    early = [sell(stage) for _ in range(SALES)]
    waiting, abandoned = sell(stage, verb=""), sell(stage, 2, verb="")
    stripe.wait_until_quiet()
    # A moment is a whole second: none of these sales is of it.
    last = max(event["created"] for event in stripe.events_of("checkout.session.completed"))
    wait_until(lambda: time.time() >= last + 1)
    calls("backup", str(tmp_path / "backup"))

    late = [sell(stage) for _ in range(SALES)]
    stripe.pay(waiting)
    stripe.expire(abandoned)
    sell(stage, 3, verb="expire")
    bank, open_still = sell(stage, 2, verb="pay_later"), sell(stage, 4, verb="")
    for sales in (early, late):
        stripe.refund(sales[0])
        stripe.refund(sales[1], 1_000)
        stripe.dispute(sales[2])
        stripe.close_dispute(sales[2], won=False)
        stripe.dispute(sales[3])
    stripe.wait_until_quiet()
    truth = books(stage)

    stage.shop.stop()
    printed = calls("restore", "--replace", str(tmp_path / "backup"))
    assert books(stage) != truth
    *_, migrate, reconcile = [
        shlex.split(line)[2:] for line in printed.splitlines() if line.startswith("  python")
    ]
    calls(*migrate)
    report = calls(*reconcile)
    assert f"{SALES + 2} orders brought back" in report
    assert books(stage) == truth
    brought_back = reasons(stage, *late[4:], bank, open_still)
    assert brought_back == {"Brought back from Stripe: a restored backup did not hold this order."}
    assert "" in reasons(stage, *early)
    payments = f"{SALES + 1} payments, {(SALES + 1) * 29.99:,.2f}"
    assert f"books and Stripe agree: {payments}; 4 refunds, 79.98; 4 disputes" in report

    assert "brought back" not in calls(*reconcile)
    assert books(stage) == truth

    stage.shop.start()
    stripe.pay(open_still)
    stripe.settle(bank)
    stripe.wait_until_quiet()
    states = f"SELECT status FROM checkout_order WHERE session_id IN ('{bank}', '{open_still}')"
    assert stage.sql(states) == [("PAID",), ("PAID",)]
    assert "books and Stripe agree" in calls("reconcile_orders", "--compare")
