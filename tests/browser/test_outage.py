"""The shop dies while a shopper is waiting, and comes back."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Request, Route, expect

from tests.browser.console import Console
from tests.browser.shopper import Shopper
from tools.shop_process import ShopProcess
from tools.stripe_stand_in import StandIn

# The last two if it dies while it answers a poll.
NO_ANSWER = r"ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE)"


@pytest.fixture(autouse=True)
def comes_back(real_shop: ShopProcess) -> Iterator[None]:
    yield
    if not real_shop.is_ready():
        real_shop.kill()  # it may be slow and not dead
        real_shop.start()


def is_poll(request: Request) -> bool:
    return "/orders/" in request.url


def pass_renewals_only(route: Route) -> None:
    if route.request.headers.get("hx-target") == "main":
        route.continue_()
    else:
        route.abort("connectionreset")


class TestTheServerIsKilled:
    def test_the_waiting_page_recovers_by_itself(
        self, ada: Shopper, stripe: StandIn, shop: ShopProcess, console: Console
    ):
        console.expect(NO_ANSWER, "^error: htmx:(sendError|afterRequest)")
        stripe.hold()
        ada.buys(stripe)
        ada.sees_order("PENDING")
        with ada.page.expect_event("requestfailed", is_poll):
            shop.kill()
        ada.sees_order("PENDING")
        shop.start()
        stripe.release()
        ada.sees_order("PAID")
        expect(ada.announcement).to_contain_text("is paid")

    @pytest.mark.parametrize("is_on_order_page", [False, True], ids=["the shop", "the order"])
    def test_what_has_changed_meanwhile_is_announced(
        self,
        ada: Shopper,
        stripe: StandIn,
        console: Console,
        is_on_order_page: bool,
    ):
        """The page renews itself as a whole, and no poll of the orders gets through."""
        console.expect("ERR_CONNECTION_RESET", "^error: htmx:(sendError|afterRequest)")
        stripe.hold()
        ada.buys(stripe)
        ada.sees_order("PENDING")
        if is_on_order_page:
            ada.orders.get_by_role("link", name=re.compile("^Order ")).click()
            expect(ada.page.get_by_role("heading", level=1)).to_contain_text("Order")
        ada.page.route("**", pass_renewals_only)
        stripe.release()
        expect(ada.page.locator(".state[data-state=PAID]")).to_be_visible()
        expect(ada.announcement).to_contain_text("is paid")

    def test_a_webhook_that_found_no_shop_is_delivered_later(
        self, ada: Shopper, stripe: StandIn, shop: ShopProcess, console: Console
    ):
        console.expect(NO_ANSWER, "^error: htmx:(sendError|afterRequest)")
        stripe.hold()
        ada.buys(stripe)
        ada.sees_order("PENDING")  # or the page itself would be cut off
        with ada.page.expect_event("requestfailed", is_poll):
            shop.kill()
        stripe.release()
        stripe.wait_until_quiet()
        assert [attempt.status for attempt in stripe.attempts] == [0]
        shop.start()
        stripe.advance(seconds=5 * 60)
        ada.sees_order("PAID")
