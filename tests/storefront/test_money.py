"""Money is written as its currency wants it, with the digits that Stripe charges."""

import pytest

from storefront.money import format_money, largest_charge, smallest_step

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("cents", "currency", "words"),
    [
        (13_997, "usd", "$139.97"),
        (0, "usd", "$0.00"),
        (5, "usd", "$0.05"),
        (99_999_999, "usd", "$999,999.99"),
        (2_999, "jpy", "¥2,999"),
        (2_990, "kwd", "KWD\N{NO-BREAK SPACE}2.990"),
        (2_900, "isk", "ISK\N{NO-BREAK SPACE}29"),
        (2_999, "rsd", "RSD\N{NO-BREAK SPACE}29.99"),
        (2_999, "eur", "€29.99"),
    ],
)
def test_written(cents: int, currency: str, words: str):
    assert format_money(cents, currency) == words


@pytest.mark.parametrize(("locale", "words"), [("de-de", "1.399,70\N{NO-BREAK SPACE}€")])
def test_written_in_another_language(settings, locale: str, words: str):
    settings.LANGUAGE_CODE = locale
    assert format_money(139_970, "eur") == words


@pytest.mark.parametrize(("currency", "step"), [("usd", 1), ("jpy", 1), ("kwd", 10), ("isk", 100)])
def test_prices_go_in_steps_that_stripe_takes(currency: str, step: int):
    assert smallest_step(currency) == step


@pytest.mark.parametrize(
    ("currency", "words"),
    [
        ("usd", "$999,999.99"),
        ("kwd", "KWD\N{NO-BREAK SPACE}99,999.990"),
        ("inr", "₹9,999,999.99"),
        ("isk", "ISK\N{NO-BREAK SPACE}999,999"),
        ("jpy", "¥9,999,999,999"),
        ("idr", "IDR\N{NO-BREAK SPACE}9,999,999,999.99"),
    ],
)
def test_the_largest_charge_has_as_many_digits_as_stripe_takes(currency: str, words: str):
    assert format_money(largest_charge(currency), currency) == words
