"""The tools that fill and measure do what they say, at a small size; the numbers are for docs."""

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tools.shop_process import PROJECT, ShopProcess, new_database


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopProcess]:
    """A shop with 500 orders, which is not running."""
    with new_database(tmp_path_factory.mktemp("growth")) as database:
        shop = ShopProcess(database).prepare()
        measured(shop, "fill", "--orders=500", "--shoppers=200", "--waiting=60", "--carts=50")
        yield shop


def measured(shop: ShopProcess, *arguments: str) -> str:
    command = [sys.executable, "-m", "tools.growth", *arguments]
    result = subprocess.run(
        command, cwd=PROJECT, env=shop.environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_filled_shop_has_orders_in_every_state(small: ShopProcess):
    count = "from checkout.models import *; print(set(Order.objects.values_list('status')))"
    states = small.manage("shell", "-v0", "-c", count)
    assert set(re.findall(r"[A-Z]{4,}", states)) >= {"PAID", "EXPIRED", "PENDING", "FAILED"}


def test_a_filled_shop_is_as_the_models_want_it(small: ShopProcess):
    check = "from checkout.models import *; [order.full_clean() for order in Order.objects.all()]"
    assert "Error" not in small.manage("shell", "-v0", "-c", check)


def test_a_filled_shop_has_pictures(small: ShopProcess):
    show = "from storefront.models import *; "
    show += "from storefront.pictures import *; p = Product.objects.latest('pk').pictures[0]; "
    show += "print(len(body_of(p.largest[10:-5])), p.srcset)"
    assert re.search(r"^\d+ /pictures/.* 1600w$", small.manage("shell", "-v0", "-c", show), re.M)


@pytest.mark.once
def test_each_route_is_compared(small: ShopProcess):
    table = measured(small, "routes", "--rounds=2")
    routes = re.findall(r"^\| (.+?) \| [\d.]+ \| [\d.]+ \| [\d.]+ \|$", table, re.MULTILINE)
    assert len(routes) == 13
    assert {"Buy", "cart update", "poll, unchanged", "webhook, completed"} < set(routes)


def test_large_shelves_are_compared_with_a_small_one(small: ShopProcess):
    """On both databases: the pages, the searches and the parts that are kept."""
    report = measured(small, "shelf", "--rounds=1", "--largest=600")
    pages = re.findall(r"^\| (.+?) \| [\d.]+, [\d.]+, [\d.]+ \| ", report, re.MULTILINE)
    assert {"home, 3 lines", "category, 3 lines", "cart page", "product page"} < set(pages)
    assert "| no such word | 0 | " in report
    assert "were there already" in report


@pytest.mark.once
def test_those_that_wait_are_paid_and_nothing_fails(small: ShopProcess):
    report = measured(small, "waiting", "--shoppers=30", "--seconds=3")
    assert " 0 errors" in report
    assert "| poll, changed |" in report
    assert re.search(r"\| Buy \| [1-9]\d* \|", report)


@pytest.mark.once
def test_the_desk_is_measured(small: ShopProcess):
    report = measured(small, "desk")
    assert re.search(r"^\| today \| [\d.]+ \| [\d.]+ \|$", report, re.MULTILINE)
    assert "| an order by its reference |" in report
    files = re.findall(r"^\| (\w+)\.csv \| all(?: \| [\d.]+){3} \|$", report, re.MULTILINE)
    assert files == ["orders", "lines", "refunds"]


@pytest.mark.once
def test_a_waiting_crowd_needs_one(small: ShopProcess):
    with pytest.raises(AssertionError, match="fill a new one"):
        measured(small, "waiting", "--shoppers=1000", "--seconds=1")


def test_writers_of_the_last_release_go_on_while_it_is_migrated(small: ShopProcess):
    report = measured(small, "upgrade")
    steps = re.findall(r"^\| (\w+\.\w+) \| [\d.]+ \| \d+ \|$", report, re.MULTILINE)
    assert "checkout.0025_finding_orders" in steps
