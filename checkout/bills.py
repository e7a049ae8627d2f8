"""What an order comes to, part by part, and where it goes: as a receipt tells it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from checkout.models import Order, OrderItem
from storefront.countries import country_name

# Where people write the town before its code.
TOWN_FIRST = frozenset("AU CA GB IE IN NZ US ZA".split())


@dataclass(frozen=True)
class Bill:
    """Goods, less the discount, and delivery come to the total, with tax if that was added."""

    goods_cents: int
    discount_cents: int
    delivery_cents: int
    tax_cents: int
    is_tax_added: bool
    total_cents: int

    @property
    def is_goods_alone(self) -> bool:
        return not (self.discount_cents or self.delivery_cents or self.tax_cents)


def bill_of(order: Order, items: Iterable[OrderItem]) -> Bill:
    """Return the parts of the order's total; of one that is not paid, as it was offered.

    Whether tax was added or lies within the prices shows in the total, so that a list of orders
    needs to read no offers.
    """
    goods, total = sum(item.amount_cents for item in items), order.total_cents
    discount, delivery, tax = order.discount_cents, order.shipping_cents, order.tax_cents
    is_added = tax > 0 and total == goods - discount + delivery + tax
    return Bill(goods, discount, delivery, tax, is_added, total)


def received_for(order: Order) -> int:
    """Return what came in, of which no more can go back; where it isn't noted, the total."""
    return order.received_cents or order.total_cents


def delivery_name(order: Order) -> str:
    """Return the way of delivery that the shopper chose, as it was called then."""
    ways = (order.offer or {}).get("shipping") or [{}]
    return str(ways[0].get("name") or "")


def tax_to_come(order: Order) -> str:
    """Return the kind of tax that the payment will bring, if it is to bring one."""
    taxes = str((order.offer or {}).get("tax") or "off")
    return taxes if order.is_waiting and taxes != "off" else ""


def ship_to(order: Order) -> dict[str, Any]:
    """Return what its shopper reads of where the order goes: before it is paid, the country."""
    if order.status == Order.Status.PENDING:
        return {"country": country_name(order.country)}
    if not order.paid_at and order.status != Order.Status.PROCESSING:
        return {}
    return {"address": address_lines(order), "phone": order.phone}


def address_lines(order: Order) -> list[str]:
    """Return name and address as they stand on a parcel, without the phone number."""
    address = {name: line or "" for name, line in (order.ship_to or {}).items()}
    if not any(address.values()):
        return []
    code, city, state, country = map(address.get, ("postal_code", "city", "state", "country"))
    town = [city, state, code] if country in TOWN_FIRST else [code, city]
    lines = [
        *(order.shipping_name, address.get("line1"), address.get("line2")),
        " ".join(filter(None, town)),
        "" if country in TOWN_FIRST else state,
        country_name(country or ""),
    ]
    return [line for line in lines if line]
