"""The cart: what the shopper wants, at today's prices."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from storefront.delivery import UNCHOSEN, Choice, Delivery, quote
from storefront.models import MAX_QUANTITY, CartLine, Product, Reservation
from storefront.ops.bidi import isolated
from storefront.ops.compiled_queries import CompiledQuery
from storefront.ops.templatetags.fragment_cache import values_of

# It may have more digits than MAX_QUANTITY, so that the refusal can name the limit.
WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
LONGEST_TYPED = 40
"""So much of what was typed is looked at, and shown again."""


class InvalidQuantity(Exception):
    """The quantity can't be taken; the text says what can."""


@dataclass(frozen=True)
class Removed:
    """What the shopper has just removed from the cart; Undo puts it back."""

    product: Product
    quantity: int


@dataclass(frozen=True)
class PricedLine:
    """A line of the cart at today's price, and how many the shopper has reserved already."""

    product: Product
    quantity: int
    price_cents_then: int | None
    reserved: int

    @property
    def amount_cents(self) -> int:
        return self.quantity * self.product.price_cents

    @property
    def has_new_price(self) -> bool:
        """Whether the price is another one than when the shopper put the product in."""
        return self.price_cents_then not in (None, self.product.price_cents)

    @property
    def left(self) -> int | None:
        """How many this shopper could have: what is reserved for them is still theirs."""
        return None if self.product.stock is None else self.product.stock + self.reserved

    @property
    def is_short(self) -> bool:
        return self.left is not None and self.left < self.quantity

    @property
    def cache_key(self) -> tuple[object, ...]:
        """All that the line shows: two lines of one key are rendered once."""
        return values_of(self.product), self.quantity, self.price_cents_then, self.left


@dataclass(frozen=True)
class Cart:
    """The lines of one shopper, read once, and how they are delivered if there is a choice."""

    lines: list[PricedLine]
    choice: Choice = UNCHOSEN

    @property
    def products(self) -> list[Product]:
        return [line.product for line in self.lines]

    @cached_property
    def total_cents(self) -> int:
        """What Buy would charge now, in minor units, without a tax that comes on top."""
        return self.goods_cents + (self.delivery.cents if self.delivery else 0)

    @cached_property
    def goods_cents(self) -> int:
        """What the goods come to; products no longer sold don't count."""
        return sum(line.amount_cents for line in self.lines if line.product.is_for_sale)

    @cached_property
    def delivery(self) -> Delivery | None:
        """How they get to the shopper; None if nothing is sent, or the shop has no rates."""
        return quote(self.goods_cents, self.choice) if self.is_sent else None

    @property
    def is_sent(self) -> bool:
        """Whether something of it has to be delivered."""
        return any(line.product.needs_shipping and line.product.is_for_sale for line in self.lines)

    @property
    def is_buyable(self) -> bool:
        """Whether it has a product that is still sold."""
        return any(line.product.is_for_sale for line in self.lines)

    @property
    def is_all_on_sale(self) -> bool:
        """Whether it has a product, and all its products are still sold."""
        return bool(self.lines) and all(line.product.is_for_sale for line in self.lines)

    @cached_property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    def quantity_of(self, product: Product) -> int:
        line = self._by_product.get(product.pk)
        return line.quantity if line else 0

    def left_of(self, product: Product) -> int | None:
        line = self._by_product.get(product.pk)
        return line.left if line else product.stock

    @cached_property
    def _by_product(self) -> dict[int, PricedLine]:
        return {line.product.pk: line for line in self.lines}


lines_of = CompiledQuery(lambda shopper: CartLine.objects.for_shopper(shopper), UUID)
products_of = CompiledQuery(
    lambda shopper: (
        Product.objects.with_family()
        .unread()
        .filter(pk__in=CartLine.objects.for_shopper(shopper).values("product"))
        .order_by()
    ),
    UUID,
)
reservations_of = CompiledQuery(lambda shopper: Reservation.objects.filter(shopper=shopper), UUID)


def cart_of(shopper: UUID | None, shelf: Iterable[Product] = (), choice: Choice = UNCHOSEN) -> Cart:
    """Return the shopper's cart; products that are on the `shelf` are not read again."""
    rows = _rows(shopper, shelf) if shopper else []
    reserved = _reserved(shopper, [product for _, product in rows])
    lines = [
        PricedLine(product, line.quantity, line.price_cents_then, reserved[product.pk])
        for line, product in rows
    ]
    return Cart(sorted(lines, key=lambda line: (line.product.position, line.product.pk)), choice)


def _rows(shopper: UUID, shelf: Iterable[Product]) -> list[tuple[CartLine, Product]]:
    lines = lines_of(shopper)
    products = {product.pk: product for product in shelf}
    if any(line.product_id not in products for line in lines):
        products |= {product.pk: product for product in products_of(shopper)}
    # Between two reads a product may have been deleted, and its lines with it.
    return [(line, products[line.product_id]) for line in lines if line.product_id in products]


def _reserved(shopper: UUID | None, products: Iterable[Product]) -> Counter[int]:
    """Return how many of each product the shopper has reserved; no query if none is counted."""
    reserved: Counter[int] = Counter()
    if any(product.stock is not None for product in products):
        for reservation in reservations_of(shopper):
            reserved[reservation.product_id] += reservation.quantity
    return reserved


def requested_quantity(form: Mapping[str, str]) -> int:
    """Return the form's `quantity`, one more or less if its `step` is 1 or -1.

    Raises InvalidQuantity, with words for the shopper.
    """
    text = _folded(form.get("quantity", ""))
    if not WHOLE_NUMBER.fullmatch(text):
        raise InvalidQuantity(f"Please enter a whole number from 0 to {MAX_QUANTITY}.")
    quantity = max(0, int(text) + {"1": 1, "-1": -1}.get(form.get("step", ""), 0))
    if quantity > MAX_QUANTITY:
        raise InvalidQuantity(f"You can order up to {MAX_QUANTITY} of one product.")
    return quantity


def _folded(text: str) -> str:
    """Return the text with the digits of all keyboards, such as wide ones, made plain.

    Phones add spaces; what is pasted brings invisible marks of the direction that it is read in.
    A digit that is no number by itself, as in 2², stays what it is.
    """
    if len(text) > LONGEST_TYPED or any(char.isdigit() and not char.isdecimal() for char in text):
        return text
    seen = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFKC", seen).strip()


def set_quantity(shopper: UUID, product: Product, quantity: int) -> Removed | None:
    """Make the product's line hold `quantity`; return what Undo can put back if that is 0.

    Raises InvalidQuantity for a product that is not for sale.
    """
    if quantity == 0:
        return _remove(shopper, product)
    if product.is_choice:
        raise InvalidQuantity(f"Please choose a kind of {isolated(product.full_name)} first.")
    if not product.is_for_sale:
        raise InvalidQuantity(f"{isolated(product.full_name)} is no longer for sale.")
    line = CartLine(
        shopper=shopper,
        product=product,
        quantity=quantity,
        price_cents_then=product.price_cents,
    )
    # An upsert: two tabs that add the same product meet in one line, and neither fails.
    # The price stays the one of the day it was put in, so that a new one can be pointed out.
    CartLine.objects.bulk_create(
        [line],
        update_conflicts=True,
        unique_fields=["shopper", "product"],
        update_fields=["quantity", "changed_at"],
    )
    return None


def _remove(shopper: UUID, product: Product) -> Removed | None:
    line = CartLine.objects.filter(shopper=shopper, product=product)
    quantity = line.values_list("quantity", flat=True).first()
    line.delete()
    return Removed(product, quantity) if quantity and product.is_for_sale else None
