"""Watches the shop's database and Stripe's ledger, and remembers what a snapshot cannot show."""

import copy
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import connection

from checkout.models import Order
from storefront.models import Product
from tests.cast import Shopper
from tools.invariants import ALWAYS, AT_REST, Invariant, complaints
from tools.snapshot import Line, OrderRow, RequestRow, Rows, Snapshot, as_hex, read_rows
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.shapes import Json

MOST_IN_A_CART_LINE = 999
UNPAID = {"PENDING", "PROCESSING", "FAILED", "EXPIRED"}

# Written by hand: where one event may lead. A payment whose refund came before it
# leads straight to REFUNDED.
ALLOWED = {
    "PENDING": {"PROCESSING", "PAID", "REFUNDED", "FAILED", "EXPIRED", "REVIEW"},
    "PROCESSING": {"PAID", "REFUNDED", "FAILED", "REVIEW"},
    "FAILED": {"PAID", "REFUNDED", "REVIEW"},
    "EXPIRED": {"PROCESSING", "PAID", "REFUNDED", "REVIEW"},
    "PAID": {"REFUNDED"},
    "REFUNDED": {"PAID", "REVIEW"},
    "REVIEW": {"REFUNDED"},
}


# What it remembers of the shop's database, not of the world.
OF_THE_DATABASE = """
    rows orders counts_stock sold sales expected carts set_aside refunded_from told
"""


