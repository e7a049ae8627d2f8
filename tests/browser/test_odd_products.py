"""Products that nobody draws a shop for: endless names, no picture, a price as long as a line."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import running_shop
from tests.browser.merchant import ODD_PRODUCTS, Merchant
from tests.browser.shopper import Shopper
from tools.shop_process import ShopProcess

WIDTHS = (320, 360, 768, 1280)
HEIGHT = 740


@pytest.fixture(scope="module")
def odd_shop(
    tmp_path_factory: pytest.TempPathFactory, as_in_production: dict[str, str]
) -> Iterator[ShopProcess]:
    environment = {**as_in_production, "SHOP_NAME": "Donaudampfschifffahrtsgesellschaftsladen"}
    with running_shop(tmp_path_factory.mktemp("odd"), environment) as shop:
        Merchant(shop).sells_odd_things()
        yield shop


@pytest.fixture
def shop(odd_shop: ShopProcess) -> ShopProcess:
    return odd_shop


@pytest.fixture
def all_in_the_cart(ada: Shopper) -> None:
    """The grand piano would be more than one payment may come to."""
    ada.visits()
    for field in ada.page.locator(".quantity-field").all():
        if field.is_visible():
            with ada.sees_answers():
                field.fill("2")
                field.press("Tab")


def at_each_width(page: Page) -> Iterator[int]:
    """Show the page at each width, after which it fits there."""
    page.wait_for_load_state()
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        yield width
        assert page.evaluate("document.documentElement.scrollWidth") == width


def boxes(page: Page, selector: str) -> list[dict[str, float]]:
    found: list[dict[str, float]] = page.evaluate(BOXES, selector)
    return found


BOXES = """selector => [...document.querySelectorAll(selector)]
    .filter(node => node.checkVisibility())
    .map(node => node.getBoundingClientRect().toJSON())"""


@pytest.mark.usefixtures("all_in_the_cart")
class TestTheShelf:
    def test_fits_with_steppers_of_one_height_on_one_line(self, ada: Shopper):
        for width in at_each_width(ada.page):
            steppers = boxes(ada.page, ".product .stepper")
            assert len(steppers) == 3 + len(ODD_PRODUCTS) - 1  # nothing to press at the sold out
            assert {44 <= box["height"] <= 48 for box in steppers} == {True}
            rows: dict[float, set[float]] = {}
            for card in ada.page.locator(".product").all():
                box, stepper = card.bounding_box(), card.locator(".stepper").bounding_box()
                if box and stepper:
                    rows.setdefault(round(box["y"]), set()).add(round(stepper["y"]))
            assert {len(lines) for lines in rows.values()} == {1}, width


@pytest.mark.usefixtures("all_in_the_cart")
class TestTheCart:
    def test_has_one_right_edge_where_all_can_be_removed(self, ada: Shopper):
        for width in at_each_width(ada.page):
            (cart,) = boxes(ada.page, "#cart")
            ends = boxes(ada.page, ":is(.cart-line-amount, .cart-line form)")
            edges = {round(box["right"]) for box in ends}
            assert len(edges) == 1, width
            assert edges.pop() < min(cart["right"], width)
            assert all(box["width"] >= 112 for box in boxes(ada.page, ".cart-line-name"))
        for button in ada.cart.get_by_role("button", name=re.compile("^Remove")).all():
            button.scroll_into_view_if_needed()
            expect(button).to_be_in_viewport(ratio=1)
        name = ODD_PRODUCTS["one word"]["name"]
        with ada.sees_answers():
            ada.remove(name).click()
        for _ in at_each_width(ada.page):
            (undo,) = boxes(ada.page, ".undo button")
            assert undo["height"] <= 48


class TestAProductPage:
    def test_has_price_and_button_on_the_first_screen(self, ada: Shopper):
        for product in ODD_PRODUCTS:
            ada.visits(f"/products/{product.replace(' ', '-')}/")
            for width in at_each_width(ada.page):
                shown = boxes(ada.page, ".product-page :is(.product-price, .stepper)")
                assert len(shown) == (1 if product == "sold out" else 2)
                assert max(box["bottom"] for box in shown) <= HEIGHT, (product, width)

    def test_without_a_picture_begins_where_the_page_does(self, ada: Shopper):
        ada.visits("/products/no-picture/")
        for _ in at_each_width(ada.page):
            way_back, *_ = boxes(ada.page, ".breadcrumb a")
            (name,) = boxes(ada.page, "h1")
            assert name["x"] == way_back["x"]

    def test_says_what_its_picture_shows(self, ada: Shopper):
        ada.visits("/products/two-left/")
        expect(ada.page.get_by_role("img", name="Bowl", exact=True)).to_be_visible()


class TestAnOrder:
    @pytest.mark.usefixtures("all_in_the_cart")
    def test_fits_as_a_card_and_as_a_receipt(self, ada: Shopper):
        with ada.sees_answers():
            ada.remove("Grand piano").click()
        ada.buy.click()
        ada.sees_order("PAID")
        for width in at_each_width(ada.page):
            (card,), (items,) = boxes(ada.page, ".order"), boxes(ada.page, ".order-items")
            assert items["width"] > card["width"] / 2, width
        ada.page.get_by_role("link", name="View receipt").click()
        expect(ada.page.locator(".receipt")).to_be_visible()
        for _ in at_each_width(ada.page):
            assert min(box["width"] for box in boxes(ada.page, "tbody th")) >= 90
