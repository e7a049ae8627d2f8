"""Takes a snapshot of a stage once all is quiet on it."""

import re
from uuid import UUID

from checkout.models import Order
from tools.invariants import MONEY_ARRIVED
from tools.mail_server import MailServer
from tools.snapshot import Rows, Snapshot, confirmations, read_rows
from tools.stage import Stage

TOLD = re.compile(r"<order_confirmed\.(\S+?)\.")


def take_snapshot(stage: Stage, initial: dict[int, int]) -> Snapshot:
    """`initial` is the stock of counted products."""
    rows, ledger = read_rows(stage.sql), stage.stripe.ledger.snapshot()
    sales = sales_in(rows)
    return Snapshot(
        **vars(rows),
        sessions=ledger["sessions"],
        intents=ledger["payment_intents"],
        charges=ledger["charges"],
        disputes=ledger["disputes"],
        refunds=ledger["refunds"],
        sent=ledger["events"],
        expected=initial,
        sold=[line for line in rows.items if line.order in sales],
        sales=sales,
        told=told_by(stage.post, rows),
    )


def sales_in(rows: Rows) -> frozenset[str]:
    """Money that came too late for the goods is under review, and is not confirmed."""
    paid = confirmations(rows.messages)
    return frozenset(
        order.id
        for order in rows.orders
        if order.status == "PAID" or (order.status in MONEY_ARRIVED and paid[order.id])
    )


def told_by(post: MailServer, rows: Rows) -> list[str]:
    """The orders that mails confirm; a reference that no order has stays as it is."""
    orders = {Order(id=UUID(order.id)).reference: order.id for order in rows.orders}
    told = [words for mail in post.mails for words in TOLD.findall(str(mail["Message-ID"]))]
    return [orders.get(reference, reference) for reference in told]
