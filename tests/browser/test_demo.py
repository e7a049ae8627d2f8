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
