"""Orders at the desk, in as few clicks as a merchant has patience for."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewShopper
from tests.browser.merchant import Merchant
from tests.browser.shopper import ON_A_PHONE, WAYS
from tests.browser.test_purchases import fits
from tools.stripe_stand_in import StandIn

ORDERS = "/admin/checkout/order/"


class Clicks:
    """Clicks by name, and counts."""

    def __init__(self, page: Page) -> None:
        self.page, self.count = page, 0

    def on(self, role: str, name: str | re.Pattern[str]) -> None:
        self.count += 1
        self.page.get_by_role(role, name=name, exact=True).first.click()  # type: ignore[arg-type]
        fits(self.page)


@pytest.fixture(params=[way.values for way in WAYS], ids=[way.id for way in WAYS])
def desk(
    new_shopper: NewShopper,
    merchant: Merchant,
    stripe: StandIn,
    request: pytest.FixtureRequest,
) -> Page:
    """The desk of a shop that has just sold two mice."""
    width, scripts = request.param
    viewport = {"width": width, "height": 740}
    ada = new_shopper(viewport=viewport, java_script_enabled=scripts)
    desk = ada.opens_another_tab().page
    merchant.opens_the_desk(desk)
    ada.buys(stripe)
    ada.sees_order("PAID")
    return desk


def reference(desk: Page) -> str:
    return desk.locator("#result_list a").first.inner_text()


def test_an_order_is_shipped_in_three_clicks(desk: Page):
    clicks = Clicks(desk)
    clicks.on("link", "Orders")
    name = reference(desk)
    clicks.on("link", name)
    desk.get_by_label("Tracking number").fill("0034")
    clicks.on("button", "Mark as shipped")
    expect(desk.get_by_role("status")).to_contain_text(f"{name} is marked as shipped")
    expect(desk.locator(".timeline")).to_contain_text("Shipped: 0034")
    assert clicks.count <= 3


@pytest.mark.parametrize("desk", [ON_A_PHONE.values], indirect=True)
def test_an_order_is_found_in_two_clicks_and_several_are_shipped_from_the_list(
    desk: Page, merchant: Merchant
):
    merchant.has_mailed_ada()
    for spelling in ("#{}", "ada@"):
        desk.goto(f"{merchant.shop.url}{ORDERS}")
        name = reference(desk)
        clicks = Clicks(desk)
        words = spelling.format(name.lower().replace("-", " "))
        desk.get_by_label("Name, e-mail, reference or postcode").fill(words)
        clicks.on("button", "Search")
        clicks.on("link", name)
        expect(desk.get_by_role("heading", name=f"Order {name}")).to_be_visible()
        assert clicks.count <= 2
    desk.goto(f"{merchant.shop.url}{ORDERS}")
    desk.get_by_role("checkbox", name=re.compile("^Order ")).first.check()
    desk.get_by_role("button", name="Mark as shipped").click()
    expect(desk.get_by_text("No order waits to be shipped.")).to_be_visible()
