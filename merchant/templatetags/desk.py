"""The frame of the desk: the way about, and what is wrong with the shop."""

from typing import NamedTuple

from django import template
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from checkout.models import Order
from merchant.alarms import alarms
from merchant.permissions import (
    SEE_EVENTS,
    SEE_MESSAGES,
    SEE_MONEY,
    SEE_ORDERS,
    SEE_PRODUCTS,
    may_any,
)

register = template.Library()

# Each way's words and address, one of the permissions that it takes, and what else belongs to it.
WAYS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("Today", "index", (), ()),
    (
        "Orders",
        "checkout_order_changelist",
        SEE_ORDERS,
        ("to-ship",),
    ),
    (
        "Products",
        "storefront_product_changelist",
        SEE_PRODUCTS,
        ("storefront_category_changelist",),
    ),
    ("Money", "money", (SEE_MONEY,), ()),
    (
        "Shop",
        "shop",
        ("storefront.change_shop",),
        ("storefront_shippingrate_changelist",),
    ),
    ("Health", "health", (SEE_EVENTS,), ()),
)


State = Order.Status
TONES: dict[str, str] = {
    State.PAID: "paid",
    State.PENDING: "waiting",
    State.PROCESSING: "waiting",
    State.REVIEW: "alert",
}


class Way(NamedTuple):
    words: str
    address: str
    current: str


@register.simple_tag(takes_context=True)
def ways(context: template.Context) -> list[Way]:
    """`{% ways as them %}`: where the visitor may go, and in which of them they are."""
    request: HttpRequest = context["request"]
    found = []
    for words, name, permissions, others in WAYS:
        address = address_of(name)
        if address and (not permissions or may_any(request, permissions)):
            places = [address, *filter(None, map(address_of, others))]
            is_inside = name != "index" and request.path.startswith(tuple(places))
            current = "page" if request.path == address else "true" if is_inside else ""
            found.append(Way(words, address, current))
    return found


@register.simple_tag
def address_of(name: str) -> str:
    """Return where a page of the desk is; nothing if there is no such page."""
    try:
        return reverse(f"admin:{name}")
    except NoReverseMatch:
        return ""


@register.simple_tag(takes_context=True)
def what_is_wrong(context: template.Context) -> list[str]:
    """`{% what_is_wrong as alarms %}`: what stands in red above the page."""
    may_read = context["request"].user.has_perm(SEE_MESSAGES)
    return alarms(timezone.now(), sees_messages=may_read)


@register.filter
def tone(order: Order) -> str:
    """Return which of the colours of states an order's payment has."""
    return TONES.get(order.status, "quiet")
