"""The whole shop with scripts switched off."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewShopper
from tests.browser.merchant import Merchant
from tests.browser.shopper import Shopper
from tools.stripe_stand_in import StandIn


@pytest.fixture
def ada(new_shopper: NewShopper) -> Shopper:
    return new_shopper(java_script_enabled=False)


class TestTheCartWithoutScripts:
    def test_a_typed_amount_counts_at_enter_and_by_a_button_made_for_it(self, ada: Shopper):
        ada.visits()
        ada.quantity_of("Mouse").fill("2")
        ada.quantity_of("Mouse").press("Enter")
        expect(ada.total).to_have_text("$59.98")
        ada.quantity_of("Laptop").fill("2")
        product = ada.page.get_by_role("listitem").filter(has=ada.quantity_of("Laptop"))
        product.get_by_role("button", name="Update").click()
        expect(ada.total).to_have_text("$2,059.96")

    def test_plus_minus_and_remove_work(self, ada: Shopper):
        ada.visits()
        for button, total in [
            (ada.plus("Mouse"), "$29.99"),
            (ada.plus("Keyboard"), "$109.98"),
            (ada.plus("Keyboard"), "$189.97"),
            (ada.minus("Keyboard"), "$109.98"),
            (ada.remove("Mouse"), "$79.99"),
        ]:
            button.click()
            expect(ada.total).to_have_text(total)

    def test_a_press_leads_back_to_where_it_was(self, ada: Shopper, merchant: Merchant):
        merchant.sells_a_lamp()
        ada.page.set_viewport_size({"width": 360, "height": 740})
        ada.visits()
        ada.plus("Lamp").click()
        expect(ada.total).to_have_text("$40.00")
        expect(ada.plus("Lamp")).to_be_in_viewport()
        ada.remove("Lamp").click()
        expect(ada.page.get_by_role("button", name="Undo")).to_be_in_viewport()

    def test_a_bad_quantity_is_refused_beside_the_field(self, ada: Shopper):
        ada.visits()
        ada.plus("Mouse").click()
        ada.quantity_of("Mouse").fill("-1")
        ada.quantity_of("Mouse").press("Enter")
        expect(ada.alert).to_have_text("Please enter a whole number from 0 to 999.")
        expect(ada.quantity_of("Mouse")).to_have_accessible_description(
            "Please enter a whole number from 0 to 999."
        )
        expect(ada.quantity_of("Mouse")).to_have_value("-1")
        expect(ada.quantity_of("Mouse")).to_be_in_viewport()
        expect(ada.total).to_have_text("$29.99")


class TestBuyingWithoutScripts:
    @pytest.fixture
    def ada(self, ada: Shopper) -> Shopper:
        ada.visits()
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$29.99")
        return ada

    def test_the_payment_shows_with_the_refresh_link(self, ada: Shopper, stripe: StandIn):
        stripe.hold()
        ada.goes_to_stripe()
        ada.presses("Pay")
        expect(ada.page).to_have_url(re.compile(r"/\?order="))
        ada.sees_order("PENDING")
        ada.refresh.click()
        ada.sees_order("PENDING")
        stripe.release()
        stripe.wait_until_quiet()
        ada.refresh.click()
        ada.sees_order("PAID")
        expect(ada.refresh).to_have_count(0)
        expect(ada.total).to_have_text("$0.00")

    def test_a_canceled_payment_leaves_the_cart_intact(self, ada: Shopper, stripe: StandIn):
        ada.goes_to_stripe()
        ada.leaves_stripe()
        expect(ada.page.get_by_text("Nothing was charged")).to_be_visible()
        expect(ada.total).to_have_text("$29.99")

    def test_the_order_page_has_a_refresh_link_too(self, ada: Shopper, stripe: StandIn):
        stripe.hold()
        ada.goes_to_stripe()
        ada.presses("Pay")
        ada.orders.get_by_role("link", name=re.compile("^Order ")).click()
        # The page that is left has such a link as well.
        expect(ada.page).to_have_url(re.compile(r"/orders/.+/$"))
        stripe.release()
        stripe.wait_until_quiet()
        ada.refresh.click()
        expect(ada.page.locator("[data-order] [data-status=PAID]")).to_be_visible()
