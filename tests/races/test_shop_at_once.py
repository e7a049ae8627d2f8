"""The merchant closes the shop, or two change it at the same moment, while others are at work."""

from collections.abc import Iterator
from functools import partial
from urllib.request import urlopen

import pytest

from tests.races.test_shipping_at_once import desk_at
from tools.stage import Stage, is_lost_within_some_rounds
from tools.waiting import wait_until

PRESSES = 12
SHOP = "/admin/shop/"
NEW_NAME = "<bdi>Tea &amp; Co</bdi>"


@pytest.fixture(autouse=True)
def open_in_the_end(stage: Stage) -> Iterator[None]:
    yield
    says(stage, "state = 'open', name = ''")


def says(stage: Stage, values: str) -> None:
    """Change the row, as another process of the shop does."""
    stage.sql(f"UPDATE storefront_shop SET {values}, version = version + 1")


def saves(stage: Stage, session: str, version: int, name: str) -> int:
    form = {"state": "open", "name": name, "version": str(version)}
    return desk_at(stage, session).posts(SHOP, form).status


def won(stage: Stage, session: str) -> int:
    """Let many save what they typed into the same page; return how many were told it is saved."""
    version = stage.number("SELECT version FROM storefront_shop")
    presses = [partial(saves, stage, session, version, f"Tea {n}") for n in range(PRESSES)]
    statuses = stage.at_once(presses)
    assert {*statuses} <= {303, 409}
    return statuses.count(303)


def kept_texts(stage: Stage, session: str) -> int:
    """Let many write another text into the same form; return how many read that it is saved."""
    mouse, desk = stage.product("Mouse"), desk_at(stage, session)
    [(name, text)] = stage.sql(
        f"SELECT name, description FROM storefront_product WHERE id = {mouse}"
    )
    form = {"name": name, "initial-name": name, "initial-description": text, "position": 0}
    form |= {"price_cents": "29.99", "status": "for_sale", "counts": "no", "needs_shipping": "on"}
    typed = [form | {"description": f"Text {n} {mouse}."} for n in range(PRESSES)]
    address = f"/admin/storefront/product/{mouse}/change/"
    answers = stage.at_once([partial(desk.posts, address, each) for each in typed])
    assert {answer.status for answer in answers} <= {200, 302}
    assert all("Meanwhile somebody" in each.text for each in answers if each.status == 200)
    return sum(answer.status == 302 for answer in answers)


def bought_of_a_closed_shop(stage: Stage) -> int:
    """Let all processes know an open shop, close it, and buy at once; return how many could."""
    says(stage, "state = 'open', words = ''")
    shoppers = [stage.shopper() for _ in range(PRESSES)]
    laptop = stage.product("Laptop")
    stage.at_once([partial(ada.puts, laptop, 1) for ada in shoppers])
    says(stage, "state = 'closed', words = 'By the sea.'")
    answers = stage.at_once([partial(ada.buys_by_json, (laptop, 1)) for ada in shoppers])
    assert all("By the sea." in answer.text for answer in answers if answer.status == 400)
    return sum(len(stage.orders(ada)) for ada in shoppers)


def test_of_merchants_who_save_at_once_one_is_first_and_all_others_hear_it(
    stage: Stage, session: str
):
    assert won(stage, session) == 1


def test_without_the_version_the_last_one_wins_in_silence(stage: Stage, session: str):
    with stage.altered("shops_are_read_then_written") as unguarded:
        assert is_lost_within_some_rounds(lambda: won(unguarded, session) == 1)


def test_of_texts_that_are_written_at_once_one_is_saved_and_all_others_hear_it(
    stage: Stage, session: str
):
    assert kept_texts(stage, session) == 1


def test_by_a_form_that_forgets_what_it_showed_the_last_text_wins_in_silence(
    stage: Stage, session: str
):
    with stage.altered("products_are_saved_unseen") as unguarded:
        assert kept_texts(unguarded, session) > 1


def test_a_shop_that_is_closed_sells_nothing_from_that_moment_on(stage: Stage):
    assert bought_of_a_closed_shop(stage) == 0


def test_by_what_a_process_remembers_it_sells_some_more(stage: Stage):
    with stage.altered("buy_trusts_its_memory") as unguarded:
        assert is_lost_within_some_rounds(lambda: bought_of_a_closed_shop(unguarded) == 0)


def test_all_processes_follow(stage: Stage):
    def names() -> set[bool]:
        pages = stage.at_once([partial(page, stage)] * PRESSES)
        return {NEW_NAME in text for text in pages}

    assert names() == {False}
    says(stage, "name = 'Tea & Co'")
    wait_until(lambda: NEW_NAME in page(stage), "All still have the old name.")
    wait_until(lambda: names() == {True}, "Some still have the old name.")


def page(stage: Stage) -> str:
    with urlopen(stage.shop.url) as answer:
        return str(answer.read().decode())
