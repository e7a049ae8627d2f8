"""What a shopper asks for, and the reasons to refuse it before anything is stored."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings

from checkout import offers
from checkout.models import Order
from storefront import money
from storefront.delivery import Delivery
from storefront.models import Product, Shop
from storefront.ops.bidi import isolated

MAX_LINES = 100
"""The most line items that Stripe takes in one Checkout Session."""


class CannotOrder(Exception):
    """The order can't be placed; the text tells the shopper why and what to do."""


class EarlierPayment(CannotOrder):
    """The shopper has just paid for an earlier cart, and its webhook is still to come."""


@dataclass(frozen=True)
class RequestedItem:
    """A product with the quantity that the shopper wants, at the present price."""

    product: Product
    quantity: int

    @property
    def amount_cents(self) -> int:
        return self.quantity * self.product.price_cents


@dataclass(frozen=True)
class RequestedOrder:
    """All that a shopper asks for at once, and how it is delivered if the shop has rates."""

    items: Sequence[RequestedItem]
    delivery: Delivery | None = None

    @property
    def total_cents(self) -> int:
        """What it comes to before any code, and before a tax that comes on top."""
        return sum(item.amount_cents for item in self.items) + self.shipping_cents

    @property
    def shipping_cents(self) -> int:
        return self.delivery.cents if self.delivery else 0

    @property
    def needs_shipping(self) -> bool:
        return any(item.product.needs_shipping for item in self.items)

    @property
    def country(self) -> str:
        return self.delivery.country if self.delivery else ""

    @cached_property
    def offer(self) -> dict[str, Any] | None:
        return offers.offered(self.delivery)

    @cached_property
    def fingerprint(self) -> str:
        """A digest that is the same for the same products, names, prices, country and offer.

        And for the same account at Stripe: events about another account's sessions never arrive.
        """
        lines = sorted(
            (item.product.pk, item.quantity, item.product.full_name, item.product.price_cents)
            for item in self.items
        )
        asked = (settings.STRIPE_PUBLISHABLE_KEY, settings.CURRENCY, lines)
        besides = (self.country, self.offer) if self.offer else ()
        return hashlib.sha256(repr(asked + besides).encode()).hexdigest()


def refuse_while_closed(now: datetime) -> None:
    """Raise CannotOrder, with the merchant's words, from the moment that the shop is closed."""
    shop = Shop.read()
    if shop.is_closed(now):
        raise CannotOrder(f"{shop.notice(now)} Nothing was charged, and your cart stays as it is.")


def refuse_the_impossible(wanted: RequestedOrder) -> None:
    """Raise CannotOrder for an order that can't be paid."""
    items = wanted.items
    if not items:
        raise CannotOrder("Your cart is empty. Choose a quantity beside a product first.")
    for item in items:
        if item.product.is_choice:
            raise CannotOrder(
                f"{isolated(item.product.full_name)} comes in several kinds now. "
                "Remove it from the cart and choose one."
            )
        if not item.product.is_for_sale:
            raise CannotOrder(
                f"{isolated(item.product.full_name)} is no longer for sale. "
                "Remove it from the cart to go on."
            )
    most_pieces = settings.PIECES_PER_ORDER
    if most_pieces and sum(item.quantity for item in items) > most_pieces:
        raise CannotOrder(f"One order can hold {most_pieces} pieces at most. Please split it.")
    if len(items) > MAX_LINES:
        raise CannotOrder(f"One order can hold {MAX_LINES} different products at most.")
    most = money.largest_charge()
    if wanted.total_cents > most:
        most_for_goods = most - wanted.shipping_cents
        can_be_split = all(item.product.price_cents <= most_for_goods for item in items)
        raise CannotOrder(
            f"One order can come to {money.format_money(most)} at most. "
            + ("Please split it." if can_be_split else "Please ask the shop how to pay for this.")
        )


def refuse_what_the_bank_is_paying(shopper: UUID, fingerprint: str) -> None:
    """Refuse the same again while a bank debit takes days to pay for it.

    What left the cart when the bank began may be bought again: it was put in since.
    """
    same = Order.objects.for_shopper(shopper).filter(fingerprint=fingerprint)
    paying = same.filter(status=Order.Status.PROCESSING)
    if order := paying.exclude(items__from_cart__gt=0).first():
        raise EarlierPayment(
            f"Your bank is still paying order {order.reference}, which is the same as this. "
            "You don't need to pay again. To buy more, change a quantity."
        )


def too_few(product: Product) -> CannotOrder:
    """Return the refusal for a product of which fewer are left than are wanted."""
    left = Product.objects.values_list("stock", flat=True).get(pk=product.pk)
    name = isolated(product.full_name)
    return CannotOrder(
        f"Only {left} of {name} left. Lower its quantity to go on."
        if left
        else f"{name} is sold out. Remove it from the cart to go on."
    )
