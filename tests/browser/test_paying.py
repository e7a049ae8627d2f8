"""Paying on Stripe's page and coming back, in every way a payment can go."""

import re

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.browser.merchant import Merchant
from tests.browser.shopper import Shopper
from tests.browser.test_shop_front import nothing_moved
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.tests.shop import opened
from tools.stripe_stand_in.tests.test_extras import taxed

A_MINUTE = 60_000


TOPS = """[...document.querySelectorAll("main :is(h1, h2, time, .state, li, table)")]
    .map(node => [node.localName, Math.round(node.getBoundingClientRect().top)].join(" "))"""


class Polls:
    """Counts how often a page asks for updates of the orders."""

    def __init__(self, page: Page) -> None:
        self.count = 0
        page.on("request", self._hear)

    def _hear(self, request: Request) -> None:
        self.count += "/orders/" in request.url


def without_referrer(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, headers={**answer.headers, "referrer-policy": "no-referrer"})


class TestPayingByCard:
    def test_waiting_becomes_paid_without_a_reload_announced_and_with_the_focus_where_it_was(
        self, ada: Shopper, stripe: StandIn
    ):
        ada.fills_the_cart()
        ada.goes_to_stripe()
        stripe.hold()
        ada.presses("Pay")
        ada.sees_order("PENDING")
        expect(ada.orders).to_contain_text("Waiting")
        region = ada.announcement.element_handle()
        expect(ada.announcement).to_have_text("")
        ada.page.evaluate("document.body.dataset.mark = 'the same page'")
        link = ada.orders.get_by_role("link", name=re.compile("^Order "))
        link.focus()
        stripe.release()
        expect(ada.announcement).to_have_text(re.compile(r"Order [A-Z2-7-]{9} is paid"))
        assert region.evaluate("node => node.isConnected")
        ada.sees_order("PAID")
        expect(link).to_be_focused()
        expect(ada.page.locator("body")).to_have_attribute("data-mark", "the same page")
        expect(ada.total).to_have_text("$0.00")
        expect(ada.buy).to_be_disabled()

    def test_where_a_router_hides_the_origin_of_forms(self, ada: Shopper, stripe: StandIn):
        ada.page.route(f"{ada.shop.url}/", without_referrer)
        ada.fills_the_cart()
        with ada.page.expect_request("**/create-checkout-session/") as asked:
            ada.goes_to_stripe()
        assert asked.value.all_headers()["origin"] == "null"
        ada.presses("Pay")
        ada.sees_order("PAID")

    def test_nothing_is_asked_for_any_more_once_it_is_paid(self, ada: Shopper, stripe: StandIn):
        ada.page.clock.install()
        stripe.hold()
        ada.buys(stripe)
        polls = Polls(ada.page)
        for _ in range(3):
            with ada.page.expect_response(re.compile("/orders/")):
                ada.page.clock.run_for(1_000)
        assert polls.count >= 3  # so it would be noticed below
        stripe.release()
        ada.sees_order("PAID")
        polls.count = 0
        ada.page.clock.run_for(A_MINUTE)
        assert polls.count == 0

    @pytest.mark.parametrize("width", [360, 1280])
    def test_nothing_jumps_when_the_update_comes(self, ada: Shopper, stripe: StandIn, width: int):
        ada.page.set_viewport_size({"width": width, "height": 800})
        ada.page.emulate_media(reduced_motion="no-preference")
        stripe.hold()
        ada.buys(stripe)
        ada.sees_order("PENDING")
        with nothing_moved(ada):
            stripe.deliver_normally()
            ada.sees_order("PAID")

    @pytest.mark.parametrize("width", [360, 1280])
    def test_the_order_page_turns_paid_too_with_its_address_and_moves_nothing(
        self, ada: Shopper, stripe: StandIn, merchant: Merchant, width: int
    ):
        merchant.sends_parcels()
        ada.page.set_viewport_size({"width": width, "height": 800})
        ada.page.emulate_media(reduced_motion="no-preference")
        stripe.hold()
        ada.fills_the_cart("$64.88")
        ada.goes_to_stripe()
        ada.presses("Pay")
        ada.orders.get_by_role("link", name=re.compile("^Order ")).click()
        goes_to = ada.page.locator("#order-ship-to")
        expect(goes_to).to_contain_text("Germany Stripe asks for the address")
        state = ada.page.locator("[data-order] [data-status]")
        expect(state).to_have_attribute("data-status", "PENDING")
        expect(ada.page).to_have_title(re.compile("^Order "))
        ada.page.wait_for_load_state()
        before = ada.page.evaluate(TOPS)
        stripe.deliver_normally()
        expect(goes_to).to_contain_text("1 Example Street12345 ExampleGermany")
        expect(state).to_have_attribute("data-status", "PAID")
        assert ada.page.evaluate(TOPS) == before
        expect(ada.announcement).to_contain_text("is paid")
        expect(ada.page).to_have_title(re.compile(r"^Thank you, order \S+ is paid · "))


