"""What the shop may offer besides the goods, and what Stripe could take instead of it."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest import mock

from tools.stripe_stand_in.amounts import reckon
from tools.stripe_stand_in.shapes import Json

PARCEL, EXPRESS = ("Parcel", "DE", 490), ("Express", "DE", 990)
FAR, WORLD = ("Far", "AT CH", 1_290), ("World", "*", 2_500)
COUNTRIES = ["DE", "DE", "AT", "US", "KP", ""]
CODES = {"TEN": 10, "MOST": 99.9, "ALL": 100}


@dataclass(frozen=True)
class Offering:
    """The shop's rates by name, countries and price, and its settings."""

    ways: tuple[tuple[str, str, int], ...] = ()
    has_codes: bool = False
    tax: str = "off"


OFFERS = [
    Offering(),
    Offering((PARCEL,)),
    Offering((PARCEL, EXPRESS, FAR)),
    Offering((FAR, WORLD), has_codes=True),
    Offering(has_codes=True),
    Offering((PARCEL, EXPRESS), has_codes=True, tax="inclusive"),
    Offering((PARCEL, WORLD), has_codes=True, tax="exclusive"),
    Offering(tax="exclusive"),
]

# By which amounts the session's differ from what was asked.
WRONG: dict[str, dict[str, int]] = {
    "more goods": {"amount_subtotal": 100, "amount_total": 100},
    "dearer delivery": {"amount_shipping": 100, "amount_total": 100},
    "cheaper": {"amount_discount": 60, "amount_total": -60},
    "tax within": {"amount_tax": 7},
    "tax on top": {"amount_tax": 7, "amount_total": 7},
    "a cent more": {"amount_total": 1},
}


@contextmanager
def stripe_reckons(wrong: str) -> Iterator[None]:
    """Let the stand-in take something else than the session says; nothing for no name."""

    def reckon_wrong(session: Json, *arguments: Any) -> tuple[Json, list[Json]]:
        amounts, changes = reckon(session, *arguments)
        amounts["amount_subtotal"] = session["amount_subtotal"]
        for name, cents in WRONG[wrong].items():
            place = amounts if name in amounts else amounts["total_details"]
            place[name] = max(place[name] + cents, 0)
        return amounts, changes

    place = "tools.stripe_stand_in.ledger.reckon"
    with mock.patch(place, reckon_wrong) if wrong else nullcontext():
        yield
