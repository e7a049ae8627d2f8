"""What Stripe is told about an order: what it sells, where it goes to and what may be added.

Of the money, all is stored with the order. The rest may change before Stripe is asked again:
then it refuses the key, and the next press of Buy asks under another one.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.utils.text import Truncator

from checkout.models import Order, OrderItem
from checkout.reading import Json
from storefront.models import Product, Shop
from storefront.models.shop import six_digits
from storefront.ops.templatetags.words import plain
from storefront.pictures import show_pictures

SHIPPING_TAX_CODE = "txcd_92010001"
LONGEST_DESCRIPTION = 200


def session_params(order: Order, items: Iterable[OrderItem]) -> dict[str, Any]:
    """Return the parameters of the order's Checkout Session, but for addresses and its end."""
    reference = {"order_id": str(order.pk), "shop": str(Shop.this())}
    return {
        "mode": "payment",
        "line_items": _line_items(order, [*items]),
        "client_reference_id": str(order.pk),
        "metadata": reference,
        # Stripe does not copy a session's metadata to what refunds and disputes refer to.
        "payment_intent_data": {
            "metadata": reference,
            "description": f"Order {order.reference}",
        },
        "locale": "auto",
        "branding_settings": _looks(),
        **_by_settings(),
        **_besides_the_goods(order),
    }


def _looks() -> dict[str, str]:
    """Return how Stripe's page looks like the shop's; it takes colours of six digits."""
    shop = Shop.current()
    colour = {"button_color": six_digits(accent)} if (accent := shop.shown_accent) else {}
    return {"display_name": shop.shown_name, **colour}


def _by_settings() -> dict[str, Any]:
    told: dict[str, Any] = {}
    if settings.ASK_PHONE:
        told["phone_number_collection"] = {"enabled": True}
    if settings.EXCLUDE_PAYMENT_METHODS:
        told["excluded_payment_method_types"] = settings.EXCLUDE_PAYMENT_METHODS
    return told


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


def _line_items(order: Order, items: Sequence[OrderItem]) -> list[dict[str, Any]]:
    if _is_seen_by_stripe():
        show_pictures(item.product for item in items if item.product)
    return [_line_item(item, order) for item in items]


def _line_item(item: OrderItem, order: Order) -> dict[str, Any]:
    known = {"name": item.name, "metadata": _reference(item)}
    return {
        "quantity": item.quantity,
        "price_data": {
            "currency": order.currency,
            "unit_amount": item.unit_price_cents,
            "product_data": known | (_details(item.product, order) if item.product else {}),
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


def _details(product: Product, order: Order) -> dict[str, Any]:
    """Return what Stripe's page shows of the product; what is empty Stripe would refuse."""
    family = product.variant_of
    tax_code = product.tax_code or (family.tax_code if family else "")
    details = {
        "description": Truncator(plain(product.shown_description)).chars(LONGEST_DESCRIPTION),
        "images": _images(product) if _is_seen_by_stripe() else [],
        "tax_code": tax_code if _tax(order) else "",
    }
    return {name: detail for name, detail in details.items() if detail}


def _images(product: Product) -> list[str]:
    """Return where Stripe finds its pictures: at most eight of them, and no drawings."""
    paths = [picture.largest for picture in product.pictures] or [product.shareable_picture]
    return [urljoin(settings.SITE_URL, path) for path in paths if path]


def _is_seen_by_stripe() -> bool:
    """Whether Stripe can load the shop's pictures: it does so by https alone."""
    return bool(settings.SITE_URL and settings.IS_PUBLIC)
