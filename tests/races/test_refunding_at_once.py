"""Two at the desk refund the same order at the same moment, and its event comes many times."""

import re
from functools import partial

import pytest

from tests.races.test_shipping_at_once import desk_at, is_of, paid_order
from tools.http_shopper import HttpShopper
from tools.stage import Stage, is_lost_within_some_rounds

BROWSERS, DELIVERIES = 4, 10
HALF = {"amount": "14.99", "reason": "duplicate"}


@pytest.fixture(scope="module")
def counted(running_stage: Stage) -> None:
    running_stage.sql("UPDATE storefront_product SET stock = 1000 WHERE name = 'Mouse'")


def test_half_of_it_goes_back_once(stage: Stage, session: str):
    assert refunds(stage, session) == 1


def test_without_the_one_statement_it_goes_back_twice(stage: Stage, session: str):
    with stage.altered("refunds_are_looked_for_then_stored") as unguarded:
        assert is_lost_within_some_rounds(lambda: refunds(unguarded, session) == 1)


def test_its_stock_comes_back_once(stage: Stage, session: str, counted: None):
    assert pieces_back(stage, session) == 1


def test_without_a_second_look_its_stock_comes_back_twice(
    stage: Stage, session: str, counted: None
):
    with stage.altered("stock_comes_back_with_each_event") as unguarded:
        assert is_lost_within_some_rounds(lambda: pieces_back(unguarded, session) == 1)


def refunds(stage: Stage, session: str) -> int:
    """Confirm in several browsers at once; how often Stripe has paid back."""
    stage.stripe.reset()
    desk, path = desk_at(stage, session), f"/admin/checkout/order/{paid_order(stage)}/refund/"
    pages = [page_to_confirm(desk, path) for _ in range(BROWSERS)]
    answers = stage.at_once([partial(desk.posts, path, page) for page in pages])
    assert {answer.status for answer in answers} <= {303, 422}
    return len(stage.stripe.refunds)


def pieces_back(stage: Stage, session: str) -> int:
    """Refund with its mouse, and let ten events at once say that it was done."""
    stage.stripe.reset()
    order = paid_order(stage)
    stage.stripe.lose()
    item = stage.number(f"SELECT id FROM checkout_orderitem WHERE {is_of(order, 'order_id')}")
    desk, path = desk_at(stage, session), f"/admin/checkout/order/{order}/refund/"
    desk.posts(path, page_to_confirm(desk, path, **{f"restock-{item}": "1"}))
    [event] = stage.stripe.events_of("refund.created")
    events = [event | {"id": f"{event['id']}_{number}"} for number in range(DELIVERIES)]
    before = stock(stage)
    assert set(stage.at_once([partial(stage.stripe.send, event) for event in events])) == {200}
    return stock(stage) - before


def page_to_confirm(desk: HttpShopper, path: str, **said: str) -> dict[str, str]:
    text = desk.posts(path, HALF | said).text
    hidden = re.findall(r'<input type="hidden" name="(\w[\w-]*)" value="([^"]*)"', text)
    return dict(hidden) | {"confirmed": "yes"}


def stock(stage: Stage) -> int:
    return stage.number("SELECT stock FROM storefront_product WHERE name = 'Mouse'")