class Witness:
    """What was seen so far. `look` after each event and each step; `look_at_the_end` at the end."""

    def __init__(self, stand_in: StandIn) -> None:
        self.ledger = stand_in.ledger
        self.rows = Rows([], [], [], [], {}, [], [], [])
        self.orders: dict[str, OrderRow] = {}
        self.counts_stock: set[str] = set()
        self.sold: list[Line] = []
        self.sales: set[str] = set()
        self.expected: dict[int, int | None] = {}
        self.carts: dict[tuple[str, int], int] = {}
        self.set_aside: dict[tuple[str, int], int] = {}
        self.peaks: defaultdict[str, int] = defaultdict(int)
        self.refunded_from: dict[str, str] = {}
        self.told: list[str] = []
        self.mailed: set[str] = set()
        self.copies: list[Json] = []
        self.optional: set[str] = set()
        self.moves: Counter[tuple[str, str]] = Counter()

    # What the world does

    def merchant_counted(self, product: Product) -> None:
        """The merchant changed a number: what is there from now on is what has to stay."""
        before, now = self.rows.stock.get(product.pk), stock_of(product)
        known = self.expected.get(product.pk)
        self.rows.stock[product.pk] = now
        if now is None:
            self.expected[product.pk] = None
        elif before is None or known is None:
            elsewhere = [*self.rows.reservations, *self.sold]
            self.expected[product.pk] = now + _number_of(product.pk, elsewhere)
        else:
            self.expected[product.pk] = known + now - before

    def shopper_put(self, shopper: Shopper, product: Product, quantity: int) -> None:
        self.carts.pop((shopper.id.hex, product.pk), None)
        if quantity:
            self.carts[shopper.id.hex, product.pk] = quantity

    def was_confirmed(self, order: Order) -> None:
        """Once, whatever was restored since."""
        assert order.pk.hex not in self.mailed, f"Order {order.pk.hex} was confirmed twice."
        self.mailed.add(order.pk.hex)
        self.told.append(order.pk.hex)

    def stripe_sent_a_copy(self, event: Json) -> None:
        """It comes this once, whether or not the shop dies of it."""
        self.copies.append(event)
        self.optional.add(event["id"])

    def event_was_lost(self, event_id: str) -> None:
        self.optional.add(event_id)

    def remembers(self) -> dict[str, Any]:
        """What a backup takes along."""
        return copy.deepcopy({name: getattr(self, name) for name in OF_THE_DATABASE.split()})

    def backup_was_restored(self, memory: dict[str, Any]) -> None:
        vars(self).update(copy.deepcopy(memory))

    # After each event and each step

    def look(self) -> None:
        self.note_charges()
        before, self.rows = self.rows, read_rows(_rows)
        known, self.orders = self.orders, {order.id: order for order in self.rows.orders}
        assert known.keys() <= self.orders.keys(), "An order is gone."
        self._note_put_back_into_stock(before)
        for order in self.rows.orders:
            if order.id in known:
                self._note_move(known[order.id], order, before)
            else:
                self._note_beginning(order)
        self._check(ALWAYS)
        self._check_carts()
        for order in self.rows.orders:
            self._check_refunds(order)

    def look_at_the_end(self) -> None:
        """When everything is delivered and reconciled."""
        self.look()
        self._check(AT_REST)

    def note_charges(self) -> None:
        for charge in self.ledger.charges.values():
            intent = charge["payment_intent"]
            self.peaks[intent] = max(self.peaks[intent], charge["amount_refunded"])

    def _note_beginning(self, order: OrderRow) -> None:
        assert order.status == "PENDING", "An order began in the middle."
        if any(self.rows.stock[line.product] is not None for line in self._items_of(order)):
            self.counts_stock.add(order.id)

    def _note_move(self, known: OrderRow, order: OrderRow, before: Rows) -> None:
        if order.status == known.status:
            return
        self.moves[known.status, order.status] += 1
        allowed = ALLOWED[known.status]
        assert order.status in allowed, f"{known.status} became {order.status}."
        if order.status == "PROCESSING":
            self._note_set_aside(order)
        if known.status in UNPAID and order.is_sold:
            self._note_sale(order, before)
            # The bank has it out of the cart already: what lies there now was put in since.
            if known.status != "PROCESSING":
                self._note_set_aside(order)
        if order.status == "FAILED":
            self._note_put_back(order)
        self._check_return(known, order)

    def _check_return(self, known: OrderRow, order: OrderRow) -> None:
        """What was refunded returns to where it came from when a refund fails."""
        if order.status == "REFUNDED":
            # In one step from what it was, however short that was.
            is_held = known.status == "REVIEW" or not order.is_sold
            self.refunded_from[order.id] = "REVIEW" if is_held else "PAID"
        if known.status == "REFUNDED":
            came_from = self.refunded_from.pop(order.id)
            assert order.status == came_from, f"{came_from}, refunded, became {order.status}."

    def _note_sale(self, order: OrderRow, before: Rows) -> None:
        items = self._items_of(order)
        reserved = [line for line in before.reservations if line.order == order.id]
        late = [line for line in items if self.rows.stock[line.product] is not None]
        self.sold += reserved or (late if order.id in self.counts_stock else [])
        self.sales.add(order.id)

    def _note_put_back_into_stock(self, before: Rows) -> None:
        """Once, with a refund that has succeeded; what failed later stays on the shelf."""
        known = {request.id: request for request in before.requests}
        for request in self.rows.requests:
            was = known.get(request.id, request)
            assert request.is_restocked or not was.is_restocked, "It was put back, and is not."
            if request.is_restocked and not was.is_restocked:
                self._put_back(request)

    def _put_back(self, request: RequestRow) -> None:
        for item, product in _rows("SELECT id, product_id FROM checkout_orderitem"):
            if self.expected.get(product) is not None:
                self.expected[product] += request.restock.get(str(item), 0)

    def _note_set_aside(self, order: OrderRow) -> None:
        """What is bought leaves the cart, as far as it is there."""
        for line in self._items_of(order):
            place = order.shopper, line.product
            there = self.carts.pop(place, 0)
            self.set_aside[order.id, line.product] = min(line.quantity, there)
            if there > line.quantity:
                self.carts[place] = there - line.quantity

    def _note_put_back(self, order: OrderRow) -> None:
        """As many as had left it come back, beside what was added since."""
        for line in self._items_of(order):
            place = order.shopper, line.product
            back = self.carts.get(place, 0) + self.set_aside.pop((order.id, line.product), 0)
            if back:
                self.carts[place] = min(back, MOST_IN_A_CART_LINE)

    def _items_of(self, order: OrderRow) -> list[Line]:
        return [line for line in self.rows.items if line.order == order.id]

    def _check(self, invariants: Iterable[Invariant]) -> None:
        wrong = complaints(self._snapshot(), invariants)
        assert not wrong, "\n".join(wrong)

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            **vars(self.rows),
            sessions=self.ledger.sessions,
            intents=self.ledger.payment_intents,
            charges=self.ledger.charges,
            disputes=self.ledger.disputes,
            refunds=self.ledger.refunds,
            sent=[*self.ledger.events, *self.copies],
            expected=self.expected,
            sold=self.sold,
            sales=frozenset(self.sales),
            told=self.told,
            optional=frozenset(self.optional),
        )

    def _check_carts(self) -> None:
        lines = _rows("SELECT shopper, product_id, quantity FROM storefront_cartline")
        carts = {(as_hex(shopper), product): quantity for shopper, product, quantity in lines}
        assert carts == self.carts, "A cart holds something else than what was put into it."

    def _check_refunds(self, order: OrderRow) -> None:
        most = self._most_refunded(order.payment_intent)
        assert order.refunded_cents <= most, f"{order.refunded_cents} refunded, not {most}."
        if order.status == "REFUNDED":
            assert most >= order.received_cents, "REFUNDED without refunds."

    def _most_refunded(self, intent: str) -> int:
        """What has gone back at most: without the newest total, the shop may assume more.

        A refund is sent before its failure is, and then another one instead of it.
        """
        totals = [event for event in self.ledger.events if _is_total_of(intent, event)]
        if not totals or totals[-1]["id"] in {event.event_id for event in self.rows.events}:
            return self.peaks[intent]
        refunds = [r for r in self.ledger.refunds.values() if r["payment_intent"] == intent]
        charge = self.ledger.charges[self.ledger.payment_intents[intent]["latest_charge"]]
        most: int = min(sum(refund["amount"] for refund in refunds), charge["amount"])
        return most


def _is_total_of(intent: str, event: Json) -> bool:
    is_total = event["type"] == "charge.refunded"
    return bool(is_total and event["data"]["object"]["payment_intent"] == intent)


def _number_of(product: int, lines: Iterable[Line]) -> int:
    return sum(line.quantity for line in lines if line.product == product)


def _rows(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[Any] = cursor.fetchall()
        return rows


def stock_of(product: Product) -> int | None:
    return Product.objects.values_list("stock", flat=True).get(pk=product.pk)
