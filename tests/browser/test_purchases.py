"""The complete purchase, from a product's page to the receipt, for everybody and on any network."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import NewShopper
from tests.browser.console import Console
from tests.browser.shopper import PAYMENT_PAGE, Shopper
from tests.browser.test_cart import let_the_network_be_slow
from tools.stripe_stand_in import StandIn
from tools.waiting import wait_until

# A desktop window of 1280 × 1024 at 400 %, which is how WCAG measures reflow.
MOVING = {"reduced_motion": "no-preference"}
ZOOMED = {"viewport": {"width": 320, "height": 256}, "device_scale_factor": 4, **MOVING}
WIDE = {"viewport": {"width": 1280, "height": 720}, **MOVING}
FORCED = {"color_scheme": "dark", "forced_colors": "active"}
SCREENS: dict[str, dict[str, Any]] = {
    "a small phone": {"viewport": {"width": 320, "height": 568}, "has_touch": True, **MOVING},
    "dark, in colours of one's own": FORCED,
    "a small phone without scripts": {
        "viewport": {"width": 320, "height": 568},
        "java_script_enabled": False,
    },
}
PRODUCT = re.compile(r"/products/mouse/(#|$)")
# All of it, so that the page, which goes on by itself, has no answer until the test has read it.
EVERYTHING = "**/*"
RETURN = re.compile(r"/\?order=")


def paid(stripe: StandIn) -> list[int]:
    """What shoppers have paid at Stripe's: the amount of each payment."""
    return [
        event["data"]["object"]["amount_total"]
        for event in stripe.events_of("checkout.session.completed")
    ]


def one_payment(stripe: StandIn, amount: int) -> bool:
    """Nothing else was paid, and nothing else can be."""
    still_open = [s for s in stripe.sessions.values() if s["status"] == "open"]
    return paid(stripe) == [amount] and not still_open


@pytest.mark.purchase
class TestOnEveryScreen:
    @pytest.fixture(params=SCREENS.values(), ids=list(SCREENS))
    def ada(self, request: pytest.FixtureRequest, new_shopper: NewShopper) -> Shopper:
        return new_shopper(**request.param)

    def test_the_purchase_is_complete(self, ada: Shopper, stripe: StandIn):
        ada.visits()
        ada.page.get_by_role("link", name="Mouse", exact=True).click()
        expect(ada.page).to_have_url(PRODUCT)
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$29.99")
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$59.98")
        ada.remove("Mouse").click()
        expect(ada.total).to_have_text("$0.00")
        ada.cart.get_by_role("button", name="Undo").click()
        expect(ada.total).to_have_text("$59.98")
        expect(ada.page).to_have_url(PRODUCT)
        fits(ada.page)
        ada.goes_to_stripe()
        ada.presses("Pay")
        expect(ada.page).to_have_url(RETURN)
        ada.sees_order("PAID")
        fits(ada.page)
        ada.page.get_by_role("link", name="View receipt").click()
        expect(ada.page.locator("main")).to_contain_text("$59.98")
        fits(ada.page)
        assert one_payment(stripe, 5998)


def fits(page: Page) -> None:
    """Nothing has to be pushed sideways to be read."""
    page.wait_for_load_state()
    sizes = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert sizes[0] <= sizes[1]


class TestInForcedColours:
    def test_every_control_and_what_was_refused_or_removed_has_an_edge_to_be_seen_by(
        self, new_shopper: NewShopper, stripe: StandIn, console: Console
    ):
        console.expect_status(422)
        ada = new_shopper(**FORCED)
        ada.fills_the_cart()
        assert ada.page.evaluate(WITHOUT_EDGE) == []
        ada.wants(-1, "Mouse")
        expect(ada.alert).to_have_css("border-block-end-style", "solid")
        ada.remove("Mouse").click()
        expect(ada.page.locator(".undo")).to_have_css("border-block-end-style", "solid")

    def test_a_control_without_one_would_be_noticed(self, new_shopper: NewShopper, stripe: StandIn):
        ada = new_shopper(**FORCED)
        ada.fills_the_cart()
        ada.buy.evaluate("node => node.style.border = 0")
        (found,) = ada.page.evaluate(WITHOUT_EDGE)
        assert "Pay $59.98" in found


