"""The cart: what the shopper wants, at today's prices."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from storefront.models import MAX_QUANTITY, CartLine, Product, Reservation
from storefront.ops.compiled_queries import CompiledQuery

# More digits than MAX_QUANTITY has are still a number that people can be told about.
PLAIN_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


class InvalidQuantity(Exception):
    """The quantity can't be taken; the text says what can."""


@dataclass(frozen=True)
class Removed:
    """What the shopper has just taken out of the cart, to be put back by Undo."""

    product: Product
    quantity: int

    @property
    def note(self) -> str:
        """The same in short, as `removed_by` reads it."""
        return f"{self.quantity}x{self.product.pk}"


@dataclass(frozen=True)
class Cart:
    """The lines of one shopper, read once."""

    lines: list[CartLine]

    @cached_property
    def total_cents(self) -> int:
        """What Buy would charge now, in minor units; products no longer sold don't count."""
        return sum(line.amount_cents for line in self.lines if line.product.is_on_sale)

    @property
    def is_buyable(self) -> bool:
        """Whether there is anything to buy; a product no longer sold alone is not."""
        return any(line.product.is_on_sale for line in self.lines)

    @property
    def is_all_on_sale(self) -> bool:
        """Whether there is something in it, and all of it is still sold."""
        return bool(self.lines) and all(line.product.is_on_sale for line in self.lines)

    @cached_property
    def count(self) -> int:
        return sum(line.quantity for line in self.lines)

    def quantity_of(self, product: Product) -> int:
        line = self._lines.get(product.pk)
        return line.quantity if line else 0

    def left_of(self, product: Product) -> int | None:
        line = self._lines.get(product.pk)
        return line.left if line else product.stock

    @cached_property
    def _lines(self) -> dict[int, CartLine]:
        return {line.product_id: line for line in self.lines}


lines_of = CompiledQuery(lambda shopper: CartLine.objects.for_shopper(shopper), UUID)
products_of = CompiledQuery(
    lambda shopper: Product.objects.filter(
        pk__in=CartLine.objects.for_shopper(shopper).values("product")
    ).order_by(),
    UUID,
)
reservations_of = CompiledQuery(lambda shopper: Reservation.objects.filter(shopper=shopper), UUID)


def cart_of(shopper: UUID | None, shelf: Iterable[Product] = ()) -> Cart:
    """Return the shopper's cart; products that are on the `shelf` are not read again."""
    lines = lines_of(shopper) if shopper else []
    products = {product.pk: product for product in shelf}
    if any(line.product_id not in products for line in lines):
        products |= {product.pk: product for product in products_of(shopper)}
    # Between two reads a product may have been deleted, and its lines with it.
    lines = [line for line in lines if line.product_id in products]
    for line in lines:
        line.product = products[line.product_id]
    if any(line.product.stock is not None for line in lines):
        _count_reserved(lines, reservations_of(shopper))
    return Cart(sorted(lines, key=lambda line: (line.product.position, line.product_id)))


def _count_reserved(lines: list[CartLine], holds: list[Reservation]) -> None:
    for line in lines:
        line.held = sum(
            reservation.quantity
            for reservation in holds
            if reservation.product_id == line.product_id
        )


def wanted_quantity(form: Mapping[str, str]) -> int:
    """Return the amount in `quantity`, one more or less if the form's `step` says +1 or -1.

    Raises InvalidQuantity, with words for the shopper.
    """
    text = form.get("quantity", "")
    if not PLAIN_NUMBER.fullmatch(text):
        raise InvalidQuantity(f"Please enter a whole number from 0 to {MAX_QUANTITY}.")
    quantity = max(0, int(text) + {"1": 1, "-1": -1}.get(form.get("step", ""), 0))
    if quantity > MAX_QUANTITY:
        raise InvalidQuantity(f"You can order up to {MAX_QUANTITY} of one product.")
    return quantity


def removed_by(note: str) -> Removed | None:
    """Return what a browser says was removed; never trusted, as Undo only fills a form."""
    quantity, _, pk = note.partition("x")
    if not (PLAIN_NUMBER.fullmatch(pk) and PLAIN_NUMBER.fullmatch(quantity)):
        return None
    if not 0 < int(quantity) <= MAX_QUANTITY:
        return None
    product = Product.objects.on_sale().filter(pk=int(pk)).first()
    return Removed(product, int(quantity)) if product else None


def set_quantity(shopper: UUID, product: Product, quantity: int) -> int:
    """Make the product's line hold `quantity`; 0 removes it. Returns how many were removed so.

    Raises InvalidQuantity for a product that is no longer sold.
    """
    if quantity == 0:
        return _take_out(shopper, product)
    if not product.is_on_sale:
        raise InvalidQuantity(f"{product.name} is no longer for sale.")
    # An upsert: two tabs that add the same product meet in one line, and neither fails.
    # The price stays the one that the shopper put it in at, to be told of a new one.
    CartLine.objects.bulk_create(
        [
            CartLine(
                shopper=shopper,
                product=product,
                quantity=quantity,
                price_cents_then=product.price_cents,
            )
        ],
        update_conflicts=True,
        unique_fields=["shopper", "product"],
        update_fields=["quantity", "changed_at"],
    )
    return 0


def _take_out(shopper: UUID, product: Product) -> int:
    line = CartLine.objects.filter(shopper=shopper, product=product)
    quantity = line.values_list("quantity", flat=True).first() or 0
    return quantity if line.delete()[0] else 0
