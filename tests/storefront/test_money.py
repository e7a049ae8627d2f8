"""Money is written as its currency wants it, with the digits that Stripe charges."""

import pytest

from storefront.money import (
    NotAnAmount,
    format_money,
    largest_charge,
    parse_money,
    smallest_step,
    typed_money,
)

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


@pytest.mark.parametrize(
    ("text", "currency", "words"),
    [
        ("29.9999", "usd", "too exact: USD goes in steps of 0.01, so write it like 29.99"),
        ("29.99", "jpy", "too exact: JPY goes in steps of 1, so write it like 2999"),
        ("1.293", "kwd", "too exact: KWD goes in steps of 0.010, so write it like 2.990"),
        ("500.50", "isk", "too exact: ISK goes in steps of 1, so write it like 29"),
        ("1.299", "usd", "two ways: write 1299.00 if it is that"),
        ("x" * 99, "usd", f"“{'x' * 40}…” is no amount in USD, such as 29.99"),
    ],
)
def test_what_cannot_be_read_says_how_to_write_it(text: str, currency: str, words: str):
    with pytest.raises(NotAnAmount, match=words):
        parse_money(text, currency)


@pytest.mark.parametrize("locale", ["en-us", "de-de"])
@pytest.mark.parametrize("currency", ["usd", "jpy", "kwd", "isk", "idr"])
def test_what_is_shown_to_be_typed_over_is_read_again(settings, locale: str, currency: str):
    settings.LANGUAGE_CODE = locale
    for cents in (0, 1_200, 129_900, largest_charge(currency)):
        assert parse_money(typed_money(cents, currency), currency) == cents


@pytest.mark.parametrize(("locale", "shown"), [("en-us", "1299.50"), ("de-de", "1299,50")])
def test_a_price_is_shown_as_it_is_typed(settings, locale: str, shown: str):
    settings.LANGUAGE_CODE = locale
    assert typed_money(129_950, "eur") == shown


@pytest.mark.parametrize("text", ["$29.99", "29.99 cad", "CA$29.99"])
def test_its_sign_is_read_in_any_spelling(text: str):
    assert parse_money(text, "cad") == 2_999
