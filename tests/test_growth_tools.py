"""The tools that fill and measure do what they say, at a small size; the numbers are for docs."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tools.growth import routes, shelf
from tools.shop_process import ShopProcess, is_postgresql, new_database

FILLED = """
from checkout.models import Order
from storefront.models import Product
from storefront.pictures import body_of
assert {*Order.objects.values_list("status", flat=True)} >= {"PAID", "EXPIRED", "PENDING", "FAILED"}
for order in Order.objects.all():
    order.full_clean()
picture = Product.objects.latest("pk").pictures[0]
assert picture.srcset.endswith(" 1600w")
assert len(body_of(picture.largest[10:-5])) > 0
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopProcess]:
    """A shop with 250 orders, which is not running."""
    with new_database(tmp_path_factory.mktemp("growth")) as database, ExitStack() as end:
        shop = ShopProcess(database).prepare()
        end.push(shop)
        measured(shop, "fill", "--orders=250", "--shoppers=80", "--waiting=30", "--carts=20")
        yield shop


def measured(shop: ShopProcess, *arguments: str) -> str:
    """Run `python -m tools.growth ARGUMENTS…`, but without a process of its own."""
    argv = ["tools.growth", *arguments]
    return shop.runs(
        f"import sys; from tools.growth import __main__ as growth; sys.argv = {argv}; growth.main()"
    )


@pytest.mark.once
def test_a_filled_shop_is_as_the_models_want_it_in_every_state_and_with_pictures(
    small: ShopProcess,
):
    small.runs(FILLED)


@pytest.mark.once
def test_each_route_is_compared(small: ShopProcess):
    table = routes.compare(small.environment["DATABASE_URL"], rounds=1)
    found = re.findall(r"^\| (.+?) \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$", table, re.MULTILINE)
    assert len(found) == 13
    assert {"Buy", "cart update", "poll, unchanged", "webhook, completed"} < set(found)


@pytest.mark.once
def test_large_shelves_are_compared_with_a_small_one():
    report = shelf.compare_sizes(rounds=1, largest=240)
    pages = re.findall(r"^\| (.+?) \| [\d.]+, [\d.]+ \| ", report, re.MULTILINE)
    assert {"home, 3 lines", "category, 3 lines", "cart page", "product page"} < set(pages)
    assert "| no such word | 0 | " in report
    assert "were there already" in report


@pytest.mark.once
def test_those_that_wait_are_paid_and_nothing_fails(small: ShopProcess):
    report = measured(small, "waiting", "--shoppers=10", "--seconds=2")
    assert " 0 errors" in report
    assert "| poll, changed |" in report
    assert re.search(r"\| Buy \| [1-9]\d* \|", report)


@pytest.mark.once
def test_the_desk_is_measured(small: ShopProcess):
    report = measured(small, "desk", "--looks=1")
    assert re.search(r"^\| today \| [\d.]+ \| [\d.]+ \|$", report, re.MULTILINE)
    assert "| an order by its reference |" in report
    files = re.findall(r"^\| (\w+)\.csv \| all(?: \| [\d.]+){3} \|$", report, re.MULTILINE)
    assert files == ["orders", "lines", "refunds"]


@pytest.mark.skipif(
    not is_postgresql(os.environ.get("DATABASE_URL", "")), reason="Their locks are PostgreSQL's."
)
def test_writers_of_the_last_release_go_on_while_it_is_migrated(small: ShopProcess):
    report = measured(small, "upgrade", "--writers=1")
    steps = re.findall(r"^\| (\w+\.\w+) \| [\d.]+ \| \d+ \|$", report, re.MULTILINE)
    assert "checkout.0025_finding_orders" in steps
