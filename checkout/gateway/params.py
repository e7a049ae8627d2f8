"""What Stripe is told about an order: what it sells, where it goes to and what may be added.

Of the money, all is stored with the order. The rest may change before Stripe is asked again:
then it refuses the key, and the next press of Buy asks under another one.
"""

from collections.abc import Iterable
from typing import Any

from checkout.models import Order, OrderItem
from checkout.reading import Json
from storefront.models import Shop

SHIPPING_TAX_CODE = "txcd_92010001"


def session_params(order: Order, items: Iterable[OrderItem]) -> dict[str, Any]:
    """Return the parameters of the order's Checkout Session, but for addresses and its end."""
    reference = {"order_id": str(order.pk), "shop": str(Shop.this())}
    return {
        "mode": "payment",
        "line_items": [_line_item(item, order) for item in items],
        "client_reference_id": str(order.pk),
        "metadata": reference,
        # Stripe does not copy a session's metadata to what refunds and disputes refer to.
        "payment_intent_data": {"metadata": reference},
        **_besides_the_goods(order),
    }


def _besides_the_goods(order: Order) -> dict[str, Any]:
    """Return what the order's offer is to Stripe: delivery, codes and tax."""
    offer = order.offer or {}
    told: dict[str, Any] = {}
    if ways := offer.get("shipping"):
        told["shipping_address_collection"] = {"allowed_countries": [order.country]}
        told["shipping_options"] = [{"shipping_rate_data": _rate(way, order)} for way in ways]
    if offer.get("codes"):
        told["allow_promotion_codes"] = True
    if _tax(order):
        told["automatic_tax"] = {"enabled": True}
    return told


def _rate(way: Json, order: Order) -> dict[str, Any]:
    days = {"minimum": way["least"], "maximum": way["most"]}
    estimate = {
        end: {"unit": "business_day", "value": value} for end, value in days.items() if value
    }
    return {
        "type": "fixed_amount",
        "display_name": way["name"],
        "fixed_amount": {"amount": way["cents"], "currency": order.currency},
        **({"delivery_estimate": estimate} if estimate else {}),
        **(_tax(order) and {**_tax(order), "tax_code": SHIPPING_TAX_CODE}),
    }


def _line_item(item: OrderItem, order: Order) -> dict[str, Any]:
    return {
        "quantity": item.quantity,
        "price_data": {
            "currency": order.currency,
            "unit_amount": item.unit_price_cents,
            "product_data": {"name": item.name, "metadata": _reference(item)},
            **_tax(order),
        },
    }


def _tax(order: Order) -> dict[str, str]:
    """Return how tax is meant, the same for goods and delivery; nothing if there is none."""
    tax = (order.offer or {}).get("tax", "off")
    return {} if tax == "off" else {"tax_behavior": tax}


def _reference(item: OrderItem) -> dict[str, str]:
    """Return what tells the product, should the order have to be rebuilt from its session."""
    return {"product_id": str(item.product_id)} if item.product_id else {}
