"""A bank takes days to pay: its goods are out of the cart, and back in it if it fails."""

import pytest

from checkout.models import Order
from checkout.receipts import address_of
from storefront.models import CartLine, Product
from tests.cast import Shopper, deliver, event_about, leads_to_payment
from tools.stripe_stand_in import StandIn

BACK = "We put these back into your cart."


def begins(order: Order) -> None:
    deliver(event_about(order, payment_status="unpaid"))


def succeeds(order: Order) -> None:
    deliver(event_about(order, "checkout.session.async_payment_succeeded"))


def fails(order: Order) -> None:
    deliver(event_about(order, "checkout.session.async_payment_failed", payment_status="unpaid"))


def expires(order: Order) -> None:
    deliver(event_about(order, "checkout.session.expired", payment_status="unpaid"))


class TestWhatTheBankPaysFor:
    def test_is_not_billed_with_what_is_bought_next(
        self, stripe: StandIn, pending_order: Order, ada: Shopper, laptop: Product
    ):
        begins(pending_order)
        ada.puts(laptop, 1)
        assert leads_to_payment(ada.buys(total_cents=99_999))
        assert [session["amount_total"] for session in stripe.sessions.values()] == [2_999, 99_999]

    def test_may_be_bought_once_more(
        self, stripe: StandIn, pending_order: Order, ada: Shopper, mouse: Product
    ):
        begins(pending_order)
        ada.puts(mouse, 1)
        assert leads_to_payment(ada.buys())
        assert [order.total_cents for order in ada.orders] == [2_999, 2_999]

    def test_is_not_bought_twice_by_a_page_from_before(
        self, stripe: StandIn, pending_order: Order, ada: Shopper
    ):
        begins(pending_order)
        assert "Your cart is empty" in ada.is_refused(ada.buys(total_cents=2_999)).text

    def test_is_not_bought_twice_by_a_cart_that_it_never_left(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        request = {"items": [{"product_id": mouse.pk, "quantity": 1}]}
        ada.buys_by_json(request)
        begins(ada.order)
        assert "Your bank is still paying order" in ada.buys_by_json(request).json()["error"]
        ada.puts(mouse, 1)
        assert "Your bank is still paying order" in ada.is_refused(ada.buys()).text
        assert len(stripe.sessions) == 1

    def test_leaves_the_cart_even_if_the_session_had_expired_before(
        self, pending_order: Order, ada: Shopper
    ):
        expires(pending_order)
        assert ada.cart == {"Mouse": 1}
        begins(pending_order)
        assert ada.cart == {}

    def test_is_all_that_leaves_the_cart(
        self, stripe: StandIn, ada: Shopper, bo: Shopper, mouse: Product, laptop: Product
    ):
        bo.puts(mouse, 9)
        ada.puts(mouse, 2)
        ada.buys()
        ada.puts(mouse, 5)
        ada.puts(laptop, 1)
        begins(ada.order)
        begins(ada.order)
        assert (ada.cart, bo.cart) == ({"Mouse": 3, "Laptop": 1}, {"Mouse": 9})

    def test_is_not_taken_a_second_time_when_it_is_paid(
        self, pending_order: Order, ada: Shopper, mouse: Product, laptop: Product
    ):
        begins(pending_order)
        ada.puts(mouse, 1)
        ada.puts(laptop, 1)
        succeeds(pending_order)
        succeeds(pending_order)
        assert ada.cart == {"Mouse": 1, "Laptop": 1}

    @pytest.mark.parametrize("late", [begins, fails, expires])
    def test_stays_out_whatever_comes_after_the_payment(
        self, pending_order: Order, ada: Shopper, late
    ):
        begins(pending_order)
        succeeds(pending_order)
        late(pending_order)
        assert ada.cart == {}


class TestWhatTheBankDidNotPay:
    def test_comes_back_and_says_so(self, pending_order: Order, ada: Shopper):
        begins(pending_order)
        fails(pending_order)
        fails(pending_order)
        assert ada.cart == {"Mouse": 1}
        for page in ("/", f"/orders/{pending_order.pk}/"):
            assert BACK in ada.get(page).text

    def test_says_nothing_of_it_to_whom_it_is_shared_with(
        self, pending_order: Order, ada: Shopper, bo: Shopper
    ):
        begins(pending_order)
        fails(pending_order)
        Order.objects.update(link_nonce="0" * 32)
        pending_order.refresh_from_db()
        assert BACK not in bo.get(address_of(pending_order)).text

    def test_comes_back_beside_what_was_added_since(
        self, stripe: StandIn, ada: Shopper, bo: Shopper, mouse: Product, laptop: Product
    ):
        ada.puts(mouse, 2)
        ada.buys()
        begins(ada.order)
        ada.puts(mouse, 3)
        ada.puts(laptop, 1)
        bo.puts(mouse, 1)
        fails(ada.order)
        assert (ada.cart, bo.cart) == ({"Mouse": 5, "Laptop": 1}, {"Mouse": 1})

    def test_comes_back_as_far_as_it_was_there(
        self, stripe: StandIn, ada: Shopper, mouse: Product, laptop: Product
    ):
        ada.puts(mouse, 3)
        ada.puts(laptop, 1)
        ada.buys()
        ada.puts(mouse, 2)
        ada.puts(laptop, 0)
        begins(ada.order)
        assert ada.cart == {}
        fails(ada.order)
        assert ada.cart == {"Mouse": 2}

    def test_comes_back_up_to_what_a_cart_holds(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 5)
        ada.buys()
        begins(ada.order)
        ada.puts(mouse, 998)
        fails(ada.order)
        assert ada.cart == {"Mouse": 999}

    def test_comes_back_at_the_price_that_it_was_ordered_at(
        self, pending_order: Order, ada: Shopper
    ):
        begins(pending_order)
        Product.objects.update(price_cents=3_500)
        fails(pending_order)
        assert CartLine.objects.get().price_cents_then == 2_999
        assert "New price; it was $29.99" in ada.get("/").text

    def test_comes_back_without_a_product_that_is_gone(
        self, stripe: StandIn, ada: Shopper, mouse: Product, laptop: Product
    ):
        ada.puts(mouse, 1)
        ada.puts(laptop, 1)
        ada.buys()
        begins(ada.order)
        laptop.delete()
        fails(ada.order)
        assert ada.cart == {"Mouse": 1}

    def test_was_never_out_if_the_bank_is_not_known_to_have_begun(
        self, pending_order: Order, ada: Shopper
    ):
        fails(pending_order)
        begins(pending_order)
        assert ada.cart == {"Mouse": 1}
        assert BACK not in ada.get("/").text

    def test_leaves_again_when_it_is_paid_all_the_same(
        self, pending_order: Order, ada: Shopper, laptop: Product
    ):
        begins(pending_order)
        fails(pending_order)
        ada.puts(laptop, 1)
        succeeds(pending_order)
        assert ada.cart == {"Laptop": 1}
        assert BACK not in ada.get("/").text
