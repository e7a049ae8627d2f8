"""Reads what Stripe sent and trusts no type: API versions differ, and fields come and go."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from storefront.models import Shop
from storefront.ops.spelling import searchable

Json = Mapping[str, Any]

IDENTIFIER = re.compile(r"[\w.\-]{1,255}", re.ASCII)
LARGEST_AMOUNT = 2**53
# Control characters, and halves of surrogate pairs: PostgreSQL takes no NUL and none of these.
UNWRITABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
ADDRESS = ("line1", "line2", "postal_code", "city", "state", "country")
LONGEST_LINE = 255
LONGEST_PHONE = 40
PROBE, PROBE_NOTE = "probe", "The probe {}."


def mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def identifier(value: object) -> str:
    """Return an id; an expanded object, as older versions send, has it inside. Else nothing."""
    value = mapping(value).get("id", value)
    return value if isinstance(value, str) and IDENTIFIER.fullmatch(value) else ""


def intent(thing: Json) -> str:
    """Return the id of the PaymentIntent that a session, charge, refund or dispute is about."""
    return identifier(thing.get("payment_intent"))


def names_another_shop(thing: Json) -> bool:
    """Whether it belongs to another shop on the same account at Stripe, as its metadata says."""
    name = identifier(mapping(thing.get("metadata")).get("shop"))
    return bool(name) and name != str(Shop.this())


def probe_note(session: Json) -> str:
    """Return what the event of a probe is known by; nothing for one of orders (doctor/)."""
    told = mapping(session.get("metadata"))
    is_probe = PROBE in told and "order_id" not in told and not names_another_shop(session)
    return PROBE_NOTE.format(identifier(session.get("id"))) if is_probe else ""


def uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def amount(value: object) -> int | None:
    """Return an amount in minor units; True and 1.0 are none."""
    return value if type(value) is int and 0 <= value < LARGEST_AMOUNT else None


def moment(seconds: object) -> datetime | None:
    if type(seconds) is not int or not 0 < seconds < 2**32:
        return None
    return datetime.fromtimestamp(seconds, tz=UTC)


def text(value: object, most: int = LONGEST_LINE) -> str:
    """Return a text in one line, as any database can hold it and as far as there is room."""
    return " ".join(UNWRITABLE.sub(" ", value).split())[:most] if isinstance(value, str) else ""


def payment(event: Json, session: Json) -> dict[str, Any]:
    """Return what an order keeps of its payment, by the names of its fields."""
    return {
        "paid_at": moment(event.get("created")) or timezone.now(),
        "payment_intent": intent(session),
        "received_cents": amount(session.get("amount_total")) or 0,
        **_known(email=email(session)),
        **contact(session),
    }


def contact(session: Json) -> dict[str, Any]:
    """Return where the goods go and whom to call, by the names of an order's fields.

    What the session doesn't say is left out, so that it takes nothing away. The e-mail address
    comes along with the rest: by it a person is found who wants to be forgotten.
    """
    collected = mapping(session.get("collected_information"))
    places = (
        collected.get("shipping_details"),
        *map(session.get, ("shipping_details", "shipping")),
    )
    shipping = next((place for place in map(mapping, places) if mapping(place.get("address"))), {})
    address = mapping(shipping.get("address"))
    lines = {name: text(address.get(name)) or None for name in ADDRESS}
    lines["country"] = (lines["country"] or "").upper() or None
    phones = (mapping(session.get("customer_details")).get("phone"), shipping.get("phone"))
    name = text(shipping.get("name"))
    found = _known(
        shipping_name=name,
        search_text=searchable(name)[:LONGEST_LINE],
        ship_to=lines if any(lines.values()) else None,
        phone=next(filter(None, (text(phone, LONGEST_PHONE) for phone in phones)), ""),
    )
    return found | _known(email=email(session)) if found else {}


def _known(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def email(session: Json) -> str:
    address = mapping(session.get("customer_details")).get("email") or session.get("customer_email")
    if not isinstance(address, str) or len(address) > 254 or not address.isprintable():
        return ""
    return address
