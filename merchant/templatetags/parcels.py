"""What was sent of the orders that a page of the shop shows."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import template

from checkout.bills import address_lines, delivery_name
from checkout.models import Order
from checkout.my_orders import PAGE_SIZE
from merchant.models import Parcel
from storefront.ops.compiled_queries import CompiledQuery

register = template.Library()
register.filter(address_lines)
register.filter(delivery_name)

parcels_of_orders = CompiledQuery(
    lambda *orders: Parcel.objects.filter(order__in=orders), *[UUID] * PAGE_SIZE
)


@register.simple_tag
def parcels_of(order: Order) -> list[Parcel]:
    """`{% parcels_of order as parcels %}`: without a query if nothing was sent."""
    return _by_order([order])[order.pk]


@register.simple_tag
def with_parcels(rows: Iterable[tuple[Order, Any]]) -> list[tuple[Order, Any, list[Parcel]]]:
    """`{% with_parcels panel.rows as rows %}`: each with its parcels, by one query for all."""
    rows = list(rows)
    parcels = _by_order([order for order, _ in rows])
    return [(order, items, parcels[order.pk]) for order, items in rows]


def _by_order(orders: list[Order]) -> dict[UUID, list[Parcel]]:
    parcels: dict[UUID, list[Parcel]] = {order.pk: [] for order in orders}
    shipped = [order.pk for order in orders if order.shipped_at]
    if shipped:
        for parcel in parcels_of_orders(*shipped, *[None] * (PAGE_SIZE - len(shipped))):
            parcels[parcel.order_id].append(parcel)
    return parcels
