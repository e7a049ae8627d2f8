"""The countries that Stripe takes addresses of, by their names in the shop's language."""

import unicodedata
from functools import cache

from babel import Locale
from django.conf import settings

# What the Unicode consortium names beside countries, and the countries that Checkout refuses
# (https://docs.stripe.com/api/checkout/sessions/create, shipping_address_collection).
NOT_TAKEN = frozenset(
    "AS CC CP CQ CU CX DG EA EU EZ FM HM IC IR KP MH MP NF PW QO SY UM UN VI XA XB ZZ".split()
)


@cache
def countries() -> dict[str, str]:
    """Return the names by their codes of two letters, in the order of the names."""
    territories = Locale.parse(settings.LANGUAGE_CODE, sep="-").territories
    taken = {
        code: name
        for code, name in territories.items()
        if len(code) == 2 and code.isalpha() and code not in NOT_TAKEN
    }
    return dict(sorted(taken.items(), key=lambda country: _sorted_as(country[1])))


def country_name(code: str) -> str:
    """Return the country's name; a code that is none stays as it is."""
    return countries().get(code, code)


def _sorted_as(name: str) -> str:
    """Åland stands beside Albania, not behind Zimbabwe."""
    plain = unicodedata.normalize("NFKD", name)
    return "".join(char for char in plain if not unicodedata.combining(char)).casefold()
