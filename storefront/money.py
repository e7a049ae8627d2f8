"""Money: whole minor units in the code, written as its currency wants it on the page.

Stripe says how many minor units make one, mostly but not always as ISO 4217 does
(https://docs.stripe.com/currencies): 500 is $5.00 and ¥500, and KWD ends in a zero.
"""

import re
from copy import copy
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, lru_cache
from string import ascii_letters

from babel import Locale
from babel.numbers import NumberPattern, get_currency_symbol
from django.conf import settings

# How many digits an amount may have: 999,999.99 in most currencies. In those whose unit is worth
# less than a cent or so cards take more, and Checkout leaves out the methods that don't.
DIGITS = 8
WEAK_CURRENCIES = (
    "bif cdf clp cop crc djf gnf huf jpy khr kmf krw lak lbp mga mmk mnt pyg rwf tzs ugx uzs vnd "
    "vuv xaf xof xpf"
)
MORE_DIGITS = {**dict.fromkeys(WEAK_CURRENCIES.split(), 10), "inr": 9, "idr": 12}

ZERO_DECIMALS = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
THREE_DECIMALS = frozenset("bhd jod kwd omr tnd".split())
# Stripe counts two decimals that these currencies no longer have: 500 is 5 krónur.
WHOLE_IN_HUNDREDTHS = frozenset(["isk", "ugx"])
LONGEST = 40
"""Of what was typed, so much is said again."""


def decimals(currency: str) -> int:
    """Return how many digits of an amount stand behind the point."""
    if currency in ZERO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def smallest_step(currency: str | None = None) -> int:
    """Return the amount that every price is a multiple of, in minor units."""
    currency = currency or settings.CURRENCY
    if currency in WHOLE_IN_HUNDREDTHS:
        return 100
    return 10 if currency in THREE_DECIMALS else 1


def largest_charge(currency: str | None = None) -> int:
    """Return the most that one Checkout Session may charge, in minor units."""
    currency = currency or settings.CURRENCY
    return int(10 ** MORE_DIGITS.get(currency, DIGITS)) - smallest_step(currency)


def changed_by(percent: Decimal, cents: int, currency: str | None = None) -> int:
    """Return an amount that is so many per cent more, or less, as a price of its currency."""
    step = smallest_step(currency)
    steps = Decimal(cents) * (100 + percent) / (100 * step)
    return int(steps.quantize(Decimal(1), ROUND_HALF_UP)) * step


def format_money(cents: int, currency: str | None = None) -> str:
    """Return `cents` as people write it, such as $139.97; in the shop's currency by default."""
    return _format_money(cents, currency or settings.CURRENCY)


@lru_cache(maxsize=10_000)  # the same prices over and over
def _format_money(cents: int, currency: str) -> str:
    locale = Locale.parse(settings.LANGUAGE_CODE, sep="-")
    amount = Decimal(cents).scaleb(-decimals(currency))
    return str(
        _pattern(locale, currency).apply(
            amount, locale, currency=currency.upper(), currency_digits=False
        )
    )


def decimal_amount(cents: int, currency: str | None = None) -> str:
    """Return `cents` for machines, such as 139.97."""
    return str(Decimal(cents).scaleb(-decimals(currency or settings.CURRENCY)))


class NotAnAmount(ValueError):
    """The text is no amount that the shop can charge; the words say why."""


def parse_money(text: str, currency: str | None = None) -> int:
    """Return the minor units of an amount as people write it: 29.99, 1.299,00 or $29.99.

    Raises NotAnAmount, also for what can be read in two ways.
    """
    currency = currency or settings.CURRENCY
    code, step, places = currency.upper(), smallest_step(currency), decimals(currency)
    example = typed_money(2_999 // step * step, currency)
    said = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    refusal = NotAnAmount(f"“{said}” is no amount in {code}, such as {example}.")
    written = _without_currency(text, currency)
    number = re.sub(r"(?<=[0-9])[\s'’](?=[0-9]{3}(?![0-9]))", "", written)
    if not re.fullmatch(r"[0-9]{1,15}([.,][0-9]{1,15}){0,5}", number):
        raise refusal
    first, *rest = re.split(r"[.,]", number)
    marks, fraction = re.sub(r"[0-9]", "", number), ""
    if _ends_in_a_fraction(first, rest, marks, places):
        fraction = rest.pop()
    is_grouped = all(len(group) == 3 for group in rest) and (len(first) < 4 or not rest)
    if not is_grouped or len(set(marks[: len(rest)])) > 1:
        raise refusal
    cents = int("".join([first, *rest, fraction[:places].ljust(places, "0")]))
    if len(fraction) > places or cents % step:
        steps = f"{code} goes in steps of {typed_money(step, currency)}"
        raise NotAnAmount(f"“{said}” is too exact: {steps}, so write it like {example}.")
    if cents > largest_charge(currency):
        most = format_money(largest_charge(currency), currency)
        raise NotAnAmount(f"“{said}” is more than {most}, which is the most that Stripe takes.")
    return cents


def typed_money(cents: int, currency: str | None = None) -> str:
    """Return `cents` as somebody types them, such as 29.99: `parse_money` reads it again."""
    currency = currency or settings.CURRENCY
    is_whole = currency in WHOLE_IN_HUNDREDTHS and cents % 100 == 0
    amount = Decimal(cents).scaleb(-decimals(currency))
    number = f"{amount:.0f}" if is_whole else str(amount)
    return number.replace(".", _point()) if decimals(currency) < 3 else number


def _ends_in_a_fraction(first: str, rest: list[str], marks: str, places: int) -> bool:
    """Whether the last mark begins a fraction, and does not group the thousands."""
    if len(marks) > 1:
        return marks[-1] not in marks[:-1]
    if not rest or places == 0:
        return bool(rest) and len(rest[0]) != 3
    could_be_thousands = len(rest[0]) == 3 and 1 <= len(first) <= 3 and first[0] != "0"
    is_as_machines_write = marks == "." and places == 3
    if could_be_thousands and not is_as_machines_write:
        number = marks.join([first, *rest])
        whole = first + rest[0]
        raise NotAnAmount(
            f"“{number}” can be read in two ways: write {whole}.{'0' * places} if it is that."
        )
    return True


def _without_currency(text: str, currency: str) -> str:
    locale = Locale.parse(settings.LANGUAGE_CODE, sep="-")
    symbol = get_currency_symbol(currency.upper(), locale)
    written = text.strip()
    for sign in (currency.upper(), symbol, currency, symbol.lstrip(ascii_letters)):
        written = written.removeprefix(sign).removesuffix(sign).strip()
    return written


def _point() -> str:
    """Return what stands before a fraction where the shop is."""
    locale = Locale.parse(settings.LANGUAGE_CODE, sep="-")
    return str(locale.number_symbols["latn"]["decimal"])


@cache
def _pattern(locale: Locale, currency: str) -> NumberPattern:
    """The locale's way to write money, with the digits that Stripe charges."""
    pattern: NumberPattern = copy(locale.currency_formats["standard"])
    shown = 0 if currency in WHOLE_IN_HUNDREDTHS else decimals(currency)
    pattern.frac_prec = (shown, shown)
    if get_currency_symbol(currency.upper(), locale)[-1].isalpha():
        positive, negative = pattern.prefix
        pattern.prefix = (f"{positive}\N{NO-BREAK SPACE}", f"{negative}\N{NO-BREAK SPACE}")
    return pattern