class TestLeavingStripeWithoutPaying:
    def test_the_cart_is_intact_and_the_payment_can_be_continued(
        self, ada: Shopper, stripe: StandIn
    ):
        ada.fills_the_cart()
        ada.goes_to_stripe()
        ada.leaves_stripe()
        expect(ada.page).to_have_url(re.compile(r"/\?canceled="))
        expect(ada.page.get_by_text("Nothing was charged")).to_be_visible()
        expect(ada.total).to_have_text("$59.98")
        ada.page.get_by_role("link", name="Continue to payment").click()
        ada.presses("Pay")
        ada.sees_order("PAID")

    def test_after_a_declined_card_the_cart_is_intact_and_a_good_one_can_follow(
        self, ada: Shopper, stripe: StandIn
    ):
        ada.fills_the_cart()
        ada.goes_to_stripe()
        ada.presses("Decline")
        expect(ada.alert).to_have_text("Your card was declined.")
        ada.leaves_stripe()
        expect(ada.total).to_have_text("$59.98")
        ada.sees_order("PENDING")
        ada.goes_to_stripe()
        ada.presses("Decline")
        expect(ada.alert).to_have_text("Your card was declined.")
        ada.presses("Pay")
        ada.sees_order("PAID")


class TestPayingByABankDebit:
    def pays_later(self, ada: Shopper, stripe: StandIn) -> str:
        """Go through Stripe's page; the id of the session."""
        ada.fills_the_cart()
        ada.goes_to_stripe()
        ada.presses("Pay later")
        ada.sees_order("PROCESSING")
        (session,) = stripe.sessions
        return session

    def test_it_waits_for_the_bank_and_then_it_is_paid(self, ada: Shopper, stripe: StandIn):
        session = self.pays_later(ada, stripe)
        expect(ada.orders).to_contain_text("Waiting for the bank")
        stripe.settle(session)
        ada.sees_order("PAID")
        expect(ada.announcement).to_contain_text("is paid")

    def test_what_fails_says_so_and_can_be_bought_again(self, ada: Shopper, stripe: StandIn):
        stripe.fail(self.pays_later(ada, stripe))
        ada.sees_order("FAILED")
        expect(ada.orders).to_contain_text("nothing was charged")
        expect(ada.announcement).to_contain_text("could not be paid")
        ada.visits()
        expect(ada.total).to_have_text("$59.98")
        ada.goes_to_stripe()
        ada.presses("Pay")
        expect(ada.page.locator("[data-status=PAID][data-order]")).to_have_count(1)


class TestWhenStripeIsInTrouble:
    def test_the_shopper_reads_so_and_can_try_again(self, ada: Shopper, stripe: StandIn):
        ada.fills_the_cart()
        stripe.fault("POST", "/v1/checkout/sessions", status=500, times=3)
        ada.buy.click()
        expect(ada.alert).to_contain_text("You were not charged")
        expect(ada.total).to_have_text("$59.98")
        stripe.clear_faults()
        ada.goes_to_stripe()
        ada.presses("Pay")
        ada.sees_order("PAID")


def test_the_stand_ins_page_tells_the_total_before_it_is_paid(ada: Shopper, stripe: StandIn):
    stripe.promotion_code("TEN", percent_off=10)
    page, code = ada.page, ada.page.get_by_label("Promotion code")
    page.set_viewport_size({"width": 360, "height": 800})
    page.goto(f"{stripe.url}/c/pay/{opened(stripe, **taxed('exclusive'))}")
    page.get_by_label("City").fill("Zwickau")
    for typed, words in (("none", ["This code is invalid."]), ("ten", [])):
        code.fill(typed)
        code.press("Enter")
        expect(ada.alert).to_have_text(words)
        expect(page.get_by_label("City")).to_have_value("Zwickau")
        expect(code).to_have_value(typed)
    expect(page.get_by_role("heading", level=1)).to_have_text("Pay 27.25 USD")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
