"""A shopper in front of a real browser: what they see and what they do."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Response, expect

from tools.http_shopper import HttpShopper
from tools.shop_process import ShopProcess
from tools.stripe_stand_in import StandIn

# The width of the page, and whether scripts run: as most come, and as few do.
ON_A_PHONE = pytest.param(360, True, id="on a phone")
WAYS = [ON_A_PHONE, pytest.param(1280, False, id="without scripts")]

PAYMENT_PAGE = re.compile(r"/c/pay/")


class Shopper:
    """One tab of one browser; Ada buys, Bo is the stranger."""

    def __init__(self, shop: ShopProcess, context: BrowserContext) -> None:
        self.shop = shop
        self.context = context
        self.page: Page = context.new_page()

    # What they see

    @property
    def cart(self) -> Locator:
        return self.page.locator("#cart")

    @property
    def in_header(self) -> Locator:
        """The header's link to the cart."""
        return self.page.get_by_role("banner").get_by_role("link", name=re.compile("^Cart"))

    @property
    def total(self) -> Locator:
        return self.page.locator("#cart-total")

    @property
    def orders(self) -> Locator:
        return self.page.locator("#my-orders [data-order]")

    @property
    def announcement(self) -> Locator:
        return self.page.get_by_role("status").filter(visible=True).and_(self._outside_cart)

    @property
    def _outside_cart(self) -> Locator:
        # <output> is a live region too, and the total is one.
        return self.page.locator(":not(output)")

    @property
    def alert(self) -> Locator:
        return self.page.get_by_role("alert")

    @property
    def refresh(self) -> Locator:
        return self.page.get_by_role("link", name="Refresh")

    def quantity_of(self, product: str) -> Locator:
        return self.page.get_by_label(f"Quantity of {product}")

    def plus(self, product: str) -> Locator:
        """What adds one: it says “Add to cart” while there is none in the cart."""
        name = re.compile(rf"^(Add to cart|One) {re.escape(product)}( more)?$")
        return self.page.get_by_role("button", name=name)

    def minus(self, product: str) -> Locator:
        return self.page.get_by_role("button", name=f"One {product} less")

    def remove(self, product: str) -> Locator:
        return self.cart.get_by_role("button", name=f"Remove {product}")

    @property
    def buy(self) -> Locator:
        return self.page.locator("form[action='/create-checkout-session/']").get_by_role("button")

    # What they do

    def visits(self, path: str = "/") -> Response:
        response = self.page.goto(self.shop.url + path)
        assert response
        return response

    def wants(self, quantity: object, product: str) -> None:
        """Type a quantity and leave the field."""
        self.quantity_of(product).fill(str(quantity))
        self.quantity_of(product).press("Tab")

    def fills_the_cart(self, total: str = "$59.98") -> None:
        """Two mice for $59.98, and what delivery costs."""
        self.visits()
        self.wants(2, "Mouse")
        expect(self.total).to_have_text(total)

    def goes_to_stripe(self) -> None:
        self.buy.click()
        expect(self.page).to_have_url(PAYMENT_PAGE)

    def presses(self, label: str) -> None:
        """Press a button of Stripe's page."""
        self.page.get_by_role("button", name=label, exact=True).click()

    def leaves_stripe(self) -> None:
        """Follow the link of Stripe's page that leads back to the shop."""
        self.page.get_by_role("link", name="Back", exact=True).click()

    def moves_in_history(self, steps: int) -> None:
        """Press the browser's own Back or Forward so many times, through its cache."""
        with self.page.expect_event("framenavigated"):
            # A moment later, or the page that answers is gone before its answer.
            self.page.evaluate("steps => void setTimeout(() => history.go(steps), 10)", steps)

    def double_clicks(self, button: Locator, wait_between: Callable[[], None]) -> None:
        """Click, and click again while the first click is still being answered."""
        button.scroll_into_view_if_needed()
        box = button.bounding_box()
        assert box
        # The mouse, because a locator waits for the navigation that the first click began.
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.click(*middle)
        wait_between()
        self.page.mouse.click(*middle)

    @contextmanager
    def sees_answers(self, number: int = 1) -> Iterator[None]:
        """Change the cart so often inside; all of it is answered and shown when this ends."""
        answers = count(1)

        def is_the_last(answer: Response) -> bool:
            return "/cart/" in answer.url and next(answers) == number

        with self.page.expect_response(is_the_last):
            yield
        expect(self.page.locator("#cart.htmx-request")).to_have_count(0)

    def opens_another_tab(self) -> "Shopper":
        return Shopper(self.shop, self.context)

    def buys(self, stripe: StandIn) -> None:
        """Come back to the shop after two mice were paid for, by HTTP."""
        ada = HttpShopper(self.shop.url)
        kept = {cookie["name"]: cookie["value"] for cookie in self.context.cookies(self.shop.url)}
        ada.cookies = {**kept, **ada.cookies}
        mouse = re.search(r'action="/cart/(\d+)/"', ada.sees("/products/mouse/").text)
        assert mouse
        ada.puts(int(mouse[1]), 2)
        assert ada.buys().leads_to_payment
        *_, session = stripe.sessions
        stripe.pay(session)
        stripe.wait_for_endpoint(stripe.events_of("checkout.session.completed")[-1])
        cookies = ada.cookies.items()
        self.context.add_cookies(
            [{"name": name, "value": value, "url": self.shop.url} for name, value in cookies]
        )
        self.page.goto(stripe.session(session)["success_url"])

    # What they expect

    def sees_order(self, status: str) -> None:
        """One order, and it has come to this state."""
        expect(self.orders).to_have_count(1)
        expect(self.orders).to_have_attribute("data-status", status)
