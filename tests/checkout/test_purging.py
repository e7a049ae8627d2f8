"""forget: what is no longer needed goes once it is old; the merchant's books stay."""

import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from checkout import purging
from checkout.management.commands import reconcile_orders
from checkout.models import Order, OrderItem, StripeEvent
from merchant.models import Parcel
from storefront.models import CartLine, Product, Reservation
from tests.cast import Shopper, deliver, event_about
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db

EXPIRED = "checkout.session.expired"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(purging, "PAUSE_SECONDS", 0)


def forget() -> str:
    out = StringIO()
    call_command("forget", stdout=out)
    return out.getvalue()


def reconcile() -> None:
    call_command("reconcile_orders", older_than=0, stdout=StringIO())


def days_ago(days: float) -> Any:
    return timezone.now() - timedelta(days=days)


def make_old(order: Order, days: float, **changes: Any) -> None:
    """Let the order, its session and everything heard of it be so old."""
    past, end = days_ago(days), days_ago(days) + timedelta(minutes=35)
    times = {"created_at": past, "attempt_at": past, "session_expires_at": end}
    Order.objects.filter(pk=order.pk).update(**times | changes)
    StripeEvent.objects.filter(order=order).update(received_at=end)


def expire(order: Order, days: float) -> None:
    deliver(event_about(order, EXPIRED, payment_status="unpaid"))
    make_old(order, days)


