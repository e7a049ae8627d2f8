"""The page at which shoppers pay."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.tests.shop import Json, Shop, call, opened, tea
from tools.waiting import wait_until

pytestmark = pytest.mark.once


def named(name: str) -> Json:
    return {"product_data": {"name": name}}


class TestTheHostedPage:
    def press(self, s: StandIn, id: str, action: str, email: str = "bo@example.com") -> str:
        form = {"action": action, "email": email}
        status, _, headers = call(s, "POST", f"/c/pay/{id}", form)
        assert status == 303
        return str(headers["Location"])

    def look(self, s: StandIn, path: str) -> str:
        return str(call(s, "GET", path)[1]["text"])

    def test_it_shows_what_is_bought(self, s: StandIn) -> None:
        page = self.look(s, f"/c/pay/{opened(s, line_items=[tea(price=named('<b>Tea'))])}")
        assert "&lt;b&gt;Tea" in page
        assert "59.98 USD" in page
        assert "https://shop.example/?canceled=7" in page

    def test_it_needs_neither_scripts_nor_inline_styles(self, s: StandIn) -> None:
        _, body, headers = call(s, "GET", f"/c/pay/{opened(s)}")
        assert headers["Content-Security-Policy"] == "default-src 'none'; style-src 'self'"
        assert not re.search(r"<script|<style|style=| on\w+=", body["text"])
        assert call(s, "GET", "/_stand_in/page.css")[2].get_content_type() == "text/css"

    def test_paying_leads_back_to_the_shop(self, s: StandIn) -> None:
        id = opened(s, success_url="https://shop.example/?s={CHECKOUT_SESSION_ID}")
        assert self.press(s, id, "pay") == f"https://shop.example/?s={id}"
        assert s.session(id)["customer_details"]["email"] == "bo@example.com"

    def test_paying_later_leads_back_unpaid(self, s: StandIn) -> None:
        id = opened(s)
        assert self.press(s, id, "pay_later") == "https://shop.example/?order=7"
        assert s.session(id)["payment_status"] == "unpaid"

    @pytest.mark.parametrize(("button", "state"), [("settle", "paid"), ("fail", "unpaid")])
    def test_somebody_can_play_the_bank(self, s: StandIn, button: str, state: str) -> None:
        id = opened(s)
        self.press(s, id, "pay_later")
        assert f"value='{button}'" in self.look(s, f"/c/pay/{id}")
        assert self.press(s, id, button) == f"/c/pay/{id}"
        assert s.session(id)["payment_status"] == state
        assert f"value='{button}'" not in self.look(s, f"/c/pay/{id}")

    def test_a_declined_card_may_try_again(self, s: StandIn) -> None:
        id = opened(s)
        page = self.look(s, self.press(s, id, "decline"))
        assert "Your card was declined." in page
        assert "bo@example.com" in page
        assert self.press(s, id, "pay") == "https://shop.example/?order=7"

    def test_a_bad_email_pays_nothing(self, s: StandIn) -> None:
        id = opened(s)
        assert "Your email is incomplete." in self.look(s, self.press(s, id, "pay", email="bo"))
        assert self.press(s, id, "steal") == f"/c/pay/{id}"
        assert s.session(id)["status"] == "open"

    def test_a_page_that_is_over_says_so(self, s: StandIn) -> None:
        paid, gone = s.pay(opened(s))["id"], s.expire(opened(s))["id"]
        assert "You have already paid." in self.look(s, f"/c/pay/{paid}")
        expired = self.look(s, f"/c/pay/{gone}")
        assert "This session has expired" in expired
        assert "https://shop.example/?canceled=7" in expired
        assert self.press(s, paid, "pay") == f"/c/pay/{paid}"
        assert call(s, "GET", "/c/pay/cs_test_nobody")[0] == 404

    def test_the_shopper_waits_for_the_shops_webhook(self, s: StandIn, shop: Shop) -> None:
        shop.goes_on.clear()
        with ThreadPoolExecutor() as meanwhile:
            pressing = meanwhile.submit(self.press, s, opened(s), "pay")
            wait_until(lambda: shop.hearing)
            assert not pressing.done()
            shop.goes_on.set()
        assert shop.heard == ["completed"]

    def test_the_shopper_does_not_wait_for_ever(self, s: StandIn, shop: Shop) -> None:
        shop.goes_on.clear()
        s.checkout_wait = 0.1
        self.press(s, opened(s), "pay")
        assert shop.heard == []
        shop.goes_on.set()
        s.wait_until_quiet()
        assert shop.heard == ["completed"]

    def test_the_shopper_does_not_wait_for_what_is_held(self, s: StandIn, shop: Shop) -> None:
        s.hold()
        s.checkout_wait = 60
        began = time.monotonic()
        self.press(s, opened(s), "pay")
        assert time.monotonic() - began < 30
        assert shop.heard == []
