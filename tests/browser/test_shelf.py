"""Finding things on a large shelf: by search, by category and page by page, also by keyboard."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewShopper
from tests.browser.shopper import Shopper
from tools.shop_process import ShopProcess

FILL = """
from storefront.models import Category, Product
light = Category.objects.create(name="Light")
light.products.add(*Product.objects.bulk_create(
    Product(name=f"Café lamp {n:02}", price_cents=1_000, position=500 + n) for n in range(30)))
"""
CLEAR = """
from storefront.models import Category, Product
Category.objects.all().delete()
Product.objects.filter(position__gte=500).delete()
"""
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}}


@pytest.fixture(autouse=True)
def shelf(shop: ShopProcess) -> Iterator[None]:
    shop.runs(FILL)
    yield
    shop.runs(CLEAR)


def field(shopper: Shopper) -> Locator:
    return shopper.page.get_by_role("searchbox", name="Search the shop")


def cards(shopper: Shopper) -> Locator:
    return shopper.page.locator("#products > li")


class TestWithScripts:
    def test_results_come_as_one_types_and_the_focus_stays(self, ada: Shopper):
        ada.visits("/products/mouse/")
        field(ada).press_sequentially("cafe 07", delay=20)
        title = "1 product for “cafe 07”"
        expect(ada.page.get_by_role("heading", level=1)).to_have_text(title)
        expect(field(ada)).to_be_focused()
        expect(field(ada)).to_have_value("cafe 07")
        expect(ada.page).to_have_title(f"{title} · Storefront")
        expect(ada.page).to_have_url(re.compile(r"/\?q=cafe\+07$"))
        expect(ada.page.locator("#announcement")).to_have_text(title)
        field(ada).press_sequentially("x", delay=20)
        expect(ada.page.get_by_role("heading", level=1)).to_have_text(
            "Nothing found for “cafe 07x”"
        )
        ada.moves_in_history(-1)
        expect(ada.page.get_by_role("heading", level=1)).to_have_text("Mouse")

    def test_more_come_below_with_the_focus_on_the_first(self, new_shopper: NewShopper):
        ada = new_shopper(**PHONE)
        ada.visits("/c/light/")
        expect(cards(ada)).to_have_count(24)
        ada.page.get_by_role("link", name="Show more").press("Enter")
        expect(cards(ada)).to_have_count(30)
        expect(cards(ada).nth(24).get_by_role("link", name="Café lamp 24")).to_be_focused()
        expect(ada.page.locator("#announcement")).to_have_text("6 more products.")
        expect(ada.page.get_by_role("link", name="Show more")).to_have_count(0)
        assert ada.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_without_scripts_all_of_it_is_reached_by_keyboard(new_shopper: NewShopper):
    ada = new_shopper(**PHONE, java_script_enabled=False)
    ada.visits()
    field(ada).fill("CAFÉ")
    field(ada).press("Enter")
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("30 products for “CAFÉ”")
    ada.page.get_by_role("link", name="Show more").press("Enter")
    expect(cards(ada)).to_have_count(6)
    ada.page.get_by_role("link", name="Previous page").press("Enter")
    expect(cards(ada)).to_have_count(24)
    categories = ada.page.get_by_role("navigation", name="Categories")
    categories.get_by_role("link", name="Light").press("Enter")
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("Light")
    expect(categories.get_by_role("link", name="Light")).to_have_attribute("aria-current", "page")
