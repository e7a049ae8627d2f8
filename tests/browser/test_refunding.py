"""Half of an order goes back by the desk: four clicks at most from the order's page."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewShopper
from tests.browser.merchant import Merchant
from tests.browser.shopper import WAYS
from tests.browser.test_purchases import fits
from tools.stripe_stand_in import StandIn


@pytest.mark.parametrize(("width", "scripts"), WAYS)
def test_half_an_order_is_refunded_in_four_clicks_and_its_shopper_reads_of_it(
    new_shopper: NewShopper, merchant: Merchant, stripe: StandIn, width: int, scripts: bool
):
    viewport = {"width": width, "height": 740}
    ada = new_shopper(viewport=viewport, java_script_enabled=scripts)
    desk = ada.opens_another_tab().page
    merchant.opens_the_desk(desk)
    merchant.sells_a_lamp(stock=2)
    ada.visits("/products/lamp/")
    ada.plus("Lamp").click()
    ada.goes_to_stripe()
    ada.presses("Pay")
    ada.sees_order("PAID")
    merchant.has_mailed_ada()
    order = ada.orders.get_attribute("data-order")
    desk.goto(f"{merchant.shop.url}/admin/checkout/order/{order}/change/")
    clicks = refunds_half(desk)
    assert clicks <= 4
    fits(desk)
    ada.page.reload()
    expect(ada.page.get_by_text("$20.00").first).to_be_visible()


def refunds_half(desk: Page) -> int:
    """Return how many clicks it took; the words that are typed are none."""
    desk.get_by_label("Amount").click()
    desk.get_by_label("Amount").fill("20")
    desk.get_by_role("button", name="Refund…").click()
    for words in ("$20.00 goes back to", "Nothing goes back into stock"):
        expect(desk.locator("#content")).to_contain_text(words)
    fits(desk)
    desk.get_by_role("button", name="Refund $20.00").click()
    expect(
        desk.get_by_text(re.compile(r"\$20\.00.*(waiting for Stripe|on its way)")).first
    ).to_be_visible()
    return 3
