"""A shopper clicks twice, or has two tabs open: one order, and no change is lost."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from tools.at_once import at_once
from tools.http_shopper import Answer, HttpShopper
from tools.stage import Stage, is_lost_within_some_rounds

CLICKS = 10
PRODUCTS = 12
COUNTRIES = ("DE", "AT", "FR", "IT")


@pytest.fixture(scope="module")
def products(running_stage: Stage) -> list[int]:
    return running_stage.add_products(PRODUCTS)


@pytest.fixture
def rates(running_stage: Stage) -> Iterator[None]:
    """Each country has a price of its own."""
    for place, country in enumerate(COUNTRIES):
        running_stage.sql(
            "INSERT INTO storefront_shippingrate (name, countries, amount_cents, position, is_on) "
            f"VALUES ('Parcel', '{country}', {490 + place}, 0, TRUE)"
        )
    yield
    running_stage.sql("DELETE FROM storefront_shippingrate")


def test_ten_clicks_on_buy_open_one_checkout(stage: Stage):
    ada, answers = clicks_buy(stage)
    [(status, session)] = stage.orders(ada)
    assert status == "PENDING"
    # Few clicks wait for the first one, and the others are asked to press again.
    assert {answer.status for answer in answers} == {303}
    assert any(str(session) in answer.location for answer in answers)
    assert str(session) in ada.buys().location
    assert list(stage.stripe.sessions) == [session]


def test_without_the_constraint_clicks_make_several_orders(stage: Stage):
    with stage.altered("open_orders_repeat") as unguarded:
        assert is_lost_within_some_rounds(
            lambda: len(unguarded.orders(clicks_buy(unguarded)[0])) <= 1
        )


def test_tabs_that_buy_to_other_countries_leave_one_checkout(stage: Stage, rates: None):
    ada = buys_to_other_countries(stage)
    assert len(open_sessions(stage)) <= 1  # of two at the very same moment, none is left
    ada.buys_by_json((stage.product("Mouse"), 1), country="DE")
    assert [s["amount_total"] for s in open_sessions(stage)] == [2_999 + 490]


def test_without_a_second_look_tabs_leave_several_checkouts(stage: Stage, rates: None):
    def race() -> bool:
        unguarded.stripe.reset()
        buys_to_other_countries(unguarded)
        return len(open_sessions(unguarded)) <= 1

    with stage.altered("other_tabs_are_looked_for_once") as unguarded:
        assert is_lost_within_some_rounds(race)


def test_without_the_idempotency_key_clicks_open_several_sessions(stage: Stage):
    with stage.altered("stripe_is_asked_without_a_key") as unguarded:
        assert is_lost_within_some_rounds(lambda: sessions_of_clicks(unguarded) <= 1)


def test_two_tabs_lose_none_of_their_changes(stage: Stage, products: list[int]):
    ada, wanted, answers = fills_a_cart_in_two_tabs(stage, products)
    assert (stage.cart(ada), answers) == (wanted, {303})


def test_two_tabs_that_add_the_same_product_meet_in_one_line(stage: Stage):
    ada, answers = adds_the_same_in_ten_tabs(stage)
    assert (stage.cart(ada)[stage.product("Mouse")], answers) == (7, {303})


def test_a_cart_that_is_written_whole_loses_changes(stage: Stage, products: list[int]):
    def race() -> bool:
        ada, wanted, _ = fills_a_cart_in_two_tabs(unguarded, products)
        return unguarded.cart(ada) == wanted

    with stage.altered("carts_are_written_whole") as unguarded:
        assert is_lost_within_some_rounds(race)


def test_without_the_upsert_the_second_tab_fails(stage: Stage):
    with stage.altered("cart_lines_are_looked_up_then_added") as unguarded:
        assert is_lost_within_some_rounds(
            lambda: 500 not in adds_the_same_in_ten_tabs(unguarded)[1]
        )


def clicks_buy(stage: Stage) -> tuple[HttpShopper, list[Answer]]:
    ada = stage.shopper()
    ada.puts(stage.product("Mouse"), 2)
    return ada, at_once([ada.buys] * CLICKS)


def buys_to_other_countries(stage: Stage) -> HttpShopper:
    ada, mouse = stage.shopper(), stage.product("Mouse")
    ada.puts(mouse, 1)
    at_once([partial(ada.buys_by_json, (mouse, 1), country=country) for country in COUNTRIES])
    return ada


def open_sessions(stage: Stage) -> list[dict[str, Any]]:
    return [s for s in stage.stripe.sessions.values() if s["status"] == "open"]


def sessions_of_clicks(stage: Stage) -> int:
    stage.stripe.reset()
    clicks_buy(stage)
    return len(stage.stripe.sessions)


def fills_a_cart_in_two_tabs(
    stage: Stage, products: list[int]
) -> tuple[HttpShopper, dict[int, int], set[int]]:
    """Return the shopper, what the cart has to hold then, and how the shop answered."""
    ada, mouse = stage.shopper(), stage.product("Mouse")
    ada.puts(mouse, 1)
    wanted = {product: number for number, product in enumerate(products, 2)}
    answers = at_once([partial(ada.puts, *line) for line in wanted.items()])
    return ada, {mouse: 1, **wanted}, {answer.status for answer in answers}


def adds_the_same_in_ten_tabs(stage: Stage) -> tuple[HttpShopper, set[int]]:
    ada = stage.shopper()
    ada.puts(stage.product("Laptop"), 1)
    answers = at_once([partial(ada.puts, stage.product("Mouse"), 7)] * 10)
    return ada, {answer.status for answer in answers}
