"""An order is shipped at the desk, and its shopper reads of it."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewShopper
from tests.browser.merchant import Merchant
from tests.browser.shopper import Shopper
from tests.browser.test_purchases import fits
from tools.stripe_stand_in import StandIn

SCREENS: dict[str, dict[str, Any]] = {
    "a large screen": {"viewport": {"width": 1280, "height": 740}},
    "a phone without scripts": {
        "viewport": {"width": 360, "height": 740},
        "java_script_enabled": False,
    },
}


class TestTheMerchant:
    @pytest.fixture(params=SCREENS.values(), ids=list(SCREENS))
    def ada(self, request: pytest.FixtureRequest, new_shopper: NewShopper) -> Shopper:
        return new_shopper(**request.param)

    @pytest.fixture
    def desk(self, ada: Shopper, merchant: Merchant, stripe: StandIn) -> Page:
        """The desk, where Ada's order is the only one to be shipped."""
        desk = ada.opens_another_tab().page
        merchant.opens_the_desk(desk)
        ada.visits("/products/mouse/")
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$29.99")
        ada.goes_to_stripe()
        ada.presses("Pay")
        ada.sees_order("PAID")
        return desk

    def test_ships_an_order_in_three_clicks_and_the_shopper_reads_it(
        self, desk: Page, ada: Shopper
    ):
        desk.get_by_role("link", name="To ship", exact=True).click()
        expect(desk.locator(".pack")).to_have_text("1 × Mouse")
        fits(desk)
        desk.get_by_label("Carrier").fill("DHL")
        desk.get_by_label("Tracking number").fill("0034")
        desk.get_by_role("button", name=re.compile("^Mark as shipped .")).click()
        expect(desk.get_by_role("status")).to_contain_text("is marked as shipped")
        expect(desk.get_by_text("No order waits to be shipped.")).to_be_visible()
        fits(desk)
        ada.visits("/orders/")
        for _ in ("My Orders", "the receipt"):
            expect(ada.page.locator(".shipped")).to_have_text(re.compile(r"^Shipped .*, DHL 0034$"))
            fits(ada.page)
            ada.page.get_by_role(
                "link", name=re.compile("^(View receipt|Back to the shop)")
            ).click()

    def test_prints_a_slip_on_a_sheet_of_its_own(self, desk: Page):
        desk.get_by_role("link", name="To ship", exact=True).click()
        desk.get_by_role("checkbox").check()
        desk.get_by_role("button", name="Print packing slips").click()
        slip = desk.get_by_role("article")
        expect(slip).to_contain_text("$29.99")
        fits(desk)
        desk.emulate_media(media="print")
        expect(desk.get_by_role("navigation")).to_be_hidden()
        expect(slip).to_be_visible()
        desk.emulate_media(media="screen")
        desk.get_by_role("link", name="Without prices").click()
        expect(slip).to_contain_text("Mouse")
        expect(slip).not_to_contain_text("$")
