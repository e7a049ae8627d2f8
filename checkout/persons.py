"""What the shop knows of a person by their e-mail address: to hand it out, and to forget it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils.module_loading import import_string

from checkout import receipts
from checkout.models import Message, Order
from storefront.models import CartLine
from storefront.money import decimal_amount
from storefront.ops.spelling import HasOtherLetters, folded

NOWHERE: dict[str, Any] = {"shipping_name": "", "search_text": "", "ship_to": None, "phone": ""}
"""What an order says of where it goes once that is forgotten."""


def export(address: str) -> dict[str, Any]:
    """Return everything about the person, ready for JSON."""
    orders = list(orders_of(address).prefetch_related("items", "refunds", "events", "messages"))
    return {
        "address": address,
        "orders": [_exported(order) for order in orders],
        "carts": [
            {
                "product": line.product.full_name,
                "quantity": line.quantity,
                "changed": line.changed_at,
            }
            for line in _carts(address, orders).select_related("product")
        ],
    }


@transaction.atomic
def forget(address: str) -> list[Order]:
    """Part the person from their orders, which stay otherwise; return them as they were.

    Their browser shows the orders no more, private links end, and their carts are gone.
    """
    orders = list(orders_of(address).select_for_update())
    _carts(address, orders).delete()
    for order in orders:
        # Of each order another one, so that they can't be told to be one person's.
        rows = Order.objects.filter(pk=order.pk)
        rows.update(email="", link_nonce="", note="", shopper=uuid4(), **NOWHERE)
    Message.objects.forget(order.pk for order in orders)
    forget_elsewhere(order.pk for order in orders)
    return orders


def forget_elsewhere(orders: Iterable[UUID]) -> None:
    """Let what stands above the checkout forget the persons of these orders too."""
    keys = [*orders]
    for name in settings.FORGETS_PERSONS:
        import_string(name)(keys)


def orders_of(address: str, among: QuerySet[Order] | None = None) -> QuerySet[Order]:
    """Return the orders with this address, however its letters are written."""
    rows = Order.objects.all() if among is None else among
    wanted = folded(address.strip())
    plain = rows.alias(lower=Lower("email")).filter(lower=wanted)
    # Databases don't agree on the small letters of other alphabets. Few addresses have any.
    others = Order.objects.filter(HasOtherLetters("email")).order_by()
    same = [pk for pk, email in others.values_list("pk", "email") if folded(email) == wanted]
    return rows.filter(pk__in=[*same, *plain.values_list("pk", flat=True)]) if same else plain


def _carts(address: str, orders: Iterable[Order]) -> QuerySet[CartLine]:
    """Return what lies in the carts of their browsers, but for those that others bought with."""
    shoppers = {order.shopper for order in orders}
    bought = Order.objects.filter(shopper__in=shoppers).exclude(email="")
    shared = {o.shopper for o in bought if folded(o.email) != folded(address.strip())}
    return CartLine.objects.filter(shopper__in=shoppers - shared)


def _exported(order: Order) -> dict[str, Any]:
    fields = (
        *("created_at", "paid_at", "status", "email", "session_id", "payment_intent"),
        *("disputed_at", "dispute_result", "shopper"),
        *("shipping_name", "ship_to", "phone", "shipped_at", "note"),
    )
    cents = {
        "discount": order.discount_cents,
        "delivery": order.shipping_cents,
        "tax": order.tax_cents,
        "total": order.total_cents,
        "refunded": order.refunded_cents,
    }
    return {
        "order": order.reference,
        "id": order.pk,
        **{name: getattr(order, name) for name in fields},
        "currency": order.currency,
        **{name: decimal_amount(amount, order.currency) for name, amount in cents.items()},
        "private_link": receipts.address_of(order),
        **_rows_of(order),
        **_known_elsewhere(order),
    }


def _rows_of(order: Order) -> dict[str, list[dict[str, Any]]]:
    """Return what was bought, what went back, what Stripe said and what was written."""
    items = [
        {
            "name": item.name,
            "quantity": item.quantity,
            "price": decimal_amount(item.unit_price_cents, order.currency),
        }
        for item in order.items.all()
    ]
    refunds = [
        {
            "id": refund.refund_id,
            "amount": decimal_amount(refund.amount_cents, order.currency),
            "made_at": refund.made_at,
            "failed_at": refund.failed_at,
        }
        for refund in order.refunds.all()
    ]
    events = [
        {"id": event.event_id, "type": event.type, "created": event.created}
        for event in order.events.all()
    ]
    messages = [
        {"kind": message.kind, "to": message.to, "sent_at": message.sent_at}
        for message in order.messages.all()
        if not message.is_to_merchant
    ]
    return {"items": items, "refunds": refunds, "events": events, "messages": messages}


def _known_elsewhere(order: Order) -> dict[str, Any]:
    found = (import_string(name)(order) for name in settings.EXPORTS_PERSONS)
    return {name: value for known in found for name, value in known.items()}
