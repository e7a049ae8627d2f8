"""What parcels and refunds tell of a person: to hand it out, and to forget it.

Settings name both.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from checkout.models import Order
from merchant.models import Parcel, RefundRequest


def exported(order: Order) -> dict[str, Any]:
    fields = ("carrier", "number", "url", "shipped_at")
    asked = RefundRequest.objects.filter(order=order).values("reason", "note", "asked_at")
    parcels = Parcel.objects.filter(order=order).values(*fields)
    return {"parcels": list(parcels), "asked_to_refund": list(asked)}


def forget(orders: Iterable[UUID]) -> None:
    """Keep when the parcels left, and nothing that leads to where they went or why it came back."""
    keys = [*orders]
    Parcel.objects.filter(order__in=keys).update(carrier="", number="", url="")
    RefundRequest.objects.filter(order__in=keys).update(note="")
