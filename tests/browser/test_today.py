"""Today, the first page of the desk: what a merchant sees there without a click."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewShopper
from tests.browser.merchant import Merchant
from tests.browser.shopper import WAYS
from tests.browser.test_purchases import fits
from tools import signed_events
from tools.shop_process import ShopProcess
from tools.stripe_stand_in import StandIn


@pytest.mark.parametrize(("width", "scripts"), WAYS)
def test_whether_the_webhook_works_is_seen_without_a_click(
    new_shopper: NewShopper,
    merchant: Merchant,
    stripe: StandIn,
    shop: ShopProcess,
    width: int,
    scripts: bool,
):
    ada = new_shopper(viewport={"width": width, "height": 740}, java_script_enabled=scripts)
    desk = ada.opens_another_tab().page
    ada.buys(stripe)
    ada.sees_order("PAID")
    merchant.opens_the_desk(desk)
    merchant.has_done_it()
    expect(desk.get_by_text("Stripe called")).to_be_visible()
    expect(desk.get_by_role("heading", name="To ship")).to_be_hidden()
    fits(desk)
    refused = signed_events.signed({"id": "evt_1"}, "whsec_of_nobody")
    assert (
        ada.page.request.post(shop.webhook_url, data=refused[0], headers=refused[1]).status == 400
    )
    desk.reload()
    expect(desk.get_by_text("A webhook was refused")).to_be_visible()
    fits(desk)
