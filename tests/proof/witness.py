"""Watches the shop's database and Stripe's books, and says what must be true of them.

It shares no code with the shop: every rule is worked out here once more, from the rows.
"""

from collections import Counter, defaultdict
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from checkout.models import Order
from storefront.models import Product
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.shapes import Json

UNPAID = {"PENDING", "PROCESSING", "FAILED", "EXPIRED"}
SOLD = {"PAID", "REFUNDED"}
PAID_AT_STRIPE = {"paid", "no_payment_required"}

# Written by hand: where one event may lead. A payment with a refund that was told before it
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

Line = tuple[UUID, int]


class Row(NamedTuple):
    """An order as the database has it."""

    id: UUID
    shopper: UUID
    status: str
    session_id: str | None
    payment_intent: str
    total_cents: int
    received_cents: int
    currency: str
    refunded_cents: int
    disputed_at: Any
    dispute_result: str
    review_reason: str


class Witness:
    """What was seen so far. `look` after each event and each step; `look_at_the_end` at the end."""

    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        self.books = stand_in.books
        self.orders: dict[UUID, Row] = {}
        self.items: dict[UUID, dict[int, int]] = {}
        self.counts_stock: dict[UUID, bool] = {}
        self.holds: dict[Line, int] = {}
        self.sold: dict[Line, int] = {}
        self.sales: set[UUID] = set()
        self.recorded: set[str] = set()
        self.stock: dict[int, int | None] = {}
        self.expected: dict[int, int | None] = {}
        self.carts: dict[Line, int] = {}
        self.peaks: defaultdict[str, int] = defaultdict(int)
        self.followed_up: Counter[UUID] = Counter()
        self.moves: Counter[tuple[str, str]] = Counter()

    # What the world tells

    def merchant_counted(self, product: Product) -> None:
        """The merchant changed a number: what is there from now on is what has to stay."""
        before, now = self.stock.get(product.pk), stock_of(product)
        known = self.expected.get(product.pk)
        self.stock[product.pk] = now
        if now is None:
            self.expected[product.pk] = None
        elif before is None or known is None:
            self.expected[product.pk] = now + self._held(product.pk) + self._sold(product.pk)
        else:
            self.expected[product.pk] = known + now - before

    def shopper_put(self, shopper: UUID, product: Product, quantity: int) -> None:
        self.carts.pop((shopper, product.pk), None)
        if quantity:
            self.carts[shopper, product.pk] = quantity

    def follow_up_happened(self, order: Order) -> None:
        self.followed_up[order.pk] += 1

    # After each event and each step

    def look(self) -> None:
        self.note_charges()
        orders = {row.id: row for row in _orders()}
        stock = dict(_rows("SELECT id, stock FROM storefront_product"))
        for pk, order in orders.items():
            self._note_order(order, self.orders.get(pk), stock)
        assert self.orders.keys() <= orders.keys(), "An order is gone."
        holds = _rows('SELECT "order", product_id, quantity FROM storefront_hold')
        self.orders, self.stock = orders, stock
        self.holds = {(_uuid(order), product): quantity for order, product, quantity in holds}
        self._check_stock()
        self._check_carts()
        self._check_sessions()
        self._check_events()
        for order in orders.values():
            self._check_order(order)

    def note_charges(self) -> None:
        for charge in self.books.charges.values():
            intent = charge["payment_intent"]
            self.peaks[intent] = max(self.peaks[intent], charge["amount_refunded"])

    def _note_order(self, order: Row, known: Row | None, stock: dict[int, int | None]) -> None:
        if known is None:
            items = "SELECT product_id, quantity FROM checkout_orderitem WHERE order_id = %s"
            self.items[order.id] = dict(_rows(items, _parameter(order.id)))
            self.counts_stock[order.id] = any(
                stock[product] is not None for product in self.items[order.id]
            )
            assert order.status == "PENDING", "An order began in the middle."
            return
        if order.status == known.status:
            return
        self.moves[known.status, order.status] += 1
        allowed = ALLOWED[known.status]
        assert order.status in allowed, f"{known.status} became {order.status}."
        if known.status in UNPAID and order.status in SOLD:
            self._note_sale(order, stock)

    def _note_sale(self, order: Row, stock: dict[int, int | None]) -> None:
        aside = {line: n for line, n in self.holds.items() if line[0] == order.id}
        late = {
            (order.id, product): quantity
            for product, quantity in self.items[order.id].items()
            if stock[product] is not None and self.counts_stock[order.id]
        }
        self.sold |= aside or late
        self.sales.add(order.id)
        for product, quantity in self.items[order.id].items():
            line = order.shopper, product
            if line in self.carts:
                self.carts[line] -= quantity
                if self.carts[line] <= 0:
                    del self.carts[line]

    def _check_stock(self) -> None:
        for product, stock in self.stock.items():
            assert stock is None or stock >= 0
            expected = self.expected[product]
            if stock is not None:
                there = stock, self._held(product), self._sold(product)
                assert sum(there) == expected, (
                    f"Of {expected} there are {there[0]} in stock, {there[1]} put aside and "
                    f"{there[2]} sold."
                )

    def _held(self, product: int) -> int:
        return sum(quantity for (_, held), quantity in self.holds.items() if held == product)

    def _sold(self, product: int) -> int:
        return sum(quantity for (_, sold), quantity in self.sold.items() if sold == product)

    def _check_carts(self) -> None:
        lines = _rows("SELECT shopper, product_id, quantity FROM storefront_cartline")
        carts = {(_uuid(shopper), product): quantity for shopper, product, quantity in lines}
        assert carts == self.carts, "A cart holds something else than what was put into it."

    def _check_sessions(self) -> None:
        ids = [order.session_id for order in self.orders.values() if order.session_id]
        assert len(ids) == len(set(ids)), "Two orders share a session."

    def _check_order(self, order: Row) -> None:
        session = self.books.sessions.get(order.session_id or "")
        intent = order.payment_intent
        most = self._most_refunded(intent)
        assert order.refunded_cents <= most, f"{order.refunded_cents} refunded, not {most}."
        if order.session_id:
            assert session, "An order has a session that Stripe doesn't know."
            assert session["metadata"]["order_id"] == str(order.id), "The session is another's."
        if order.status in SOLD:
            self._check_money(order, session or {})
        if order.status == "REFUNDED":
            assert most >= order.total_cents, "REFUNDED without refunds."
        if order.disputed_at or order.dispute_result:
            disputed = [dispute["payment_intent"] for dispute in self.books.disputes.values()]
            assert intent in disputed, "A dispute was invented."
        assert self.followed_up[order.id] <= 1, "A follow-up happened twice."

    def _most_refunded(self, intent: str) -> int:
        """What has gone back at most: who doesn't know the newest total may hold more for true.

        A refund is told before its failure is, and then another one instead of it.
        """
        totals = [
            event
            for event in self.books.events
            if event["type"] == "charge.refunded"
            and event["data"]["object"]["payment_intent"] == intent
        ]
        if totals and totals[-1]["id"] not in self.recorded:
            refunds = [r for r in self.books.refunds.values() if r["payment_intent"] == intent]
            amount: int = self._charge_of(intent)["amount"]
            ever: int = sum(refund["amount"] for refund in refunds)
            return min(ever, amount)
        return self.peaks[intent]

    def _charge_of(self, intent: str) -> Json:
        return self.books.charges[self.books.payment_intents[intent]["latest_charge"]]

    def _check_money(self, order: Row, session: Json) -> None:
        assert session.get("payment_status") in PAID_AT_STRIPE, f"{order.status} without money."
        money = session["amount_total"], session["currency"]
        assert money == (order.total_cents, order.currency), "PAID with other money."

    def _check_events(self) -> None:
        rows = _rows("SELECT event_id, follow_up, order_id FROM checkout_stripeevent")
        ids = Counter(row[0] for row in rows)
        assert len(ids) == len(rows), "An event was recorded twice."
        self.recorded = set(ids)
        follow_ups = [row[1:] for row in rows if row[1]]
        assert len(follow_ups) == len(set(follow_ups)), "An order has two follow-ups."

    # When everything is delivered and reconciled

    def look_at_the_end(self, unsure: int) -> None:
        for session in self.books.sessions.values():
            if session["payment_status"] in PAID_AT_STRIPE:
                self._check_paid_session(session)
        for order in self.orders.values():
            self._check_that_it_waits_for_something(order)
            self._check_what_came_after(order)
        self._check_sums()
        self._check_holds()
        self._check_follow_ups(unsure)

    def _check_paid_session(self, session: Json) -> None:
        its = [
            order
            for order in self.orders.values()
            if order.session_id == session["id"] or _is_marked(session, order)
        ]
        assert len(its) == 1, f"{session['id']} is paid, and {len(its)} orders know of it."
        assert its[0].status in {"PAID", "REFUNDED", "REVIEW"}, f"Paid, but {its[0].status}."
        assert str(its[0].id) == session["metadata"]["order_id"]

    def _check_sums(self) -> None:
        paid = [s for s in self.books.sessions.values() if s["payment_status"] in PAID_AT_STRIPE]
        own = {o.session_id: o for o in self.orders.values() if o.status in SOLD}
        money_in = sum(session["amount_total"] for session in paid)
        orders = sum(order.total_cents for order in own.values())
        marked = sum(
            session["amount_total"]
            for session in paid
            if session["id"] not in own
            and any(_is_marked(session, order) for order in self.orders.values())
        )
        assert money_in == orders + marked, f"{money_in} in, {orders} ordered, {marked} marked."

    def _check_that_it_waits_for_something(self, order: Row) -> None:
        its = [
            session
            for session in self.books.sessions.values()
            if session["metadata"]["order_id"] == str(order.id)
        ]
        if order.status == "PENDING":
            assert not its, "An order waits for a session that is over."
        if order.status == "PROCESSING":
            own = self.books.sessions[order.session_id or ""]
            assert self._intent_of(own).get("status") == "processing", "It waits for no bank."

    def _intent_of(self, session: Json) -> Json:
        return self.books.payment_intents.get(session["payment_intent"] or "", {})

    def _check_what_came_after(self, order: Row) -> None:
        own = self.books.sessions.get(order.session_id or "")
        if not own or own["payment_status"] not in PAID_AT_STRIPE or not own["payment_intent"]:
            return
        assert order.payment_intent == own["payment_intent"], "The payment isn't known."
        charge = self._charge_of(order.payment_intent)
        back = charge["amount_refunded"]
        assert order.refunded_cents == back, f"{back} went back, not {order.refunded_cents}."
        assert (order.status == "REFUNDED") == (back == charge["amount"]), (
            f"{order.status}, and {back} of {charge['amount']} went back."
        )
        disputes = [
            dispute
            for dispute in self.books.disputes.values()
            if dispute["payment_intent"] == order.payment_intent
        ]
        self._check_dispute(order, disputes)

    def _check_dispute(self, order: Row, disputes: list[Json]) -> None:
        status: Any = disputes[-1]["status"] if disputes else None
        result = status if status in ("won", "lost") else ""
        assert order.dispute_result == result, f"The dispute is {status}."
        assert bool(order.disputed_at) == (status in ("needs_response", "lost"))

    def _check_holds(self) -> None:
        for order, _product in self.holds:
            status = self.orders[order].status
            assert status in {"PROCESSING", "REVIEW"}, f"Goods are put aside for a {status} order."

    def _check_follow_ups(self, unsure: int) -> None:
        told = set(self.followed_up)
        assert len(self.sales - told) <= unsure, "A follow-up was forgotten."


def _is_marked(session: Json, order: Row) -> bool:
    """Whether the merchant sees on the order what came in, in figures or in words."""
    is_own = order.session_id == session["id"]
    is_received = is_own and order.received_cents == session["amount_total"]
    return (order.status == "REVIEW" and is_received) or session["id"] in order.review_reason


def _orders() -> list[Row]:
    rows = _rows(f"SELECT {', '.join(Row._fields)} FROM checkout_order ORDER BY created_at, id")
    return [Row(_uuid(id), _uuid(shopper), *rest) for id, shopper, *rest in rows]


def _rows(sql: str, *parameters: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Any] = cursor.fetchall()
        return rows


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(value)


def _parameter(value: UUID) -> Any:
    return value if connection.features.has_native_uuid_field else value.hex


def stock_of(product: Product) -> int | None:
    return Product.objects.values_list("stock", flat=True).get(pk=product.pk)
