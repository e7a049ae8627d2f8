"""Two years of rows: what stands in a shop's database that has grown."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from storefront.ops.spelling import searchable

FIRST = ("Ada", "Bo", "Zoë", "Jörg", "Li", "Maria", "Jan", "Ines", "Łukasz", "Tom")
LAST = ("Lovelace", "Ng", "Müller", "García", "Smith", "Novák", "de Vries", "Rossi", "Sørensen")
TOWNS = {
    "Graz": ("8010", "AT"),
    "Berlin": ("10115", "DE"),
    "Wien": ("1010", "AT"),
    "Zürich": ("8001", "CH"),
}
TWO_YEARS = timedelta(days=730)
LIFETIME = timedelta(minutes=35)
UNTIL_SHIPPED = timedelta(days=1)
UNTIL_REFUNDED = timedelta(days=7)
STATES = {"PAID": 640, "EXPIRED": 300, "FAILED": 30, "REFUNDED": 20, "PROCESSING": 2, "REVIEW": 1}
SOLD = ("PAID", "REFUNDED")
HAS_MONEY = (*SOLD, "REVIEW")
EVENTS = {
    "PAID": ("checkout.session.completed",),
    "REVIEW": ("checkout.session.completed",),
    "REFUNDED": ("checkout.session.completed", "charge.refunded"),
    "PROCESSING": ("checkout.session.completed",),
    "EXPIRED": ("checkout.session.expired",),
    "FAILED": ("checkout.session.completed", "checkout.session.async_payment_failed"),
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Crowd:
    """How many there are of each; the same numbers give the same rows, but for their dates."""

    now: datetime
    products: tuple[int, ...]
    orders: int = 1_000_000
    shoppers: int = 200_000
    waiting: int = 10_000
    carts: int = 100_000

    def order_rows(self) -> Iterator[Row]:
        """Orders of two years, and at the end those that wait, which are minutes old."""
        rolls, shoppers = random.Random(1), self._shoppers()
        states = rolls.choices(list(STATES), list(STATES.values()), k=self.orders - self.waiting)
        step = (TWO_YEARS - LIFETIME) / max(len(states), 1)
        for number, status in enumerate(states):
            created_at = self.now - TWO_YEARS + number * step
            order = _order(rolls, rolls.choice(shoppers), status, created_at)
            left_at = created_at + UNTIL_SHIPPED
            is_shipped = status in SOLD and left_at < self.now
            went_back_at = min(created_at + UNTIL_REFUNDED, self.now)
            yield order | {
                "shipped_at": left_at if is_shipped else None,
                "charge_refunded_at": went_back_at if status == "REFUNDED" else None,
            }
        for number, shopper in enumerate(shoppers[: self.waiting]):
            age = timedelta(seconds=400 * number / self.waiting)
            yield _order(rolls, shopper, "PENDING", self.now - age)

    def item_rows(self, orders: Iterable[Row]) -> Iterator[Row]:
        rolls = random.Random(2)
        for order in orders:
            for product in rolls.sample(self.products, 1 + rolls.getrandbits(1)):
                yield {
                    "order": order["id"],
                    "product": product,
                    "name": f"Thing {product}",
                    "unit_price_cents": 2_999,
                    "quantity": 1,
                }

    def event_rows(self, orders: Iterable[Row]) -> Iterator[Row]:
        """What was heard of each order; one event in fifty is about something else."""
        number = 0
        for order in orders:
            for kind in EVENTS.get(order["status"], ()):
                number += 1
                yield _event(number, kind, order)
            if number % 50 == 0:
                number += 1
                yield _event(number, "invoice.paid", None, order["created_at"])

    def message_rows(self, orders: Iterable[Row]) -> Iterator[Row]:
        """What was written of each order that money came for."""
        for order in orders:
            if order["status"] in SOLD:
                at = order["paid_at"]
                yield {
                    "order": order["id"],
                    "kind": "order_confirmed",
                    "key": f"order_confirmed/{order['id'].hex}/1",
                    "to": order["email"],
                    "created_at": at,
                    "due_at": at,
                    "claimed_at": at,
                    "sent_at": at,
                }

    def refund_rows(self, orders: Iterable[Row]) -> Iterator[Row]:
        """What went back of each order, a week later."""
        for order in orders:
            if order["status"] == "REFUNDED":
                yield {
                    "order": order["id"],
                    "refund_id": f"re_{order['id'].hex}",
                    "amount_cents": order["refunded_cents"],
                    "made_at": order["charge_refunded_at"],
                }

    def cart_rows(self) -> Iterator[Row]:
        rolls = random.Random(3)
        for shopper in self._shoppers()[-self.carts :]:
            changed_at = self.now - timedelta(days=rolls.randrange(89), seconds=rolls.random())
            for product in rolls.sample(self.products, 1 + rolls.getrandbits(1)):
                yield {
                    "shopper": shopper,
                    "product": product,
                    "quantity": 1,
                    "price_cents_then": 2_999,
                    "changed_at": changed_at,
                }

    def _shoppers(self) -> list[UUID]:
        return shoppers(self.shoppers)


def shoppers(count: int) -> list[UUID]:
    """The ids of the crowd; the first ones wait."""
    rolls = random.Random(0)
    return [_uuid(rolls) for _ in range(count)]


def _order(rolls: random.Random, shopper: UUID, status: str, created_at: datetime) -> Row:
    pk = _uuid(rolls)
    has_money = status in HAS_MONEY
    name = f"{FIRST[shopper.int % len(FIRST)]} {LAST[shopper.int % len(LAST)]}"
    town = [*TOWNS][shopper.int % len(TOWNS)]
    postcode, country = TOWNS[town]
    street = f"Lindenstraße {shopper.int % 100}"
    address = {"line1": street, "postal_code": postcode, "city": town, "country": country}
    refunded_cents = 2_999 if status == "REFUNDED" else 0
    return {
        "id": pk,
        "shopper": shopper,
        "status": status,
        "fingerprint": pk.hex * 2,
        "total_cents": 2_999,
        "currency": "usd",
        "country": country,
        "email": f"{shopper.hex[:12]}@example.com" if has_money else "",
        "shipping_name": name if has_money else "",
        "search_text": searchable(name) if has_money else "",
        "ship_to": address if has_money else None,
        "session_id": f"cs_test_{pk.hex}",
        "session_url": f"https://checkout.stripe.com/c/pay/cs_test_{pk.hex}",
        "session_expires_at": created_at + LIFETIME,
        "attempt_at": created_at,
        "payment_intent": f"pi_{pk.hex[:24]}" if has_money else "",
        "received_cents": 2_999 if has_money else 0,
        "refunded_cents": refunded_cents,
        "charge_refunded_cents": refunded_cents,
        "fee_cents": 117 if status in SOLD else None,
        "net_cents": 2_882 if status in SOLD else None,
        "settlement_currency": "usd" if status in SOLD else "",
        "review_reason": "Money arrived, but the amount is not 2999.\n"
        if status == "REVIEW"
        else "",
        "created_at": created_at,
        "paid_at": created_at + timedelta(minutes=1) if has_money else None,
    }


def _event(number: int, kind: str, order: Row | None, at: datetime | None = None) -> Row:
    is_payment = bool(order and order["payment_intent"] and kind.startswith("checkout"))
    received_at = at or (order["created_at"] + timedelta(minutes=1) if order else None)
    return {
        "event_id": f"evt_{number:024}",
        "type": kind,
        "order": order["id"] if order else None,
        "outcome": "applied" if order else "ignored",
        "created": received_at,
        "received_at": received_at,
        "payment_intent": order["payment_intent"] if order else "",
        "follow_up": "order paid" if is_payment else "",  # as the last release noted it
        "follow_up_done_at": received_at if is_payment else None,
    }


def _uuid(rolls: random.Random) -> UUID:
    return UUID(int=rolls.getrandbits(128), version=4)
