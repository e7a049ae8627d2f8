"""What Stripe was told to take besides the goods, and whether what arrived fits that, to the cent.

An order's `offer` is null if there was nothing besides the goods, else it holds what the Checkout
Session was opened with:

    {"shipping": [{"name": "Parcel", "cents": 490, "rate": "shr_…"}], "codes": true, "tax": "off"}

`cents` are minor units, `rate` is Stripe's id where it is known. `tax` is off, inclusive or
exclusive of it, for goods and delivery alike.
"""

from functools import partial
from typing import Any

from django.conf import settings

from checkout import reading
from checkout.models import Order
from checkout.reading import Json
from storefront.delivery import Delivery
from storefront.money import format_money

PARTS = ("subtotal", "shipping", "discount", "tax", "total")


def offered(delivery: Delivery | None) -> dict[str, Any] | None:
    """Return what Stripe may take besides the goods; None if that is nothing."""
    codes, tax = settings.PROMOTION_CODES, settings.TAX
    if not (delivery or codes or tax != "off"):
        return None
    return {"shipping": [_way(delivery)] if delivery else [], "codes": codes, "tax": tax}


def _way(delivery: Delivery) -> dict[str, Any]:
    rate = delivery.chosen.rate
    days = {"least": rate.days_least, "most": rate.days_most}
    return {"name": rate.name, "cents": delivery.cents, "rate": "", **days}


def with_rate(offer: Json | None, rate: str) -> Json | None:
    """Return the offer with Stripe's id of the delivery, which it tells with the session."""
    if not offer or not offer["shipping"]:
        return offer
    return {**offer, "shipping": [{**way, "rate": rate} for way in offer["shipping"]]}


def misfit(order: Order, session: Json) -> str:
    """Return in words how the session's amounts differ from what was offered; nothing if not."""
    total = reading.amount(session.get("amount_total"))
    if order.offer is None:  # and older shapes of events may lack the parts
        return "" if total == order.total_cents else f"the amount is not {order.total_cents}"
    amounts = _amounts(session)
    if None in amounts.values():
        unknown = ", ".join(name for name in PARTS if amounts[name] is None)
        return f"these amounts can't be read: {unknown}"
    known = {name: cents or 0 for name, cents in amounts.items()}
    return next(filter(None, _complaints(order, order.offer, session, known)), "")


def parts(order: Order, session: Json) -> dict[str, int]:
    """Return what an order keeps of amounts that fit, by the names of its fields."""
    if order.offer is None:
        return {}
    amounts = {name: cents or 0 for name, cents in _amounts(session).items()}
    return {f"{name}_cents": amounts[name] for name in ("shipping", "discount", "tax", "total")}


def _complaints(order: Order, offer: Json, session: Json, amounts: dict[str, int]) -> list[str]:
    """Return what contradicts the offer, or empty words."""
    subtotal, shipping, discount, tax, total = (amounts[name] for name in PARTS)
    goods = sum(item.amount_cents for item in order.items.all())
    taxes = offer.get("tax") or "off"
    due = subtotal - discount + shipping + (tax if taxes == "exclusive" else 0)
    is_free = session.get("payment_status") == "no_payment_required"
    money = partial(format_money, currency=order.currency)
    return [
        "" if subtotal == goods else f"the goods came to {money(subtotal)}, not to {money(goods)}",
        _delivery_misfit(offer, session, shipping, money(shipping)),
        "" if not discount or offer.get("codes") else f"{money(discount)} went off without a code",
        "" if discount <= subtotal + shipping else f"{money(discount)} off is more than the price",
        "" if not tax or taxes != "off" else f"there was {money(tax)} of tax, and none was asked",
        "" if total == due else f"the total is {money(total)}, and its parts are {money(due)}",
        "" if tax <= total else f"{money(tax)} of tax is more than the total",
        "" if not (is_free and total) else f"{money(total)} was due, and nothing was paid",
    ]


def _delivery_misfit(offer: Json, session: Json, cents: int, amount: str) -> str:
    options: list[dict[str, Any]] = offer.get("shipping") or []
    same = [option for option in options if option["cents"] == cents]
    if not same:
        is_right = not options and not cents
        return "" if is_right else f"delivery at {amount} was not offered"
    rate = reading.identifier(reading.mapping(session.get("shipping_cost")).get("shipping_rate"))
    rates = [option.get("rate") for option in same]
    is_other = rate and all(rates) and rate not in rates
    return f"the delivery {rate} was not offered" if is_other else ""


def _amounts(session: Json) -> dict[str, int | None]:
    """Return the amounts by name; None for what is no amount. Stripe writes no delivery as null."""
    details = reading.mapping(session.get("total_details"))
    shipping = details.get("amount_shipping", "missing")
    found = {
        "subtotal": session.get("amount_subtotal"),
        "shipping": 0 if shipping is None else shipping,
        "discount": details.get("amount_discount"),
        "tax": details.get("amount_tax"),
        "total": session.get("amount_total"),
    }
    return {name: reading.amount(cents) for name, cents in found.items()}
