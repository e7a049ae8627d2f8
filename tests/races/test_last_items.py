"""More shoppers want it than there is: exactly what is there is sold, and no more is paid for."""

from collections import Counter
from dataclasses import dataclass
from functools import partial

import pytest

from tools.at_once import at_once
from tools.stage import Stage, is_lost_within_some_rounds

IN_STOCK, BUYERS = 20, 30
SOLD_OUT = "Tea 0 is sold out. Remove it from the cart to go on."
SLOW_SECONDS = 3
PATIENCE_SECONDS = 30


@pytest.fixture(scope="module", autouse=True)
def teas(running_stage: Stage) -> None:
    running_stage.add_products(2)


@dataclass(frozen=True)
class Sale:
    answers: dict[int, int]
    refused_in_words: int
    sessions: int
    stock: int


def test_two_processes_sell_twenty_of_twenty(stage: Stage):
    sale = thirty_buy(stage)
    refused = BUYERS - IN_STOCK
    assert sale == Sale({200: IN_STOCK, 400: refused}, refused, sessions=IN_STOCK, stock=0)
    all_pay(stage)
    # An order whose first press found Stripe busy waits on, and holds nothing.
    assert statuses(stage)["PAID"] == IN_STOCK
    assert (stock(stage), reserved(stage)) == (0, 0)


def test_without_the_conditional_update_more_is_sold_than_there_is(stage: Stage):
    guards = ["stock_is_read_then_written"]
    if stage.is_on_sqlite:
        # Its transactions take the lock of all writers first, and are a guard as well.
        guards.append("orders_have_no_transaction")
    with stage.altered(*guards) as unguarded:
        assert is_lost_within_some_rounds(lambda: thirty_buy(unguarded).sessions <= IN_STOCK)


def test_one_address_reserves_half_of_them_however_many_ask_at_once(stage: Stage):
    with stage.altered("addresses_count") as counting:
        sale = thirty_buy(counting)
    assert (sale.answers, sale.stock) == ({200: 10, 400: 20}, 10)


def test_if_it_were_counted_first_one_address_would_reserve_more(stage: Stage):
    with stage.altered("addresses_count", "shares_are_counted_first") as unguarded:
        assert is_lost_within_some_rounds(lambda: thirty_buy(unguarded).stock >= IN_STOCK // 2)


def test_what_expires_goes_back_to_the_shelf_once(stage: Stage):
    assert stock_after_many_expiries(stage) == IN_STOCK


def test_without_a_winner_it_goes_back_several_times(stage: Stage):
    guards = ["stock_is_released_by_every_caller", "moves_read_then_write"]
    with stage.altered(*guards, "webhooks_have_no_transaction") as unguarded:
        assert is_lost_within_some_rounds(lambda: stock_after_many_expiries(unguarded) <= IN_STOCK)


def test_carts_in_opposite_order_do_not_wait_for_each_other(stage: Stage):
    assert opposite_carts(stage, 24) == {200}


def test_without_one_order_for_all_they_do(stage: Stage):
    if stage.is_on_sqlite:
        pytest.skip("SQLite has one lock for all.")
    with stage.altered("stock_is_taken_in_any_order") as unguarded:
        assert is_lost_within_some_rounds(lambda: opposite_carts(unguarded, 6) == {200})


def test_a_second_click_while_stripe_is_slow_keeps_the_goods_reserved(stage: Stage):
    """Stripe answers it that the first click is still being worked on."""
    restock(stage, IN_STOCK)
    ada = stage.shopper()
    ada.puts(stage.product("Tea 0"), 10)
    stage.stripe.fault("POST", "/v1/checkout/sessions", after=True, hang=SLOW_SECONDS)
    assert any(answer.leads_to_payment for answer in at_once([ada.buys] * 2))
    assert (stock(stage), reserved(stage)) == (IN_STOCK - 10, 1)


def thirty_buy(stage: Stage) -> Sale:
    """Thirty shoppers press Buy at the same moment."""
    restock(stage, IN_STOCK)
    tea = stage.product("Tea 0")
    actions = [partial(stage.shopper().buys_by_json_at_last, (tea, 1)) for _ in range(BUYERS)]
    answers = stage.at_once(actions)
    return Sale(
        answers=dict(Counter(answer.status for answer in answers)),
        refused_in_words=sum(SOLD_OUT in answer.text for answer in answers),
        sessions=len(stage.stripe.sessions),
        stock=stock(stage),
    )


def opposite_carts(stage: Stage, count: int) -> set[int]:
    restock(stage, 1000)
    tea, more = stage.product("Tea 0"), stage.product("Tea 1")
    ways = [((tea, 1), (more, 1)), ((more, 1), (tea, 1))]
    shoppers = [stage.shopper() for _ in range(count)]
    actions = [
        partial(shopper.buys_by_json_at_last, *ways[number % 2])
        for number, shopper in enumerate(shoppers)
    ]
    return {answer.status for answer in at_once(actions)}


def stock_after_many_expiries(stage: Stage) -> int:
    """A shopper leaves ten on Stripe's page; twenty events at once say that it expired."""
    restock(stage, IN_STOCK)
    assert stage.shopper().buys_by_json((stage.product("Tea 0"), 10)).status == 200
    assert stock(stage) == IN_STOCK - 10
    [session] = stage.stripe.sessions
    stage.stripe.lose()
    stage.stripe.expire(session)
    [event] = stage.stripe.events_of("checkout.session.expired")
    events = [event | {"id": f"{event['id']}.{number}"} for number in range(20)]
    at_once([partial(stage.stripe.send, event) for event in events])
    return stock(stage)


def all_pay(stage: Stage) -> None:
    for session in stage.stripe.sessions:
        stage.stripe.pay(session)
    stage.stripe.wait_until_quiet(PATIENCE_SECONDS)


def restock(stage: Stage, number: int) -> None:
    """Begin anew, with so many of each tea on the shelf."""
    stage.stripe.reset()
    stage.forget_orders()
    stage.sql(f"UPDATE storefront_product SET stock = {number} WHERE name LIKE 'Tea %'")


def stock(stage: Stage) -> int:
    return stage.number("SELECT stock FROM storefront_product WHERE name = 'Tea 0'")


def reserved(stage: Stage) -> int:
    return stage.number("SELECT COUNT(*) FROM storefront_hold")


def statuses(stage: Stage) -> dict[str, int]:
    return dict(Counter(row[0] for row in stage.sql("SELECT status FROM checkout_order")))
