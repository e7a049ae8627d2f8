"""What a press of Buy asks for, as the form of a cart or as JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from checkout.requested import MAX_LINES, CannotOrder, RequestedItem, RequestedOrder
from storefront.cart import Cart
from storefront.delivery import Choice, choose
from storefront.models import MAX_QUANTITY, Product
from storefront.money import format_money
from storefront.notices import typed_text


def wanted_by_form(form: Mapping[str, str], cart: Cart) -> RequestedOrder:
    """Return the cart as an order, if it is what the form has shown.

    What the form doesn't say goes by the shopper's choice. Raises CannotOrder or NotDelivered.
    """
    # A product that is no longer sold changes the total too; `buy` names it instead.
    if cart.is_all_on_sale:
        _refuse_what_was_not_shown(form, cart)
    items = [RequestedItem(line.product, line.quantity) for line in cart.lines]
    return RequestedOrder(items, cart.delivery)


def wanted_by_json(body: bytes) -> RequestedOrder:
    """Read `{"items": [{"product_id": 1, "quantity": 2}], "country": "DE", "delivery": 1}`.

    Raises CannotOrder or NotDelivered.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise CannotOrder("The request is not valid JSON.") from None
    if not isinstance(data, dict):
        data = {}
    wanted, choice = RequestedOrder(_requested_items(data)), _choice(data)
    if not wanted.needs_shipping:
        return wanted
    return replace(wanted, delivery=choose(wanted.total_cents, choice))


def _refuse_what_was_not_shown(form: Mapping[str, str], cart: Cart) -> None:
    """Raise CannotOrder or NotDelivered if it says another delivery or total than is now."""
    total, news = format_money(cart.total_cents), ""
    if cart.delivery:
        now = Choice(cart.delivery.country, cart.delivery.chosen.rate.pk)
        shown = Choice(
            _country(form.get("country", "")) or cart.choice.country or now.country,
            _number(form.get("delivery", "")) or cart.choice.rate or now.rate,
        )
        if shown != now and choose(cart.goods_cents, shown):
            way = f"{cart.delivery.chosen.rate.name} to {cart.delivery.country_name}"
            news = f"Delivery has changed to {way}, and the total to {total}, since you looked."
    if not news and form.get("total_cents", str(cart.total_cents)) != str(cart.total_cents):
        news = f"The total has changed to {total} since you looked."
    if news:
        raise CannotOrder(f"{news} Please check the cart and press Buy again.")


def _requested_items(data: dict[str, Any]) -> list[RequestedItem]:
    """Return the items; a product named twice is added up."""
    quantities: dict[int, int] = {}
    for item in _items(data):
        product_id, quantity = _item(item)
        quantities[product_id] = quantities.get(product_id, 0) + quantity
    if any(quantity > MAX_QUANTITY for quantity in quantities.values()):
        raise CannotOrder(f"You can order up to {MAX_QUANTITY} of one product.")
    products = Product.objects.with_family().in_bulk(quantities)
    if unknown := quantities.keys() - products.keys():
        raise CannotOrder(f"There is no product {min(unknown)}.")
    return [RequestedItem(products[pk], quantity) for pk, quantity in sorted(quantities.items())]


def _items(data: dict[str, Any]) -> list[Any]:
    items = data.get("items")
    if not isinstance(items, list):
        raise CannotOrder('Send {"items": [{"product_id": 1, "quantity": 2}]}.')
    if len(items) > MAX_LINES:
        raise CannotOrder(f"One order can hold {MAX_LINES} lines at most.")
    return items


def _item(item: Any) -> tuple[int, int]:
    product_id = item.get("product_id") if isinstance(item, dict) else None
    quantity = item.get("quantity") if isinstance(item, dict) else None
    if type(product_id) is not int or not 0 < product_id < 2**63:
        raise CannotOrder("product_id must be the whole number of a product.")
    if type(quantity) is not int or not 1 <= quantity <= MAX_QUANTITY:
        raise CannotOrder(f"quantity must be a whole number from 1 to {MAX_QUANTITY}.")
    return product_id, quantity


def _choice(data: dict[str, Any]) -> Choice:
    country, rate = data.get("country", ""), data.get("delivery", 0)
    if not isinstance(country, str):
        raise CannotOrder('country must be a code of two letters, such as "DE".')
    if type(rate) is not int:
        raise CannotOrder("delivery must be the whole number of a rate.")
    return Choice(_country(country), rate)


def _country(text: str) -> str:
    """Return a code as it is known, and no more of it than can be told again."""
    return typed_text(text.strip()).upper() or (text and "?")


def _number(text: str) -> int:
    """Return the number of a rate; 0 for nothing, and for what is none one that no rate has."""
    return int(text) if re.fullmatch("[1-9][0-9]{0,17}", text) else -bool(text)
