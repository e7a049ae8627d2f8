"""Stock: no shopper pays for what isn't there, and what isn't paid for comes back once."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from checkout import gateway
from checkout.gateway import CheckoutSession, failures
from checkout.models import Order
from storefront.models import Product, Reservation
from tests.cast import Shopper, deliver, event_about, leads_to_payment
from tools.stripe_stand_in import StandIn

CREATE = "/v1/checkout/sessions"
Meanwhile = Callable[[Callable[[Order], None]], None]


@pytest.fixture
def scarce(mouse: Product) -> Product:
    mouse.stock = 3
    mouse.save()
    return mouse


def left(product: Product) -> int | None:
    product.refresh_from_db()
    return product.stock


def products_changed_in(queries: CaptureQueriesContext) -> list[int]:
    updates = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
    found = [re.search(r'"storefront_product"\."id" = (\d+)', sql) for sql in updates]
    return [int(match[1]) for match in found if match]


@pytest.fixture
def pending_order(stripe: StandIn, ada: Shopper, scarce: Product) -> Order:
    ada.puts(scarce, 2)
    ada.buys()
    assert left(scarce) == 1
    return ada.order


def ended(order: Order, kind: str) -> object:
    return event_about(order, f"checkout.session.{kind}", payment_status="unpaid")


class TestReservedGoods:
    def test_are_sold_when_paid(self, pending_order: Order, scarce: Product):
        deliver(event_about(pending_order))
        assert left(scarce) == 1
        assert not Reservation.objects.exists()

    @pytest.mark.parametrize("kind", ["expired", "async_payment_failed"])
    def test_come_back_once_when_not_paid(self, pending_order: Order, scarce: Product, kind: str):
        deliver(ended(pending_order, kind))
        deliver(ended(pending_order, kind))
        assert left(scarce) == 3

    def test_stay_reserved_through_a_bank_debit(self, pending_order: Order, scarce: Product):
        deliver(ended(pending_order, "completed"))
        assert left(scarce) == 1
        deliver(ended(pending_order, "async_payment_failed"))
        assert left(scarce) == 3

    def test_stay_reserved_through_an_expiry_during_a_bank_debit(
        self, pending_order: Order, scarce: Product
    ):
        deliver(ended(pending_order, "completed"))
        deliver(ended(pending_order, "expired"))
        assert left(scarce) == 1
        deliver(ended(pending_order, "async_payment_failed"))
        assert left(scarce) == 3

    def test_come_back_when_money_under_review_is_refunded(
        self, pending_order: Order, scarce: Product
    ):
        deliver(event_about(pending_order, amount_total=1))
        assert left(scarce) == 1
        refund = {"payment_intent": f"pi_{pending_order.pk.hex}", "amount_refunded": 1}
        deliver(event_about(pending_order, "charge.refunded", **refund))
        assert left(scarce) == 3

    def test_change_in_the_order_of_the_products_whatever_the_carts(
        self, stripe: StandIn, ada: Shopper, mouse: Product, laptop: Product
    ):
        Product.objects.filter(pk=mouse.pk).update(stock=5, position=2)
        Product.objects.filter(pk=laptop.pk).update(stock=5, position=1)
        ada.puts(mouse, 1)
        ada.puts(laptop, 1)
        assert list(ada.cart) == ["Laptop", "Mouse"]
        with CaptureQueriesContext(connection) as buying:
            ada.buys()
        with CaptureQueriesContext(connection) as expiring:
            deliver(ended(ada.order, "expired"))
        for queries in (buying, expiring):
            assert products_changed_in(queries) == [mouse.pk, laptop.pk]

    def test_come_back_when_no_session_could_be_opened(
        self, stripe: StandIn, ada: Shopper, scarce: Product
    ):
        stripe.fault("POST", CREATE, status=500, times=3)
        ada.puts(scarce, 2)
        ada.buys()
        assert left(scarce) == 3
        stripe.clear_faults()
        assert leads_to_payment(ada.buys())
        assert left(scarce) == 1

    def test_that_are_gone_at_the_next_try_are_not_offered_for_payment(
        self, stripe: StandIn, ada: Shopper, scarce: Product
    ):
        stripe.fault("POST", CREATE, status=429)
        ada.puts(scarce, 2)
        ada.buys()
        Product.objects.update(stock=0)
        asked = len(stripe.requests)
        assert ada.is_refused(ada.buys())
        assert len(stripe.requests) == asked

    def test_come_back_when_the_cart_changes(
        self, pending_order: Order, ada: Shopper, scarce: Product
    ):
        ada.puts(scarce, 3)
        assert leads_to_payment(ada.buys())
        assert left(scarce) == 0
        deliver(ended(pending_order, "expired"))
        assert left(scarce) == 0

    def test_are_not_reserved_twice_by_two_clicks(
        self, pending_order: Order, ada: Shopper, scarce: Product
    ):
        ada.buys()
        assert left(scarce) == 1

    def test_are_not_counted_without_a_number(self, stripe: StandIn, ada: Shopper, mouse: Product):
        ada.puts(mouse, 900)
        ada.buys()
        deliver(event_about(ada.order))
        assert left(mouse) is None
        assert ada.order.status == "PAID"


class TestTooFew:
    def test_are_named_by_the_refusal_to_buy(
        self, pending_order: Order, bo: Shopper, scarce: Product
    ):
        bo.puts(scarce, 2)
        response = bo.is_refused(bo.buys())
        assert "Only 1 of Mouse left" in response.text
        assert bo.orders == []

    def test_or_none_at_all(self, stripe: StandIn, bo: Shopper, scarce: Product):
        Product.objects.update(stock=0)
        bo.puts(scarce, 1)
        assert "Mouse is sold out" in bo.is_refused(bo.buys()).text

    def test_release_everything_of_the_order(
        self, pending_order: Order, bo: Shopper, scarce: Product, laptop: Product
    ):
        Product.objects.filter(pk=laptop.pk).update(stock=5)
        bo.puts(scarce, 2)
        bo.puts(laptop, 1)
        bo.buys()
        assert (left(laptop), left(scarce)) == (5, 1)

    def test_are_named_in_the_cart_before(self, pending_order: Order, bo: Shopper, scarce: Product):
        bo.puts(scarce, 2)
        assert "Only 1 left" in bo.get("/").text
        assert "Only 1 left" in bo.puts(scarce, 3, htmx=True).text
        Product.objects.update(stock=0)
        assert "Sold out" in bo.get("/").text

    def test_are_not_named_to_the_shopper_with_the_reservation(
        self, pending_order: Order, ada: Shopper
    ):
        Product.objects.update(stock=0)
        assert "Sold out" not in ada.get("/").text

    def test_are_named_in_json(self, stripe: StandIn, bo: Shopper, scarce: Product):
        response = bo.buys_by_json({"items": [{"product_id": scarce.pk, "quantity": 4}]})
        assert response.status_code == 400
        assert "Only 3 of Mouse left" in response.json()["error"]


class TestLateMoney:
    def test_takes_the_goods_if_they_are_still_there(self, pending_order: Order, scarce: Product):
        deliver(ended(pending_order, "expired"))
        deliver(event_about(pending_order))
        pending_order.refresh_from_db()
        assert (pending_order.status, left(scarce)) == ("PAID", 1)
        assert not Reservation.objects.exists()

    def test_for_goods_that_are_gone_needs_a_look(
        self, pending_order: Order, ada: Shopper, scarce: Product
    ):
        deliver(ended(pending_order, "expired"))
        Product.objects.update(stock=1)
        deliver(event_about(pending_order))
        pending_order.refresh_from_db()
        assert (pending_order.status, left(scarce)) == ("REVIEW", 1)
        assert "refund or restock" in pending_order.review_reason
        assert ada.cart == {"Mouse": 2}

    def test_delivered_twice_takes_once(self, pending_order: Order, scarce: Product):
        deliver(ended(pending_order, "expired"))
        for _ in range(2):
            deliver(event_about(pending_order))
        assert left(scarce) == 1


class TestTheMerchantsCount:
    def test_is_not_overwritten_by_a_form_opened_before_a_sale(
        self, pending_order: Order, scarce: Product, admin_client
    ):
        page = f"/admin/storefront/product/{scarce.pk}/change/"
        form = {
            "name": "Mouse", "description": "", "price_cents": "29.99", "picture": "",
            "position": 0, "is_on_sale": "on", "stock": 3, "initial-stock": 3,
        }  # fmt: skip
        admin_client.post(page, form | {"name": "Fine mouse"})
        assert (left(scarce), scarce.name) == (1, "Fine mouse")
        admin_client.post(page, form | {"stock": 10})
        assert left(scarce) == 8

    def test_never_goes_below_nothing(self, pending_order: Order, scarce: Product, admin_client):
        page = f"/admin/storefront/product/{scarce.pk}/change/"
        form = {
            "name": "Mouse", "description": "", "price_cents": "29.99", "picture": "",
            "position": 0, "is_on_sale": "on", "stock": 0, "initial-stock": 3,
        }  # fmt: skip
        assert admin_client.post(page, form).status_code == 302
        assert left(scarce) == 0


def test_a_session_lasts_as_long_as_set(stripe: StandIn, ada: Shopper, mouse: Product, settings):
    settings.CHECKOUT_LIFETIME = timedelta(minutes=60)
    ada.puts(mouse, 1)
    ada.buys()
    assert ada.order.session_expires_at
    lasts = ada.order.session_expires_at - timezone.now()
    assert timedelta(minutes=59) < lasts < timedelta(minutes=66)


class TestTwoClicks:
    """The other click comes while Stripe is thinking about this one."""

    @pytest.fixture
    def meanwhile(self, stripe: StandIn, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
        def do_before_stripe_answers(action: Callable[[Order], None]) -> None:
            def open_session(order: Order, *args: Any, **kwargs: Any) -> CheckoutSession:
                session = ask_stripe(order, *args, **kwargs)
                action(order)
                return session

            ask_stripe = gateway.open_session
            monkeypatch.setattr(gateway, "open_session", open_session)

        return do_before_stripe_answers

    def test_the_one_that_fails_leaves_the_goods_to_the_one_that_has_a_session(
        self, ada: Shopper, scarce: Product, meanwhile: Meanwhile
    ):
        def other_succeeds(order: Order) -> None:
            order.keep_session("cs_1", "https://stripe.example", timezone.now())
            raise failures.StripeDown("in progress", is_answered=False)

        meanwhile(other_succeeds)
        ada.puts(scarce, 2)
        assert ada.is_refused(ada.buys())
        assert left(scarce) == 1

    def test_the_one_that_has_a_session_takes_the_goods_again(
        self, ada: Shopper, scarce: Product, meanwhile: Meanwhile
    ):
        meanwhile(Order.release_stock)
        ada.puts(scarce, 2)
        assert leads_to_payment(ada.buys())
        assert left(scarce) == 1

    def test_a_session_for_goods_that_went_meanwhile_is_closed(
        self, stripe: StandIn, ada: Shopper, scarce: Product, meanwhile: Meanwhile
    ):
        def others_buy_them(order: Order) -> None:
            order.release_stock()
            Product.objects.update(stock=1)

        meanwhile(others_buy_them)
        ada.puts(scarce, 2)
        assert "Only 1 of Mouse left" in ada.is_refused(ada.buys()).text
        assert [session["status"] for session in stripe.sessions.values()] == ["expired"]
        assert left(scarce) == 1

    def test_a_session_that_was_closed_is_not_asked_for_again(
        self, stripe: StandIn, ada: Shopper, scarce: Product, meanwhile: Meanwhile
    ):
        def others_buy_them_once(order: Order) -> None:
            if order.attempt == 1:
                order.release_stock()
                Product.objects.update(stock=1)

        meanwhile(others_buy_them_once)
        ada.puts(scarce, 2)
        ada.buys()
        Product.objects.update(stock=3)
        assert leads_to_payment(ada.buys())
        assert [s["status"] for s in stripe.sessions.values()] == ["expired", "open"]

    def test_a_payment_that_arrives_before_stripe_answers_takes_no_more(
        self, ada: Shopper, scarce: Product, meanwhile: Meanwhile
    ):
        def is_paid(order: Order) -> None:
            deliver(event_about(order, id="cs_quick"))

        meanwhile(is_paid)
        ada.puts(scarce, 1)
        ada.buys()
        assert (ada.order.status, left(scarce)) == ("PAID", 2)