# Backgrounds are taken away there; a border or an underline is what remains.
WITHOUT_EDGE = """
[...document.querySelectorAll("button, input:not([type=hidden]), a.primary")]
    .filter(node => node.checkVisibility())
    .filter(node => getComputedStyle(node).textDecorationLine === "none")
    .filter(node => [node, node.closest(".stepper") ?? node].every(
        edged => getComputedStyle(edged).borderBottomStyle === "none"))
    .map(node => node.outerHTML)
"""


class Keyboard:
    """All that Ada has besides the screen."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def goes_to(self, control: Locator) -> None:
        """Press Tab until the control has the focus, and see the focus all the way."""
        self.page.wait_for_load_state()
        for _ in range(80):
            self.page.keyboard.press("Tab")
            self.sees_the_focus()
            if control.evaluate("node => node === document.activeElement"):
                return
        raise AssertionError(f"Tab does not lead to {control}.")

    def sees_the_focus(self) -> None:
        for _ in range(40):
            if not (hidden := self.page.evaluate(WHAT_HIDES_THE_FOCUS)):
                return
            self.page.wait_for_timeout(50)  # the page may be scrolling there
        raise AssertionError(f"What has the focus is hidden by another: {hidden}")

    def presses(self, control: Locator, key: str = "Enter") -> None:
        self.goes_to(control)
        self.page.keyboard.press(key)

    def types(self, text: str, field: Locator) -> None:
        self.goes_to(field)
        self.page.keyboard.type(text)


# Its middle belongs to it, and to nothing that lies above it; <body> has the focus at first.
WHAT_HIDES_THE_FOCUS = """() => {
    const node = document.activeElement, box = node.getBoundingClientRect();
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return node === document.body || node.contains(top) ? null : [node.outerHTML, top?.outerHTML];
}"""


class TestByTheKeyboardAlone:
    @pytest.mark.parametrize("screen", [WIDE, ZOOMED], ids=["a wide screen", "a page at 400 %"])
    def test_the_purchase_is_complete(
        self, new_shopper: NewShopper, stripe: StandIn, screen: dict[str, Any]
    ):
        ada = new_shopper(**screen)
        keyboard = Keyboard(ada.page)
        ada.visits()
        keyboard.presses(ada.page.get_by_role("link", name="Mouse", exact=True))
        expect(ada.page).to_have_url(PRODUCT)
        keyboard.types("2", ada.quantity_of("Mouse"))
        keyboard.presses(ada.plus("Mouse"), "Space")
        expect(ada.total).to_have_text("$89.97")
        keyboard.presses(ada.remove("Mouse"))
        expect(ada.total).to_have_text("$0.00")
        expect(ada.cart.get_by_role("button", name="Undo")).to_be_focused()
        ada.page.keyboard.press("Enter")
        expect(ada.total).to_have_text("$89.97")
        fits(ada.page)
        keyboard.presses(ada.buy)
        expect(ada.page).to_have_url(PAYMENT_PAGE)
        keyboard.presses(ada.page.get_by_role("button", name="Pay", exact=True))
        expect(ada.page).to_have_url(RETURN)
        ada.sees_order("PAID")
        fits(ada.page)
        keyboard.presses(ada.page.get_by_role("link", name="View receipt"))
        expect(ada.page).to_have_url(re.compile(r"/orders/.+/$"))
        fits(ada.page)
        keyboard.presses(ada.page.get_by_role("button", name="Make a private link"))
        expect(ada.page.get_by_label("Private link")).to_be_focused()
        assert one_payment(stripe, 8997)

    def test_the_first_tab_leads_past_the_header(self, ada: Shopper, stripe: StandIn):
        ada.visits()
        keyboard = Keyboard(ada.page)
        keyboard.presses(ada.page.get_by_role("link", name="Skip to the content"))
        ada.page.keyboard.press("Tab")
        inside = "document.querySelector('main').contains(document.activeElement)"
        assert ada.page.evaluate(inside)


class TestOnASlowNetwork:
    @pytest.fixture
    def ada(self, ada: Shopper) -> Shopper:
        ada.visits()
        let_the_network_be_slow(ada.page, latency=800)
        return ada

    def test_the_wait_is_shown_and_each_press_counts(self, ada: Shopper, stripe: StandIn):
        busy = ada.page.locator("#cart.htmx-request")
        for _ in range(3):
            ada.plus("Mouse").click()
        expect(busy).to_have_count(1)
        expect(ada.total).to_have_text("$89.97")
        expect(busy).to_have_count(0)

    @pytest.mark.purchase
    def test_pressing_buy_again_and_again_leads_to_one_payment(self, ada: Shopper, stripe: StandIn):
        ada.wants(2, "Mouse")
        expect(ada.total).to_have_text("$59.98")
        stripe.fault("POST", "/v1/checkout/sessions", after=True, hang=30)
        ada.double_clicks(ada.buy, wait_between=lambda: wait_until(lambda: stripe.hanging))
        stripe.clear_faults()
        expect(ada.page).to_have_url(PAYMENT_PAGE)
        ada.presses("Pay")
        expect(ada.page).to_have_url(RETURN)
        ada.sees_order("PAID")
        assert one_payment(stripe, 5998)


class TestOnANetworkThatBreaks:
    """Each answer is lost once, at the worst moment: when the work behind it is done."""

    def test_a_change_whose_answer_is_lost_counts_once(
        self, ada: Shopper, stripe: StandIn, console: Console
    ):
        console.expect("ERR_CONNECTION_RESET", "htmx:sendError", "htmx:afterRequest")
        ada.fills_the_cart()
        with answer_lost(ada.page, EVERYTHING):
            ada.plus("Mouse").click()
            expect(ada.alert).to_contain_text("No answer from the shop")
        expect(ada.alert).to_have_count(0)
        expect(ada.total).to_have_text("$89.97")
        ada.goes_to_stripe()
        ada.presses("Pay")
        ada.sees_order("PAID")
        assert one_payment(stripe, 8997)

    def test_buy_whose_answer_is_lost_can_be_pressed_again(
        self, ada: Shopper, stripe: StandIn, console: Console
    ):
        console.expect("ERR_CONNECTION_RESET")
        ada.fills_the_cart()
        with answer_lost(ada.page, "**/create-checkout-session/"):
            ada.buy.click(no_wait_after=True)
            expect(ada.page).to_have_url(re.compile("^chrome-error:"))
        (first,) = stripe.sessions
        ada.visits()
        expect(ada.total).to_have_text("$59.98")
        ada.goes_to_stripe()
        assert list(stripe.sessions) == [first]
        ada.presses("Pay")
        ada.sees_order("PAID")
        assert one_payment(stripe, 5998)

    def test_a_shopper_who_does_not_come_back_from_paying_finds_the_order_paid(
        self, ada: Shopper, stripe: StandIn, console: Console
    ):
        console.expect("ERR_CONNECTION_RESET")
        ada.fills_the_cart()
        ada.goes_to_stripe()
        with answer_lost(ada.page, PAYMENT_PAGE):
            ada.page.get_by_role("button", name="Pay", exact=True).click(no_wait_after=True)
            expect(ada.page).to_have_url(re.compile("^chrome-error:"))
        ada.visits()
        ada.sees_order("PAID")
        expect(ada.total).to_have_text("$0.00")
        assert one_payment(stripe, 5998)

    def test_an_update_that_is_lost_comes_with_the_next_poll(
        self, ada: Shopper, stripe: StandIn, console: Console
    ):
        console.expect("ERR_CONNECTION_RESET", "htmx:sendError", "htmx:afterRequest")
        stripe.hold()
        ada.buys(stripe)
        ada.sees_order("PENDING")
        with answer_lost(ada.page, EVERYTHING):
            stripe.release()
            expect(ada.alert).to_contain_text("No answer from the shop")
        ada.sees_order("PAID")
        expect(ada.alert).to_have_count(0)
        assert one_payment(stripe, 5998)


@contextmanager
def answer_lost(page: Page, url: str | re.Pattern[str]) -> Iterator[None]:
    """Requests reach the shop and are answered, but no answer reaches the browser."""
    reached: list[str] = []

    def lose(route: Route) -> None:
        route.fetch(max_redirects=0)
        reached.append(route.request.url)
        route.abort("connectionreset")

    page.route(url, lose)
    yield
    page.unroute_all(behavior="wait")  # or Playwright passes on what is being lost
    assert reached, "Nothing was lost, so nothing was shown."
