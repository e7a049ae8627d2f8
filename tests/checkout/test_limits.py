"""One address can't empty the shelf for free, and hundreds of honest shoppers share one."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from math import inf
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings as shop_settings
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from checkout import limits
from checkout.models import Order
from storefront.models import Product, Reservation
from tests.cast import Shopper, deliver, event_about, leads_to_payment
from tools.stripe_stand_in import StandIn

HERE, ELSEWHERE = "198.51.100.7", "203.0.113.9"


def reconcile() -> str:
    out = StringIO()
    call_command("reconcile_orders", older_than=0, stdout=out)
    return out.getvalue()


def wanting(quantity: int, product: Product) -> dict[str, Any]:
    return {"items": [{"product_id": product.pk, "quantity": quantity}]}


def a_stranger_buys(quantity: int, product: Product, address: str = HERE) -> Any:
    """Without a cookie, so that each time it is somebody else."""
    return Shopper(address).buys_by_json(wanting(quantity, product))


@pytest.fixture
def mugs(stripe: StandIn, mouse: Product) -> Product:
    Product.objects.filter(pk=mouse.pk).update(name="Mug", stock=40)
    mouse.refresh_from_db()
    return mouse


def left(product: Product) -> int | None:
    product.refresh_from_db()
    return product.stock


class TestHalfOfAProduct:
    def test_is_all_that_one_order_can_have(self, mugs: Product):
        answer = a_stranger_buys(40, mugs)
        assert answer.status_code == 400
        assert "you can have 20 of Mug now" in answer.json()["error"]
        assert (left(mugs), Order.objects.count()) == (40, 0)
        assert a_stranger_buys(20, mugs).status_code == 200

    def test_is_all_that_the_orders_of_an_address_can_have(self, mugs: Product):
        assert [a_stranger_buys(7, mugs).status_code for _ in range(3)] == [200, 200, 400]
        assert "you can have 6 of Mug now" in a_stranger_buys(7, mugs).json()["error"]
        assert a_stranger_buys(6, mugs).status_code == 200
        assert "Others in your network" in a_stranger_buys(1, mugs).json()["error"]
        assert a_stranger_buys(20, mugs, ELSEWHERE).status_code == 200
        assert left(mugs) == 0

    def test_is_said_above_buy(self, mugs: Product):
        ada = Shopper(HERE)
        ada.puts(mugs, 21)
        assert "you can have 20 of Mug now" in ada.is_refused(ada.buys()).text
        ada.puts(mugs, 20)
        assert leads_to_payment(ada.buys())

    def test_is_not_used_up_by_what_is_paid(self, mugs: Product):
        a_stranger_buys(20, mugs)
        deliver(event_about(Order.objects.get()))
        assert a_stranger_buys(10, mugs).status_code == 200

    def test_is_not_used_up_by_what_is_unpaid_and_over(self, mugs: Product):
        a_stranger_buys(20, mugs)
        deliver(event_about(Order.objects.get(), "checkout.session.expired"))
        assert a_stranger_buys(20, mugs).status_code == 200

    def test_is_not_used_up_by_ones_own_earlier_try(self, stripe: StandIn, mugs: Product):
        ada = Shopper(HERE)
        for quantity in (20, 19, 20):
            ada.puts(mugs, quantity)
            assert leads_to_payment(ada.buys())
            assert leads_to_payment(ada.buys())
        assert left(mugs) == 20

    def test_counts_when_goods_are_reserved_again(self, stripe: StandIn, mugs: Product):
        ada = Shopper(HERE)
        ada.puts(mugs, 20)
        stripe.fault("POST", "/v1/checkout/sessions", status=500, times=3)
        ada.is_refused(ada.buys())
        stripe.clear_faults()
        assert a_stranger_buys(1, mugs).status_code == 200
        assert "you can have 19 of Mug" in ada.is_refused(ada.buys()).text
        assert left(mugs) == 39

    def test_is_more_for_the_last_few(self, mugs: Product):
        Product.objects.update(stock=3)
        assert a_stranger_buys(3, mugs).status_code == 200

    def test_is_of_each_product_of_the_cart(self, mugs: Product, laptop: Product):
        Product.objects.filter(pk=laptop.pk).update(stock=10)
        items = wanting(1, mugs)["items"] + wanting(6, laptop)["items"]
        answer = Shopper(HERE).buys_by_json({"items": items})
        assert "you can have 5 of Laptop now" in answer.json()["error"]
        assert (left(mugs), left(laptop)) == (40, 10)

    def test_is_nothing_to_what_is_not_counted(self, mugs: Product):
        Product.objects.update(stock=None)
        assert a_stranger_buys(900, mugs).status_code == 200


class TestOpenOrders:
    def test_of_an_address_are_limited_and_of_another_are_not(
        self, stripe: StandIn, mouse: Product, settings: Settings
    ):
        settings.OPEN_ORDERS_PER_ADDRESS = 2
        answers = [a_stranger_buys(1, mouse) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 400]
        assert "Too many orders from your network" in answers[-1].json()["error"]
        assert len(stripe.sessions) == Order.objects.count() == 2
        assert a_stranger_buys(1, mouse, ELSEWHERE).status_code == 200

    def test_of_ones_own_are_no_hindrance(
        self, stripe: StandIn, mouse: Product, settings: Settings
    ):
        settings.OPEN_ORDERS_PER_ADDRESS = 1
        ada = Shopper(HERE)
        for quantity in (1, 2, 1):
            ada.puts(mouse, quantity)
            assert leads_to_payment(ada.buys())
            assert leads_to_payment(ada.buys())
        assert a_stranger_buys(1, mouse).status_code == 400

    def test_that_replace_each_other_are_limited_within_an_hour(
        self, stripe: StandIn, mouse: Product, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ):
        settings.OPEN_ORDERS_PER_ADDRESS = 2
        monkeypatch.setattr(limits, "LEAST_TURNS", 0)
        ada, answers = Shopper(HERE), []
        for turn in range(9):
            ada.puts(mouse, 1 + turn % 2)
            answers.append(leads_to_payment(ada.buys()))
        assert answers == [True] * 8 + [False]
        assert Order.objects.count() == 8

    @pytest.mark.parametrize("kind", ["completed", "expired"])
    def test_that_are_paid_or_over_count_no_more(
        self, stripe: StandIn, mouse: Product, settings: Settings, kind: str
    ):
        settings.OPEN_ORDERS_PER_ADDRESS = 1
        a_stranger_buys(1, mouse)
        deliver(event_about(Order.objects.get(), f"checkout.session.{kind}"))
        assert a_stranger_buys(1, mouse).status_code == 200

    def test_whose_last_event_is_lost_count_until_their_session_ends(
        self, stripe: StandIn, mouse: Product, settings: Settings
    ):
        settings.OPEN_ORDERS_PER_ADDRESS = 1
        a_stranger_buys(1, mouse)
        Order.objects.update(session_expires_at=timezone.now() - timedelta(seconds=1))
        assert a_stranger_buys(1, mouse).status_code == 200

    def test_are_not_limited_by_a_limit_of_nothing(
        self, stripe: StandIn, mugs: Product, settings: Settings
    ):
        settings.OPEN_ORDERS_PER_ADDRESS = 0
        assert [a_stranger_buys(20, mugs).status_code for _ in range(2)] == [200, 200]
        assert not Order.objects.exclude(sender="").exists()

    def test_leave_room_for_five_hundred_shoppers_behind_one_address(
        self, stripe: StandIn, mouse: Product
    ):
        assert shop_settings.OPEN_ORDERS_PER_ADDRESS >= 500
        a_stranger_buys(1, mouse)
        key, later = Order.objects.get().sender, timezone.now() + timedelta(minutes=20)
        Order.objects.bulk_create(
            Order(
                shopper=UUID(int=number),
                total_cents=1,
                currency="usd",
                sender=key,
                session_id=f"cs_{number}",
                session_expires_at=later,
            )
            for number in range(498)
        )
        answers = [a_stranger_buys(1, mouse).status_code for _ in range(2)]
        assert answers == [200, 400]


class TestTheAddress:
    def test_is_kept_as_a_digest_that_needs_the_secret_key(
        self, stripe: StandIn, mouse: Product, settings: Settings
    ):
        a_stranger_buys(1, mouse)
        settings.SECRET_KEY = "another"
        a_stranger_buys(1, mouse)
        one, other = Order.objects.values_list("sender", flat=True)
        assert one
        assert one != other
        assert HERE not in one + other

    @pytest.mark.parametrize("kind", ["completed", "expired", "async_payment_failed"])
    def test_is_forgotten_when_the_payment_moves(self, pending_order: Order, kind: str):
        assert pending_order.sender
        deliver(event_about(pending_order, f"checkout.session.{kind}"))
        pending_order.refresh_from_db()
        assert (pending_order.status != "PENDING", pending_order.sender) == (True, "")

    @pytest.mark.parametrize(
        ("one", "same", "other"),
        [
            ("2001:db8:1:200::1", "2001:db8:1:200::2", "2001:db8:1:300::1"),
            ("2001:db8:1:200::1", "2001:db8:1:2ff:a::1", "2001:db8:1:100::1"),
            ("::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"),
        ],
    )
    def test_is_a_network_as_a_customer_has_it(
        self,
        stripe: StandIn,
        mouse: Product,
        settings: Settings,
        one: str,
        same: str,
        other: str,
    ):
        settings.OPEN_ORDERS_PER_ADDRESS = 1
        answers = [a_stranger_buys(1, mouse, address) for address in (one, same, other)]
        assert [answer.status_code for answer in answers] == [200, 400, 200]


class TestPieces:
    def test_of_one_order_are_limited(
        self, stripe: StandIn, mouse: Product, laptop: Product, settings: Settings
    ):
        settings.PIECES_PER_ORDER = 10
        items = wanting(6, mouse)["items"] + wanting(5, laptop)["items"]
        answer = Shopper().buys_by_json({"items": items})
        assert answer.status_code == 400
        assert "10 pieces at most" in answer.json()["error"]
        assert a_stranger_buys(10, mouse).status_code == 200
        settings.PIECES_PER_ORDER = 0
        assert a_stranger_buys(11, mouse).status_code == 200


class TestScarceGoods:
    """With several unpaid sessions at one address, the last pieces come back after ten minutes."""

    @pytest.fixture
    def make_old(self, mugs: Product) -> Callable[[int], None]:
        Product.objects.update(stock=4)

        def make_all_orders_old(minutes: int) -> None:
            Order.objects.update(attempt_at=timezone.now() - timedelta(minutes=minutes))

        return make_all_orders_old

    def test_come_back(self, stripe: StandIn, mugs: Product, make_old: Callable[[int], None]):
        for _ in range(2):
            a_stranger_buys(1, mugs)
        make_old(9)
        reconcile()
        assert left(mugs) == 2
        make_old(11)
        assert "stock of 2 orders given back" in reconcile()
        assert left(mugs) == 4
        assert {session["status"] for session in stripe.sessions.values()} == {"expired"}
        stripe.wait_until_quiet()
        reconcile()
        assert {order.status for order in Order.objects.all()} == {"EXPIRED"}
        assert left(mugs) == 4

    def test_stay_with_a_payment_that_was_made(
        self, stripe: StandIn, mugs: Product, make_old: Callable[[int], None]
    ):
        for _ in range(2):
            a_stranger_buys(1, mugs)
        paid = Order.objects.all()[0]
        stripe.pay(paid.session_id or "")
        make_old(11)
        assert limits.return_hoarded(timezone.now(), inf) == 1
        assert Reservation.objects.get().order == paid.pk
        assert [order.pk for order in Order.objects.open()] == [paid.pk]

    def test_stay_with_a_single_session_with_another_address_and_while_there_are_more(
        self, stripe: StandIn, mugs: Product, make_old: Callable[[int], None]
    ):
        a_stranger_buys(1, mugs)
        a_stranger_buys(1, mugs, ELSEWHERE)
        make_old(11)
        reconcile()
        assert left(mugs) == 2
        a_stranger_buys(1, mugs)
        Product.objects.update(stock=6)
        make_old(11)
        reconcile()
        assert left(mugs) == 6

    def test_stay_reserved_while_stripe_is_down(
        self, stripe: StandIn, mugs: Product, make_old: Callable[[int], None]
    ):
        for _ in range(2):
            a_stranger_buys(1, mugs)
        make_old(11)
        for session in stripe.sessions:
            path = f"/v1/checkout/sessions/{session}/expire"
            stripe.fault("POST", path, status=500, times=3)
        assert "Stripe did not answer" in reconcile()
        assert left(mugs) == 2
