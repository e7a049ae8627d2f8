"""Buy: the order first, then Stripe, and one open session for one wish."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from checkout.gateway import calls
from checkout.models import Order
from storefront.models import CartLine, Product, Shop
from tests.cast import Shopper, deliver, event_about, leads_to_payment, product
from tests.log_capture import Log
from tools.stripe_stand_in import StandIn

CREATE = "/v1/checkout/sessions"


@pytest.fixture
def ada_with_mice(ada: Shopper, mouse: Product) -> Shopper:
    ada.puts(mouse, 2)
    return ada


class TestAShopperBuys:
    def test_she_is_sent_to_stripes_page(self, stripe: StandIn, ada_with_mice: Shopper):
        response = ada_with_mice.buys()
        (session,) = stripe.sessions.values()
        assert (response.status_code, response["Location"]) == (303, session["url"])
        assert ada_with_mice.order.status == "PENDING"
        assert ada_with_mice.order.session_id == session["id"]

    def test_stripe_gets_prices_and_references_of_ours(
        self, stripe: StandIn, ada_with_mice: Shopper
    ):
        ada_with_mice.buys(total_cents="5998")
        (session,) = stripe.sessions.values()
        order = ada_with_mice.order
        (call,) = [call for call in stripe.requests if call.path == CREATE]
        assert session["amount_total"] == order.total_cents == 5_998
        assert session["client_reference_id"] == str(order.pk)
        reference = {"order_id": str(order.pk), "shop": str(Shop.this())}
        assert session["metadata"] == reference
        assert call.params["payment_intent_data"]["metadata"] == reference
        assert call.idempotency_key == f"order-{order.pk}-1"
        assert session["success_url"] == f"http://testserver/?order={order.pk}"
        assert session["cancel_url"] == f"http://testserver/?canceled={order.pk}"

    def test_the_order_is_a_photograph(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        ada_with_mice.buys()
        Product.objects.filter(pk=mouse.pk).update(name="Rat", price_cents=1)
        (item,) = ada_with_mice.order.items.all()
        assert (item.name, item.unit_price_cents, item.quantity) == ("Mouse", 2_999, 2)

    def test_the_order_is_committed_before_stripe_is_asked(
        self, transactional_db, stripe: StandIn, mouse: Product
    ):
        stripe.fault("POST", CREATE, status=500, times=3)
        ada = Shopper()
        ada.puts(mouse, 1)
        assert ada.is_refused(ada.buys())
        assert [order.status for order in ada.orders] == ["PENDING"]

    def test_her_cart_stays_until_she_has_paid(self, stripe: StandIn, ada_with_mice: Shopper):
        ada_with_mice.buys()
        assert ada_with_mice.cart == {"Mouse": 2}
        deliver(event_about(ada_with_mice.order))
        assert ada_with_mice.cart == {}

    def test_what_she_added_since_stays_in_the_cart_and_what_others_have_in_theirs(
        self,
        stripe: StandIn,
        ada_with_mice: Shopper,
        bo: Shopper,
        mouse: Product,
        laptop: Product,
    ):
        bo.puts(mouse, 9)
        ada_with_mice.buys()
        ada_with_mice.puts(mouse, 5)
        ada_with_mice.puts(laptop, 1)
        deliver(event_about(ada_with_mice.order))
        assert ada_with_mice.cart == {"Mouse": 3, "Laptop": 1}
        assert bo.cart == {"Mouse": 9}

    def test_a_strangers_cart_stays_when_she_has_paid(
        self, stripe: StandIn, ada_with_mice: Shopper, bo: Shopper, mouse: Product
    ):
        bo.puts(mouse, 2)
        ada_with_mice.buys()
        deliver(event_about(ada_with_mice.order))
        assert (ada_with_mice.cart, bo.cart) == ({}, {"Mouse": 2})

    def test_by_a_form_alone(self, ada_with_mice: Shopper):
        assert ada_with_mice.get("/create-checkout-session/").status_code == 405
        assert ada_with_mice.orders == []


class TestPressingBuyAgain:
    def test_leads_to_the_open_session(self, stripe: StandIn, ada_with_mice: Shopper):
        first, second = ada_with_mice.buys(), ada_with_mice.buys()
        assert first["Location"] == second["Location"]
        assert len(stripe.sessions) == len(ada_with_mice.orders) == 1

    def test_asks_stripe_no_second_time(self, stripe: StandIn, ada_with_mice: Shopper):
        ada_with_mice.buys()
        ada_with_mice.buys()
        assert len([call for call in stripe.requests if call.path == CREATE]) == 1

    @pytest.mark.parametrize("what", ["expired", "unknown"])
    def test_leads_to_no_session_that_stripe_has_ended(
        self, stripe: StandIn, ada_with_mice: Shopper, what: str
    ):
        """Our copy says that it is open: the event that ended it was lost."""
        ada_with_mice.buys()
        old = ada_with_mice.order
        if what == "expired":
            stripe.expire(old.session_id or "")
        else:
            Order.objects.update(session_id="cs_of_another_account")
        assert leads_to_payment(ada_with_mice.buys())
        assert stripe.sessions[ada_with_mice.order.session_id or ""]["status"] == "open"
        assert len(ada_with_mice.orders) == 2

    def test_leads_to_no_session_that_is_paid(self, stripe: StandIn, ada_with_mice: Shopper):
        ada_with_mice.buys()
        stripe.pay(ada_with_mice.order.session_id or "")
        response = ada_with_mice.is_refused(ada_with_mice.buys())
        assert "You don&#x27;t need to pay again" in response.text
        assert len(stripe.sessions) == 1

    @pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"drop": True}], ids=str)
    def test_leads_to_the_session_that_we_know_while_stripe_is_silent(
        self, stripe: StandIn, ada_with_mice: Shopper, fault: dict[str, Any]
    ):
        first = ada_with_mice.buys()
        stripe.fault("GET", CREATE, times=9, **fault)
        assert ada_with_mice.buys()["Location"] == first["Location"]

    def test_with_a_changed_cart_ends_the_old_session(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        ada_with_mice.buys()
        ada_with_mice.puts(mouse, 3)
        ada_with_mice.buys()
        assert [s["status"] for s in stripe.sessions.values()] == ["expired", "open"]
        assert [s["amount_total"] for s in stripe.sessions.values()] == [5_998, 8_997]

    def test_with_another_price_ends_the_old_session(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        ada_with_mice.buys()
        Product.objects.update(price_cents=1_000)
        ada_with_mice.buys()
        assert [s["status"] for s in stripe.sessions.values()] == ["expired", "open"]

    def test_while_the_earlier_cart_is_being_paid_asks_to_wait(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        ada_with_mice.buys()
        stripe.pay(ada_with_mice.order.session_id or "")
        ada_with_mice.puts(mouse, 3)
        response = ada_with_mice.is_refused(ada_with_mice.buys())
        assert "You don&#x27;t need to pay again" in response.text
        assert len(stripe.sessions) == 1

    def test_while_the_earlier_session_cannot_be_closed_says_so(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        ada_with_mice.buys()
        ada_with_mice.puts(mouse, 3)
        stripe.fault("POST", CREATE, status=500, times=3)
        assert ada_with_mice.is_refused(ada_with_mice.buys())
        assert len(stripe.sessions) == len(ada_with_mice.orders) == 1

    def test_when_stripe_does_not_know_the_earlier_session_opens_a_new_one(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        ada_with_mice.buys()
        Order.objects.update(session_id="cs_of_another_account")
        ada_with_mice.puts(mouse, 3)
        assert leads_to_payment(ada_with_mice.buys())

    def test_when_it_was_paid_and_the_event_was_lost_asks_to_wait(
        self, stripe: StandIn, ada_with_mice: Shopper
    ):
        ada_with_mice.buys()
        stripe.pay(ada_with_mice.order.session_id or "")
        Order.objects.update(session_expires_at=timezone.now() - timedelta(minutes=1))
        response = ada_with_mice.is_refused(ada_with_mice.buys())
        assert "You don&#x27;t need to pay again" in response.text
        assert len(stripe.sessions) == len(ada_with_mice.orders) == 1

    def test_while_the_earlier_session_takes_money_all_the_same_opens_no_other(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        ada_with_mice.buys()
        ada_with_mice.puts(mouse, 3)
        expire = f"{CREATE}/{ada_with_mice.order.session_id}/expire"
        stripe.fault("POST", expire, status=400)
        assert ada_with_mice.is_refused(ada_with_mice.buys())
        assert len(stripe.sessions) == 1

    def test_after_the_session_has_run_out_opens_a_new_order(
        self, stripe: StandIn, ada_with_mice: Shopper
    ):
        ada_with_mice.buys()
        Order.objects.update(session_expires_at=timezone.now() - timedelta(seconds=1))
        ada_with_mice.buys()
        assert len(stripe.sessions) == len(ada_with_mice.orders) == 2

    def test_after_paying_is_a_new_order(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        ada_with_mice.buys()
        deliver(event_about(ada_with_mice.order))
        ada_with_mice.puts(mouse, 2)
        ada_with_mice.buys()
        assert sorted(order.status for order in ada_with_mice.orders) == ["PAID", "PENDING"]

    def test_after_paying_with_another_cart_is_a_new_order_too(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        ada_with_mice.buys()
        stripe.pay(ada_with_mice.order.session_id or "")
        deliver(*stripe.events_of("checkout.session.completed"))
        ada_with_mice.puts(mouse, 3)
        assert leads_to_payment(ada_with_mice.buys())
        assert sorted(order.status for order in ada_with_mice.orders) == ["PAID", "PENDING"]

    def test_with_ever_other_carts_ends_each_session_once(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        for quantity in (1, 2, 3):
            ada_with_mice.puts(mouse, quantity)
            ada_with_mice.buys()
        ended = [call.path for call in stripe.requests if call.path.endswith("/expire")]
        assert len(ended) == len(set(ended)) == 2


@pytest.mark.once
class TestAPageOfStripeElsewhere:
    """A domain of the shop's own, switched on in Stripe's dashboard."""

    @pytest.fixture(autouse=True)
    def at_another_origin(self, stripe: StandIn, settings) -> None:
        settings.CHECKOUT_ORIGINS = ["https://checkout.stripe.com"]

    def test_is_reached_by_a_plain_link(self, stripe: StandIn, ada_with_mice: Shopper):
        for _ in range(2):
            answer = ada_with_mice.buys()
            order = ada_with_mice.order
            assert (answer.status_code, answer["Location"]) == (303, f"/orders/{order.pk}/")
            page = ada_with_mice.get(answer["Location"]).text
            assert f'href="{order.session_url}">Continue to payment</a>' in page

    def test_is_named_in_the_log(self, stripe: StandIn, ada_with_mice: Shopper, log: Log):
        ada_with_mice.buys()
        line = log.line("checkout.views")
        assert line["level"] == "ERROR"
        assert line["message"] == (
            f"Stripe's page is at {stripe.url}, which has to be in CHECKOUT_ORIGINS."
        )

    def test_is_as_good_as_any_for_json(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        answer = ada_with_mice.buys_by_json({"items": [{"product_id": mouse.pk, "quantity": 1}]})
        assert answer.json()["url"] == ada_with_mice.order.session_url

    def test_needs_no_capitals(self, stripe: StandIn, ada_with_mice: Shopper, settings):
        settings.CHECKOUT_ORIGINS = ["https://pay.example"]
        ada_with_mice.buys()
        Order.objects.update(session_url="https://Pay.example/c/1")
        assert ada_with_mice.buys()["Location"] == "https://Pay.example/c/1"


class TestStripeInTrouble:
    @pytest.mark.once
    @pytest.mark.parametrize(("status", "refusal"), [(429, 503), (500, 503), (401, 502)])
    def test_htmx_learns_it_by_the_status(
        self, stripe: StandIn, ada_with_mice: Shopper, status: int, refusal: int
    ):
        stripe.fault("POST", CREATE, status=status, times=3)
        headers = {"HX-Request": "true"}
        answer = ada_with_mice.browser.post("/create-checkout-session/", headers=headers)
        assert (answer.status_code, "You were not charged" in answer.text) == (refusal, True)

    @pytest.mark.once
    @pytest.mark.parametrize("status", [429, 500])
    def test_she_reads_that_nothing_was_charged(
        self, stripe: StandIn, ada_with_mice: Shopper, status: int
    ):
        stripe.fault("POST", CREATE, status=status, times=3)
        response = ada_with_mice.is_refused(ada_with_mice.buys())
        assert "You were not charged" in response.text
        assert ada_with_mice.cart == {"Mouse": 2}

    @pytest.mark.once
    def test_so_does_a_refusal(self, stripe: StandIn, ada_with_mice: Shopper):
        stripe.fault("POST", CREATE, status=401)
        response = ada_with_mice.is_refused(ada_with_mice.buys())
        assert "You were not charged" in response.text

    @pytest.mark.once
    def test_the_log_says_what_stripe_refused(
        self, stripe: StandIn, ada_with_mice: Shopper, caplog: pytest.LogCaptureFixture
    ):
        Product.objects.update(price_cents=10)
        ada_with_mice.buys()
        assert "InvalidRequestError 400 amount_too_small line_items req_" in caplog.text

    @pytest.mark.once
    def test_an_amount_below_what_stripe_takes_is_refused_with_a_way_on(
        self, stripe: StandIn, ada_with_mice: Shopper, mouse: Product
    ):
        Product.objects.update(price_cents=10)
        response = ada_with_mice.is_refused(ada_with_mice.buys())
        assert "$0.20 is less than Stripe can take. Put something else" in response.text
        answer = ada_with_mice.buys_by_json({"items": [{"product_id": mouse.pk, "quantity": 2}]})
        assert answer.status_code == 400
        ada_with_mice.puts(mouse, 10)
        assert leads_to_payment(ada_with_mice.buys())

    def test_a_shop_that_has_moved_asks_anew(
        self, stripe: StandIn, ada_with_mice: Shopper, settings
    ):
        stripe.fault("POST", CREATE, drop=True, after=True, times=3)
        ada_with_mice.buys()
        stripe.clear_faults()
        settings.SITE_URL = "http://testserver:8080"
        response = ada_with_mice.is_refused(ada_with_mice.buys())
        assert "The shop has just been updated. You were not charged" in response.text
        assert leads_to_payment(ada_with_mice.buys())

    @pytest.mark.parametrize("status", [400, 401, 402, 500])
    def test_the_next_try_asks_under_a_new_key(
        self, stripe: StandIn, ada_with_mice: Shopper, status: int
    ):
        stripe.fault("POST", CREATE, status=status, times=3)
        ada_with_mice.buys()
        stripe.clear_faults()
        assert leads_to_payment(ada_with_mice.buys())
        assert len(stripe.sessions) == len(ada_with_mice.orders) == 1
        assert stripe.requests[-1].idempotency_key == f"order-{ada_with_mice.order.pk}-2"

    def test_a_lost_answer_is_asked_for_again_under_the_same_key(
        self, stripe: StandIn, ada_with_mice: Shopper
    ):
        stripe.fault("POST", CREATE, drop=True, after=True, times=3)
        assert ada_with_mice.is_refused(ada_with_mice.buys())
        stripe.clear_faults()
        assert leads_to_payment(ada_with_mice.buys())
        assert len(stripe.sessions) == 1

    def test_the_same_attempt_asks_the_same_a_minute_later(
        self, stripe: StandIn, ada_with_mice: Shopper, monkeypatch: pytest.MonkeyPatch
    ):
        stripe.fault("POST", CREATE, drop=True, after=True, times=3)
        ada_with_mice.buys()
        stripe.clear_faults()
        later = timezone.now() + timedelta(minutes=1)
        monkeypatch.setattr(timezone, "now", lambda: later)
        assert leads_to_payment(ada_with_mice.buys())
        assert len(stripe.sessions) == 1

    @pytest.mark.once
    def test_a_broken_connection_is_not_even_noticed(self, stripe: StandIn, ada_with_mice: Shopper):
        stripe.fault("POST", CREATE, drop=True)
        assert leads_to_payment(ada_with_mice.buys())

    @pytest.mark.once
    def test_she_does_not_wait_for_ever(
        self, stripe: StandIn, ada_with_mice: Shopper, settings, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(calls, "READ_SECONDS", 0.1)
        settings.STRIPE_SECRET_KEY = "sk_test_of_a_client_of_its_own"
        stripe.fault("POST", CREATE, hang=2, times=2)
        assert ada_with_mice.is_refused(ada_with_mice.buys())

    def test_an_error_that_stripe_keeps_is_over_with_the_next_press(
        self, stripe: StandIn, ada_with_mice: Shopper
    ):
        """Stripe replays a 500 to a request under the same key, even once it is well again."""
        stripe.fault("POST", CREATE, status=500, times=1)
        assert ada_with_mice.is_refused(ada_with_mice.buys())
        assert [call.replayed for call in stripe.requests] == [False, True]
        assert leads_to_payment(ada_with_mice.buys())
        assert len(stripe.sessions) == 1

    def test_an_old_attempt_is_not_continued(self, stripe: StandIn, ada_with_mice: Shopper):
        stripe.fault("POST", CREATE, status=429, times=3)
        ada_with_mice.buys()
        stripe.clear_faults()
        Order.objects.update(attempt_at=timezone.now() - timedelta(minutes=6))
        assert leads_to_payment(ada_with_mice.buys())
        assert ada_with_mice.order.attempt == 2


class TestWhatCannotBeBought:
    def test_nothing_from_an_empty_cart(self, stripe: StandIn, ada: Shopper):
        response = ada.is_refused(ada.buys())
        assert response.text.count("Your cart is empty") == 2  # on top, and above Buy
        assert "Your cart is empty" not in ada.get("/").text
        assert stripe.requests == []

    def test_nothing_at_a_total_that_she_has_not_seen(
        self, stripe: StandIn, ada_with_mice: Shopper
    ):
        Product.objects.update(price_cents=3_500)
        response = ada_with_mice.is_refused(ada_with_mice.buys(total_cents=5_998))
        assert "The total has changed to $70.00" in response.text
        assert ada_with_mice.orders == []
        assert leads_to_payment(ada_with_mice.buys(total_cents=7_000))

    @pytest.mark.parametrize("seen", [{}, {"total_cents": 5_998}])
    def test_nothing_that_is_no_longer_sold(
        self, stripe: StandIn, ada_with_mice: Shopper, seen: dict[str, int]
    ):
        Product.objects.update(is_on_sale=False)
        response = ada_with_mice.is_refused(ada_with_mice.buys(**seen))
        assert "Mouse is no longer for sale" in response.text
        assert ada_with_mice.cart == {"Mouse": 2}

    def test_nothing_of_more_than_a_hundred_products(self, stripe: StandIn, ada: Shopper):
        shelf = [Product(name=f"Thing {number}", price_cents=100) for number in range(101)]
        ada.puts(Product.objects.bulk_create(shelf)[0], 1)
        CartLine.objects.bulk_create(
            CartLine(shopper=ada.id, product=product, quantity=1) for product in shelf[1:]
        )
        response = ada.is_refused(ada.buys())
        assert "100 different products at most" in response.text

    def test_nothing_above_what_stripe_takes(self, stripe: StandIn, ada: Shopper, laptop: Product):
        Product.objects.update(price_cents=50_000_000)
        ada.puts(laptop, 2)
        response = ada.is_refused(ada.buys())
        assert "$999,999.99 at most. Please split it." in response.text

    def test_no_advice_to_split_a_single_piece(
        self, stripe: StandIn, ada: Shopper, laptop: Product
    ):
        Product.objects.update(price_cents=100_000_000)
        ada.puts(laptop, 1)
        response = ada.is_refused(ada.buys())
        assert "$999,999.99 at most. Please ask the shop" in response.text

    @pytest.mark.parametrize(
        ("currency", "cents"),
        [("idr", 999_999_999_999), ("jpy", 294_000_000), ("vnd", 3_000_000_000)],
    )
    def test_but_what_is_little_in_its_currency(
        self, stripe: StandIn, ada: Shopper, settings: Settings, currency: str, cents: int
    ):
        settings.CURRENCY = currency
        ada.puts(product("House", cents), 1)
        assert ada.buys()["Location"].startswith(stripe.url)
        deliver(event_about(ada.order))
        assert (ada.order.status, ada.order.total_cents) == ("PAID", cents)

    def test_nothing_without_the_forms_token(self, ada_with_mice: Shopper):
        ada_with_mice.browser.handler.enforce_csrf_checks = True
        response = ada_with_mice.buys()
        assert response.status_code == 403
        assert "Nothing was charged" in response.text
        assert ada_with_mice.orders == []


class TestBuyingByJson:
    def items(self, product: Product, quantity: object = 2) -> object:
        return {"items": [{"product_id": product.pk, "quantity": quantity}]}

    def test_answers_with_the_session(self, stripe: StandIn, ada: Shopper, mouse: Product):
        response = ada.buys_by_json(self.items(mouse))
        (session,) = stripe.sessions.values()
        assert response.status_code == 200
        assert response.json() == {
            "id": session["id"],
            "url": session["url"],
            "order_id": str(ada.order.pk),
        }

    def test_prices_come_from_the_database(self, stripe: StandIn, ada: Shopper, mouse: Product):
        item = {"product_id": mouse.pk, "quantity": 1, "price_cents": 1, "unit_amount": 1}
        ada.buys_by_json({"items": [item], "total_cents": 1})
        assert ada.order.total_cents == 2_999

    def test_a_product_named_twice_is_added_up(self, stripe: StandIn, ada: Shopper, mouse: Product):
        item = {"product_id": mouse.pk, "quantity": 2}
        ada.buys_by_json({"items": [item, item]})
        assert [item.quantity for item in ada.order.items.all()] == [4]

    @pytest.mark.parametrize(
        "body",
        [
            " ",
            "{",
            "[]",
            "null",
            "{}",
            '{"items": {}}',
            '{"items": null}',
            '{"items": []}',
            '{"items": [1]}',
            '{"items": [{"product_id": 1}]}',
            '{"items": [{"product_id": "1", "quantity": 1}]}',
            '{"items": [{"product_id": 99999, "quantity": 1}]}',
            '{"items": [{"product_id": true, "quantity": 1}]}',
            '{"items": [{"product_id": 1e0, "quantity": 1}]}',
            '{"items": [{"product_id": 123456789012345678901234567890, "quantity": 1}]}',
            b"\xff\xfe",
            "[" * 100_000,
            '{"items": ' + "9" * 5_000 + "}",
        ],
    )
    def test_what_is_not_an_order_is_refused_in_words(
        self, stripe: StandIn, ada: Shopper, mouse: Product, body: str
    ):
        response = ada.buys_by_json(body)
        assert response.status_code == 400
        assert response.json()["error"]
        assert not Order.objects.exists()

    @pytest.mark.parametrize(
        "quantity", [0, -1, 1_000, 10**30, "2", 1.5, 2.0, True, None, [], {}, float("nan")]
    )
    def test_odd_quantities_are_refused(
        self, stripe: StandIn, ada: Shopper, mouse: Product, quantity: object
    ):
        assert ada.buys_by_json(self.items(mouse, quantity)).status_code == 400
        assert not Order.objects.exists()

    def test_true_is_no_product(self, stripe: StandIn, ada: Shopper):
        Product.objects.create(pk=1, name="Mouse", price_cents=2_999)
        data = {"items": [{"product_id": True, "quantity": 1}]}
        assert ada.buys_by_json(data).status_code == 400

    def test_a_product_named_twice_cannot_exceed_the_most(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        item = {"product_id": mouse.pk, "quantity": 500}
        response = ada.buys_by_json({"items": [item, item]})
        assert response.status_code == 400
        assert "up to 999 of one product" in response.json()["error"]

    @pytest.mark.once
    def test_megabytes_are_refused_in_words(self, stripe: StandIn, ada: Shopper):
        response = ada.buys_by_json(" " * 3_000_000)
        assert response.status_code == 413
        assert response.json()["error"]

    def test_more_than_a_hundred_lines_are_refused(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        item = {"product_id": mouse.pk, "quantity": 1}
        assert ada.buys_by_json({"items": [item] * 101}).status_code == 400
        assert ada.buys_by_json({"items": [item] * 100}).status_code == 200

    def test_a_total_above_stripes_limit_is_refused(
        self, stripe: StandIn, ada: Shopper, laptop: Product
    ):
        Product.objects.update(price_cents=50_000_000)
        response = ada.buys_by_json(self.items(laptop))
        assert response.status_code == 400
        assert "at most" in response.json()["error"]

    def test_a_withdrawn_product_is_refused(self, stripe: StandIn, ada: Shopper, mouse: Product):
        Product.objects.update(is_on_sale=False)
        assert ada.buys_by_json(self.items(mouse)).status_code == 400

    def test_stripes_trouble_is_answered_in_json(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        stripe.fault("POST", CREATE, status=500, times=3)
        response = ada.buys_by_json(self.items(mouse))
        assert response.status_code == 503
        assert "not charged" in json.loads(response.content)["error"]

    @pytest.mark.once
    def test_needs_the_token_too(self, ada: Shopper, mouse: Product):
        ada.browser.handler.enforce_csrf_checks = True
        assert ada.buys_by_json(self.items(mouse)).status_code == 403
