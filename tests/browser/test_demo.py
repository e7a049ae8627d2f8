"""The demo shop, as people try it out first."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.shopper import Shopper
from tools.shop_process import ShopProcess


@pytest.fixture
def shop(demo_shop: ShopProcess) -> ShopProcess:
    return demo_shop


class TestBuyingInTheDemo:
    def test_the_order_is_paid_at_once_and_the_cart_empty(self, ada: Shopper):
        ada.fills_the_cart()
        ada.buy.click()
        expect(ada.page).to_have_url(re.compile(r"/\?order="))
        ada.sees_order("PAID")
        expect(ada.orders).to_contain_text("2 × Mouse")
        expect(ada.total).to_have_text("$0.00")
        expect(ada.buy).to_be_disabled()

    def test_a_stranger_sees_nothing_of_it(self, ada: Shopper, bo: Shopper):
        ada.fills_the_cart()
        ada.buy.click()
        ada.sees_order("PAID")
        bo.page.goto(ada.page.url)
        expect(bo.orders).to_have_count(0)

    @pytest.mark.parametrize("path", ["/", "/orders/", "/no-such-page/"])
    def test_every_page_says_that_it_is_a_demo(self, ada: Shopper, path: str, console):
        if ada.visits(path).status == 404:
            console.expect_status(404)
        expect(ada.page.get_by_text("Demo shop")).to_be_visible()
