"""Takes a snapshot of a stage once all is quiet on it."""

import re
from pathlib import Path
from uuid import UUID

from checkout.models import Order
from tools.invariants import MONEY_ARRIVED
from tools.snapshot import Rows, Snapshot, payment_events, read_rows
from tools.stage import Stage

TOLD = re.compile(r"Order (\S+) is paid: ")


def take_snapshot(stage: Stage, initial: dict[int, int], outbox: Path) -> Snapshot:
    """`initial` is the stock of counted products, `outbox` the log of what does the follow-ups."""
    rows, ledger = read_rows(stage.sql), stage.stripe.ledger.snapshot()
    sales = sales_in(rows)
    return Snapshot(
        **vars(rows),
        sessions=ledger["sessions"],
        intents=ledger["payment_intents"],
        charges=ledger["charges"],
        disputes=ledger["disputes"],
        sent=ledger["events"],
        expected=initial,
        sold=[line for line in rows.items if line.order in sales],
        sales=sales,
        told=told_in(outbox, rows),
    )


def sales_in(rows: Rows) -> frozenset[str]:
    """Money that came too late for the goods is under review, and has no follow-up."""
    paid = payment_events(rows.events)
    return frozenset(
        order.id
        for order in rows.orders
        if order.status == "PAID" or (order.status in MONEY_ARRIVED and paid[order.id])
    )


def told_in(outbox: Path, rows: Rows) -> list[str]:
    """The orders that the log calls paid; a reference that no order has stays as it is."""
    orders = {Order(id=UUID(order.id)).reference: order.id for order in rows.orders}
    told = TOLD.findall(outbox.read_text(errors="replace"))
    return [orders.get(reference, reference) for reference in told]