class TestEMailAddresses:
    @pytest.fixture
    def paid(self, stripe: StandIn, ada: Shopper, mouse: Product) -> Order:
        ada.puts(mouse, 1)
        ada.buys()
        deliver(event_about(ada.order))
        return ada.order

    @pytest.mark.parametrize(("days", "kept"), [(0, 4_000), (100, 99)])
    def test_stay_for_as_long_as_the_merchant_says(
        self, paid: Order, settings: Settings, days: int, kept: int
    ):
        settings.KEEP_EMAILS = timedelta(days=days)
        make_old(paid, kept)
        assert "e-mail" not in forget()
        assert Order.objects.get().email == "ada@example.com"

    def test_go_then_and_the_order_stays(
        self, paid: Order, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(purging, "BATCH", 1)
        settings.KEEP_EMAILS = timedelta(days=100)
        Order.objects.create(shopper=paid.shopper, total_cents=1, currency="usd", email="a@b.c")
        Order.objects.update(created_at=days_ago(101))
        assert "and the e-mail addresses of 2 old orders" in forget()
        orders = Order.objects.order_by("total_cents").values_list("email", "total_cents")
        assert list(orders) == [("", 1), ("", 2_999)]
        assert "e-mail" not in forget()


class TestAddresses:
    """Of where an order was sent, while its e-mail address is old enough to go."""

    CONTACT: dict[str, Any] = {
        "shipping_name": "Ada",
        "ship_to": {"line1": "Lindenstraße 12", "country": "DE"},
        "phone": "+4930901820",
    }

    def made(self, settings: Settings, days: int = 101, **fields: Any) -> Order:
        settings.KEEP_EMAILS = timedelta(days=100)
        known: dict[str, Any] = {"email": "a@b.c", "status": "PAID", "paid_at": timezone.now()}
        return Order.objects.create(
            shopper=uuid4(),
            total_cents=1,
            currency="usd",
            created_at=days_ago(days),
            **known | self.CONTACT | fields,
        )

    def left(self) -> tuple[str, str, Any, str]:
        order = Order.objects.get()
        return order.email, order.shipping_name, order.ship_to, order.phone

    @pytest.mark.parametrize(
        "fields",
        [
            {"shipped_at": timezone.now()},
            {"needs_shipping": False},
            {"status": "REFUNDED"},
            {"status": "REVIEW"},
        ],
    )
    def test_go_with_the_e_mail_address(self, db: None, settings: Settings, fields: dict[str, Any]):
        self.made(settings, **fields)
        assert "e-mail addresses of 1 old orders, and where 1 old orders were sent." in forget()
        assert self.left() == ("", "", None, "")
        assert "sent" not in forget()

    @pytest.mark.parametrize("status", ["PAID", "PROCESSING"])
    def test_stay_while_it_has_to_be_sent_there(self, db: None, settings: Settings, status: str):
        self.made(settings, status=status, paid_at=timezone.now() if status == "PAID" else None)
        assert "sent" not in forget()
        assert self.left() == ("", *self.CONTACT.values())
        Order.objects.update(status="PAID", paid_at=timezone.now(), shipped_at=timezone.now())
        assert "and where 1 old orders were sent." in forget()
        assert self.left() == ("", "", None, "")

    def test_stay_until_they_are_old(self, db: None, settings: Settings):
        self.made(settings, days=99, shipped_at=timezone.now())
        assert "old orders" not in forget()
        assert self.left() == ("a@b.c", *self.CONTACT.values())

    def test_a_number_without_one_goes_in_any_case(self, db: None, settings: Settings):
        self.made(settings, shipping_name="", ship_to=None)
        forget()
        assert self.left() == ("", "", None, "")


class TestParcels:
    """Their numbers lead to a name and an address, so they go as those do."""

    @pytest.mark.parametrize("left", [{"email": "a@b.c"}, {"ship_to": {"city": "Graz"}}])
    @pytest.mark.parametrize(("days", "number"), [(99, "0034"), (101, "")])
    def test_keep_their_numbers_as_long_as_the_person_is_known(
        self, settings: Settings, left: dict[str, Any], days: int, number: str
    ):
        settings.KEEP_EMAILS = timedelta(days=100)
        known = {"total_cents": 1, "currency": "usd", "shipped_at": days_ago(days)} | left
        order = Order.objects.create(shopper=uuid4(), created_at=days_ago(days), **known)
        parcel = Parcel.objects.create(order=order, number=number or "0034")
        forget()
        parcel.refresh_from_db()
        assert parcel.number == number


class TestCarts:
    def test_that_no_shopper_touched_go(self, ada: Shopper, bo: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        CartLine.objects.update(changed_at=days_ago(91))
        bo.puts(mouse, 2)
        assert "Forgot 1 lines of old carts" in forget()
        assert (ada.cart, bo.cart) == ({}, {"Mouse": 2})

    def test_stay_until_then(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        CartLine.objects.update(changed_at=days_ago(89))
        forget()
        assert ada.cart == {"Mouse": 1}

    def test_that_are_changed_are_young_again(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        CartLine.objects.update(changed_at=days_ago(91))
        ada.puts(mouse, 2)
        forget()
        assert ada.cart == {"Mouse": 2}

    def test_have_a_date_when_a_server_of_the_last_release_adds_a_line(self, mouse: Product):
        key = uuid4().hex
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO storefront_cartline (shopper, product_id, quantity) "
                "VALUES (%s, %s, 1)",
                [key, mouse.pk],
            )
        line = CartLine.objects.get(shopper=key)
        assert abs(line.changed_at - timezone.now()) < timedelta(minutes=1)


class TestOrders:
    @pytest.mark.parametrize(("days", "is_there"), [(2.1, False), (1.9, True)])
    def test_that_expired_go_with_their_items(
        self, pending_order: Order, days: float, is_there: bool
    ):
        expire(pending_order, days)
        assert f"{int(not is_there)} orders that were never paid" in forget()
        for rows in (Order.objects, OrderItem.objects, StripeEvent.objects.exclude(order=None)):
            assert rows.exists() == is_there

    def test_that_expired_and_went_are_missed_by_no_late_event(
        self, pending_order: Order, caplog: pytest.LogCaptureFixture
    ):
        event = event_about(pending_order, EXPIRED, payment_status="unpaid")
        expire(pending_order, 3)
        forget()
        assert deliver(event).status_code == 200
        assert StripeEvent.objects.latest("received_at").outcome == "ignored"
        assert "is not here" not in caplog.text

    @pytest.mark.parametrize(("days", "is_there"), [(91, False), (89, True)])
    def test_that_failed_at_the_bank_stay_longer(
        self, pending_order: Order, days: float, is_there: bool
    ):
        deliver(event_about(pending_order, payment_status="unpaid"))
        deliver(event_about(pending_order, "checkout.session.async_payment_failed"))
        make_old(pending_order, days)
        forget()
        assert Order.objects.exists() == is_there

    @pytest.mark.parametrize(("days", "is_there"), [(2.1, False), (1.9, True)])
    def test_that_never_had_a_session_go(self, pending_order: Order, days: float, is_there: bool):
        make_old(pending_order, days, session_id=None, session_expires_at=None)
        forget()
        assert Order.objects.exists() == is_there

    @pytest.mark.parametrize("days", [91, 2.1])
    def test_that_stripe_was_not_asked_about_stay_and_their_sender_is_forgotten(
        self, stripe: StandIn, pending_order: Order, days: float
    ):
        forget()
        assert Order.objects.get().sender
        make_old(pending_order, days)
        forget()
        assert Order.objects.get().sender == ""

    @pytest.mark.parametrize(("days", "is_there"), [(91, False), (89, True)])
    def test_that_stripe_does_not_know_go_once_it_was_asked(
        self, stripe: StandIn, pending_order: Order, days: int, is_there: bool
    ):
        make_old(pending_order, days, session_id="cs_of_another_account")
        reconcile()
        forget()
        assert Order.objects.exists() == is_there

    def test_whose_payment_event_was_lost_are_paid_and_stay(
        self, stripe: StandIn, pending_order: Order
    ):
        stripe.pay(pending_order.session_id or "")
        make_old(pending_order, 91)
        reconcile()
        forget()
        assert Order.objects.get().status == "PAID"

    def test_of_which_something_was_heard_lately_stay(self, pending_order: Order):
        expire(pending_order, 91)
        StripeEvent.objects.update(received_at=days_ago(1.9))
        forget()
        assert Order.objects.exists()

    def test_that_hold_stock_stay_until_it_is_given_back(
        self, pending_order: Order, mouse: Product
    ):
        expire(pending_order, 91)
        reservation = Reservation.objects.create(
            order=pending_order.pk, shopper=pending_order.shopper, product=mouse, quantity=1
        )
        forget()
        assert Order.objects.exists()
        reservation.delete()
        forget()
        assert not Order.objects.exists()

    @pytest.mark.parametrize("status", ["PAID", "REFUNDED", "REVIEW", "PROCESSING"])
    def test_that_money_has_touched_or_may_touch_stay(self, pending_order: Order, status: str):
        paid_at = days_ago(3_000) if status in ("PAID", "REFUNDED") else None
        make_old(pending_order, 3_000, status=status, paid_at=paid_at)
        assert "0 orders" in forget()
        assert Order.objects.get().status == status

    def test_just_under_the_age_are_paid_by_late_money(self, pending_order: Order, ada: Shopper):
        expire(pending_order, 1.99)
        forget()
        assert deliver(event_about(pending_order)).status_code == 200
        assert ada.order.status == "PAID"
        make_old(pending_order, 500)
        forget()
        assert ada.order.status == "PAID"

    def test_go_in_batches(self, pending_order: Order, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(purging, "BATCH", 2)
        expire(pending_order, 91)
        for _ in range(4):
            Order.objects.create(
                shopper=uuid4(),
                status="EXPIRED",
                total_cents=1,
                currency="usd",
                created_at=days_ago(91),
                attempt_at=days_ago(91),
            )
        assert "5 orders that were never paid" in forget()


class TestEvents:
    def make(self, **fields: Any) -> StripeEvent:
        fields = {"outcome": "ignored", "received_at": days_ago(91)} | fields
        return StripeEvent.objects.create(event_id=f"evt_{uuid4()}", type="x", **fields)

    # No payment comes so late: what waits for one is another application's on the account.
    WAITS_FOR_ITS_PAYMENT: dict[str, Any] = {
        "deferred": {"type": "charge.refunded"},
        "payment_intent": "pi_1",
    }

    @pytest.mark.parametrize("fields", [{}, WAITS_FOR_ITS_PAYMENT], ids=["plain", "deferred"])
    @pytest.mark.parametrize(("days", "left"), [(91, 0), (89, 1)])
    def test_of_no_order_go(self, days: int, left: int, fields: dict[str, Any]):
        self.make(received_at=days_ago(days), **fields)
        forget()
        assert StripeEvent.objects.count() == left

    @pytest.mark.parametrize(
        "kept",
        [
            {"outcome": "unmatched"},
            {"outcome": "review"},
            {"follow_up": "order paid"},
        ],
    )
    def test_that_are_still_needed_stay(self, kept: dict[str, Any]):
        self.make(**kept)
        assert "0 events" in forget()
        assert StripeEvent.objects.exists()

    def test_of_an_order_that_stays_are_its_history(self, pending_order: Order):
        deliver(event_about(pending_order))
        StripeEvent.objects.update(received_at=days_ago(3_000), follow_up_done_at=days_ago(3_000))
        forget()
        assert StripeEvent.objects.filter(order=pending_order).exists()


def test_sessions_that_have_ended_go(db: None):
    Session.objects.create(session_key="old", session_data="", expire_date=days_ago(1))
    Session.objects.create(session_key="new", session_data="", expire_date=days_ago(-1))
    forget()
    assert [session.session_key for session in Session.objects.all()] == ["new"]


class TestTheWorker:
    @pytest.fixture
    def rounds(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> Callable[[int], str]:
        def work(count: int) -> str:
            """Let the worker go round so often, and return what it said."""
            left = [None] * (count - 1)
            monkeypatch.setattr(time, "sleep", lambda _: left.pop())
            monkeypatch.setattr(reconcile_orders, "close_old_connections", lambda: None)
            with caplog.at_level("INFO"), pytest.raises(IndexError):
                call_command("reconcile_orders", every=60)
            return caplog.text

        return work

    def test_forgets_once_a_day(self, rounds: Callable[[int], str], db: None):
        assert rounds(5).count("Forgot") == 1

    def test_goes_on_soon_when_it_did_not_come_to_the_end(
        self, rounds: Callable[[int], str], monkeypatch: pytest.MonkeyPatch, db: None
    ):
        monkeypatch.setattr(reconcile_orders, "PURGE_SECONDS", 0)
        said = rounds(3)
        assert said.count("the next run goes on") == 3
