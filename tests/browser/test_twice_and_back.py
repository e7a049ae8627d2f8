"""Two tabs, two clicks, the Back button and a shelf that changes meanwhile."""

from collections.abc import Iterator
from itertools import count

import pytest
from playwright.sync_api import Browser, BrowserType, Request, expect

from tests.browser.conftest import NewShopper
from tests.browser.console import Console
from tests.browser.merchant import Merchant
from tests.browser.shopper import PAYMENT_PAGE, Shopper
from tools import chromium
from tools.shop_process import ShopProcess
from tools.stripe_stand_in import StandIn
from tools.waiting import wait_until

SESSIONS = "/v1/checkout/sessions"
# Longer than two clicks take; the test ends it.
HANGS_SECONDS = 30

# As the script of a router does it.
SPECULATE = """kind => {
    const rules = document.createElement("script");
    rules.type = "speculationrules";
    rules.textContent = JSON.stringify({[kind]: [{urls: ["/"], eagerness: "immediate"}]});
    document.head.append(rules);
}"""


def states(stripe: StandIn) -> list[tuple[int, str]]:
    """What each session at Stripe's asks for, and whether it still does; newest last."""
    return [(session["amount_total"], session["status"]) for session in stripe.sessions.values()]


class TestTwoTabs:
    @pytest.fixture
    def other(self, ada: Shopper) -> Shopper:
        """Ada's second tab, opened when the cart held nothing but a mouse."""
        ada.visits()
        ada.wants(1, "Mouse")
        expect(ada.total).to_have_text("$29.99")
        other = ada.opens_another_tab()
        other.visits()
        return other

    def test_what_one_adds_the_other_does_not_lose(self, ada: Shopper, other: Shopper):
        ada.wants(1, "Laptop")
        expect(ada.total).to_have_text("$1,029.98")
        other.wants(1, "Keyboard")
        expect(other.total).to_have_text("$1,109.97")
        ada.page.reload()
        expect(ada.total).to_have_text("$1,109.97")

    def test_both_buy_the_same_in_one_session_and_pay_for_it_once(
        self, ada: Shopper, other: Shopper, stripe: StandIn
    ):
        ada.goes_to_stripe()
        other.goes_to_stripe()
        assert other.page.url == ada.page.url
        assert states(stripe) == [(2999, "open")]
        ada.presses("Pay")
        ada.sees_order("PAID")
        other.presses("Pay")
        expect(other.page.get_by_text("You have already paid.")).to_be_visible()
        other.page.get_by_role("link", name="Continue to the shop").click()
        other.sees_order("PAID")
        assert len(stripe.events_of("checkout.session.completed")) == 1

    def test_buy_in_a_tab_with_an_older_total_shows_the_new_one_first(
        self, ada: Shopper, other: Shopper, stripe: StandIn
    ):
        ada.wants(3, "Mouse")
        expect(ada.total).to_have_text("$89.97")
        other.buy.click()
        expect(other.alert).to_contain_text("$89.97")
        assert not stripe.sessions
        other.goes_to_stripe()
        assert states(stripe) == [(8997, "open")]

    def test_buy_in_a_tab_whose_cart_was_bought_already_charges_nothing(
        self, ada: Shopper, other: Shopper, stripe: StandIn
    ):
        ada.goes_to_stripe()
        ada.presses("Pay")
        ada.sees_order("PAID")
        other.buy.click()
        expect(other.alert).to_be_visible()
        assert states(stripe) == [(2999, "complete")]


class TestPressingBuyTwice:
    def test_a_double_click_places_one_order_and_buying_the_same_once_more_is_a_new_one(
        self, ada: Shopper, stripe: StandIn
    ):
        ada.fills_the_cart()
        stripe.fault("POST", SESSIONS, hang=HANGS_SECONDS, after=True)
        presses = count(1)

        def is_the_second(request: Request) -> bool:
            return request.url.endswith("/create-checkout-session/") and next(presses) == 2

        with ada.page.expect_request(is_the_second):
            ada.double_clicks(ada.buy, wait_between=lambda: wait_until(lambda: stripe.hanging))
        stripe.clear_faults()
        expect(ada.page).to_have_url(PAYMENT_PAGE)
        assert states(stripe) == [(5998, "open")]
        ada.presses("Pay")
        ada.sees_order("PAID")
        ada.buys(stripe)
        expect(ada.page.locator("[data-order][data-status=PAID]")).to_have_count(2)


@pytest.fixture(scope="module")
def whole_browser(browser_type: BrowserType) -> Iterator[Browser]:
    """The headless shell keeps no page for Back."""
    executable = next(chromium.whole(browser_type), None)
    if executable is None:
        pytest.skip("Back is tried in a whole Chromium only: install it to test that as well.")
    browser = browser_type.launch(**chromium.launch_options(executable))
    yield browser
    browser.close()


