"""What parcels tell of a person: to hand it out, and to forget it (settings name both)."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from checkout.models import Order
from merchant.models import Parcel


def exported(order: Order) -> dict[str, Any]:
    fields = ("carrier", "number", "url", "shipped_at")
    return {"parcels": list(Parcel.objects.filter(order=order).values(*fields))}


def forget(orders: Iterable[UUID]) -> None:
    """Keep when the parcels left, and nothing that leads to where they went."""
    Parcel.objects.filter(order__in=[*orders]).update(carrier="", number="", url="")
