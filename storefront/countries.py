"""The countries that Stripe takes addresses of, by their names in the shop's language."""

import re
from functools import cache

from babel import Locale
from django.conf import settings

from storefront.ops.spelling import searchable

# What the Unicode consortium names beside countries, and the countries that Checkout refuses
# (https://docs.stripe.com/api/checkout/sessions/create, shipping_address_collection).
NOT_TAKEN = frozenset(
    "AS CC CP CQ CU CX DG EA EU EZ FM HM IC IR KP MH MP NF PW QO SY UM UN VI XA XB ZZ".split()
)
NOWHERE = "ZZ"
"""No country, but in Stripe's own list of them."""
ALSO_CALLED = {"uk": "GB", "great britain": "GB", "usa": "US", "czech republic": "CZ"}
BETWEEN = re.compile(r"[,;/|\t\r\n]+")
MOST_NAMED = 5


class NoCountry(ValueError):
    """It names what is no country, or none that Stripe takes addresses of; the words say which."""


@cache
def countries() -> dict[str, str]:
    """Return the names by their codes of two letters, in the order of the names."""
    taken = {code: name for code, name in _territories().items() if code not in NOT_TAKEN}
    return dict(sorted(taken.items(), key=lambda country: searchable(country[1])))


def country_name(code: str) -> str:
    """Return the country's name; a code that is none stays as it is."""
    return countries().get(code, code)


def codes_written(text: str) -> list[str]:
    """Return the codes of what is written by code or by name, in whatever case; each once.

    Raises NoCountry.
    """
    parts = [part for part in BETWEEN.split(text) if _key(part)]
    words = [word for part in parts for word in ([part] if _code_of(part) else part.split())]
    codes = {word: _code_of(word) for word in words if _key(word)}
    refused = {
        word: code for word, code in codes.items() if code not in countries() and code != NOWHERE
    }
    if refused:
        raise NoCountry(_refusal(refused))
    return list(dict.fromkeys(code for code in codes.values() if code in countries()))


def _refusal(refused: dict[str, str]) -> str:
    names = [
        f"{_territories()[code]} ({code})" if code else f"“{word[:40]}”"
        for word, code in refused.items()
    ]
    named = ", ".join(names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    how = "Write codes such as DE AT CH, or names with commas between."
    return f"Stripe takes no address in {named}{more}. {how}"


def _code_of(words: str) -> str:
    """Return the code of a country's code or name, also of one that Stripe refuses."""
    code = words.strip().upper()
    return code if code in _territories() else _codes_by_name().get(_key(words), "")


@cache
def _codes_by_name() -> dict[str, str]:
    return {_key(name): code for code, name in _territories().items()} | ALSO_CALLED


def _key(name: str) -> str:
    """What two spellings of a name have in common."""
    return " ".join(re.findall(r"\w+", searchable(name.replace("&", " and "))))


@cache
def _territories() -> dict[str, str]:
    territories = Locale.parse(settings.LANGUAGE_CODE, sep="-").territories
    return {code: name for code, name in territories.items() if len(code) == 2 and code.isalpha()}