class TestBackFromStripe:
    @pytest.fixture
    def ada(self, whole_browser: Browser, shop: ShopProcess, console: Console) -> Iterator[Shopper]:
        with whole_browser.new_context(reduced_motion="reduce") as context:
            console.listen(context)
            yield Shopper(shop, context)
            console.check()

    @pytest.fixture(autouse=True)
    def ada_went_back(self, ada: Shopper, stripe: StandIn) -> None:
        ada.fills_the_cart()
        ada.goes_to_stripe()
        ada.moves_in_history(-1)

    def test_buy_and_the_way_forward_lead_to_the_same_session_and_back_shows_that_it_is_paid(
        self, ada: Shopper, stripe: StandIn
    ):
        # Playwright turns the cache off unless told otherwise, and then this class proves nothing.
        reasons = ada.page.evaluate(
            "performance.getEntriesByType('navigation')[0].notRestoredReasons?.reasons"
        )
        assert reasons
        assert all("no-store" in reason["reason"] for reason in reasons)
        expect(ada.buy).to_be_enabled()
        ada.goes_to_stripe()
        assert states(stripe) == [(5998, "open")]
        ada.moves_in_history(-1)
        ada.moves_in_history(+1)
        expect(ada.page).to_have_url(PAYMENT_PAGE)
        ada.presses("Pay")
        ada.sees_order("PAID")
        ada.moves_in_history(-2)
        expect(ada.page).to_have_url(f"{ada.shop.url}/")
        ada.sees_order("PAID")
        expect(ada.total).to_have_text("$0.00")

    def test_a_changed_cart_has_a_session_of_its_own_and_each_change_ends_the_one_before(
        self, ada: Shopper, stripe: StandIn
    ):
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$89.97")
        ada.goes_to_stripe()
        assert states(stripe) == [(5998, "expired"), (8997, "open")]
        ada.moves_in_history(-1)
        ada.minus("Mouse").click()
        expect(ada.total).to_have_text("$59.98")
        ada.goes_to_stripe()
        assert [status for _, status in states(stripe)].count("open") == 1
        ada.presses("Pay")
        ada.sees_order("PAID")
        expect(ada.orders).to_contain_text("2 × Mouse")

    def test_back_past_a_refused_purchase_is_the_shop(self, ada: Shopper, stripe: StandIn):
        for trouble, total in ((500, "$89.97"), (401, "$119.96")):
            ada.plus("Mouse").click()
            expect(ada.total).to_have_text(total)
            stripe.fault("POST", SESSIONS, status=trouble, times=9)
            ada.buy.click()
            expect(ada.alert).to_contain_text("You were not charged")
            stripe.clear_faults()
            ada.goes_to_stripe()
            ada.moves_in_history(-1)
            expect(ada.total).to_have_text(total)
            expect(ada.alert).to_have_count(0)


class TestTheShelfChangesMeanwhile:
    @pytest.fixture(autouse=True)
    def a_lamp_in_the_cart(self, ada: Shopper, merchant: Merchant) -> None:
        merchant.sells_a_lamp()
        ada.visits()
        ada.wants(1, "Lamp")
        expect(ada.total).to_have_text("$40.00")

    def test_a_new_price_is_shown_and_asked_about_first(
        self, ada: Shopper, merchant: Merchant, stripe: StandIn
    ):
        merchant.asks_for_a_lamp(price_cents=4500)
        ada.buy.click()
        expect(ada.alert).to_contain_text("$45.00")
        expect(ada.total).to_have_text("$45.00")
        assert not stripe.sessions
        ada.goes_to_stripe()
        assert states(stripe) == [(4500, "open")]

    def test_what_was_withdrawn_is_named_and_can_be_removed(
        self, ada: Shopper, merchant: Merchant, stripe: StandIn
    ):
        ada.wants(1, "Mouse")
        expect(ada.total).to_have_text("$69.99")
        merchant.withdraws_the_lamp()
        ada.buy.click()
        expect(ada.cart).to_contain_text("No longer for sale")
        expect(ada.alert).to_contain_text("Lamp is no longer for sale")
        assert not stripe.sessions
        ada.remove("Lamp").click()
        expect(ada.cart).not_to_contain_text("Lamp")
        ada.goes_to_stripe()
        assert states(stripe) == [(2999, "open")]

    def test_a_lamp_added_after_it_was_withdrawn_is_refused(
        self, ada: Shopper, merchant: Merchant, console: Console
    ):
        console.expect_status(422)
        merchant.withdraws_the_lamp()
        ada.plus("Lamp").click()
        expect(ada.page.get_by_text("Lamp is no longer for sale")).to_be_visible()


@pytest.mark.parametrize("kind", ["prefetch", "prerender"])
def test_a_page_that_was_fetched_in_advance_shows_the_cart_of_now(
    new_shopper: NewShopper, shop: ShopProcess, kind: str
):
    ada = new_shopper(bypass_csp=True)
    ada.visits("/products/mouse/")
    before = shop.log.stat().st_size
    ada.page.evaluate(SPECULATE, kind)
    wait_until(lambda: "GET /: " in shop.log.read_text()[before:], "Nothing is fetched in advance.")
    ada.plus("Mouse").click()
    expect(ada.total).to_have_text("$29.99")
    ada.page.get_by_role("banner").get_by_role("link", name="Storefront").click()
    expect(ada.page).to_have_url(f"{shop.url}/")
    expect(ada.total).to_have_text("$29.99")
