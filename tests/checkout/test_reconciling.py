"""reconcile_orders: lost messages and crashes leave nothing behind."""

import time
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import Mock

import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.utils import timezone

from checkout import events, gateway, reconciling
from checkout.gateway import reads
from checkout.management.commands import reconcile_orders
from checkout.models import Order, StripeEvent
from storefront.models import Product, Reservation
from tests.cast import Shopper, deliver, product
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db


def reconcile(minutes: int = 0) -> str:
    out = StringIO()
    call_command("reconcile_orders", older_than=minutes, stdout=out)
    return out.getvalue()


def bought(shopper: Shopper, product: Product) -> Order:
    shopper.puts(product, 1)
    shopper.buys()
    return shopper.order


def status(order: Order) -> str:
    order.refresh_from_db()
    return order.status


SESSIONS = "/v1/checkout/sessions"


class TestEventsThatStripeCouldNotDeliver:
    @pytest.fixture(autouse=True)
    def nobody_listens(self, stripe: StandIn):
        stripe.webhook_url = "http://127.0.0.1:9/"
        yield
        stripe.webhook_url = None

    def test_are_replayed(self, stripe: StandIn, pending_order: Order):
        stripe.pay(pending_order.session_id or "")
        stripe.advance(24 * 3600)
        stripe.wait_until_quiet()
        assert "1 undelivered events" in reconcile(minutes=60)
        assert status(pending_order) == "PAID"
        event = StripeEvent.objects.get(order=pending_order)
        assert event.event_id == stripe.events_of("checkout.session.completed")[0]["id"]

    def test_are_replayed_in_the_order_in_which_they_happened(
        self, stripe: StandIn, pending_order: Order
    ):
        stripe.pay(pending_order.session_id or "")
        stripe.refund(pending_order.session_id or "")
        reconcile()
        assert status(pending_order) == "REFUNDED"
        assert StripeEvent.objects.earliest("id").type == "checkout.session.completed"

    def test_are_replayed_a_batch_in_each_run_the_oldest_first(
        self, stripe: StandIn, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(reconciling, "BATCH", 3)
        monkeypatch.setattr(reads, "PAGE_SIZE", 2)
        orders = [bought(Shopper(), mouse) for _ in range(5)]
        for order in orders:
            stripe.pay(order.session_id or "")
        stripe.wait_until_quiet()
        for paid in ("PAID PAID PAID PENDING PENDING", "PAID PAID PAID PAID PAID"):
            reconcile(minutes=60)
            assert " ".join(status(order) for order in orders) == paid
        assert "0 undelivered events" in reconcile(minutes=60)

    def test_are_replayed_although_one_of_them_fails(
        self,
        stripe: StandIn,
        pending_order: Order,
        bo: Shopper,
        mouse: Product,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ):
        paid = [pending_order, bought(bo, mouse)]
        for each in paid:
            stripe.pay(each.session_id or "")
        stripe.wait_until_quiet()
        receive, bad = events.receive, paid[0].session_id

        def fails_for_one(event: Any) -> Any:
            if event["data"]["object"]["id"] == bad:
                raise ValueError("nobody thought of this")
            return receive(event)

        with monkeypatch.context() as patch:
            patch.setattr(events, "receive", fails_for_one)
            assert "1 applied, 2 failed" in reconcile()
        assert [status(each) for each in paid] == ["PENDING", "PAID"]
        assert paid[0].asked_at is None  # so that it is not purged
        assert "Could not apply event evt_" in caplog.text
        assert "1 applied" in reconcile()
        assert status(paid[0]) == "PAID"

    def test_and_come_later_all_the_same_change_nothing(
        self, stripe: StandIn, pending_order: Order
    ):
        stripe.pay(pending_order.session_id or "")
        reconcile()
        for event in stripe.events_of("checkout.session.completed"):
            assert deliver(event).status_code == 200
        assert StripeEvent.objects.filter(outcome="applied").count() == 1


class TestOrdersWhoseEveryEventWasLost:
    def test_are_paid(self, stripe: StandIn, pending_order: Order, ada: Shopper):
        stripe.pay(pending_order.session_id or "")
        assert "1 applied" in reconcile()
        assert status(pending_order) == "PAID"
        assert ada.cart == {}

    def test_expire(self, stripe: StandIn, pending_order: Order):
        stripe.advance(40 * 60)
        reconcile()
        assert status(pending_order) == "EXPIRED"

    def test_wait_for_the_bank_and_then_are_paid(self, stripe: StandIn, pending_order: Order):
        stripe.pay_later(pending_order.session_id or "")
        reconcile()
        assert status(pending_order) == "PROCESSING"
        stripe.settle(pending_order.session_id or "")
        reconcile()
        assert status(pending_order) == "PAID"

    def test_fail_with_the_bank(self, stripe: StandIn, pending_order: Order):
        stripe.pay_later(pending_order.session_id or "")
        stripe.fail(pending_order.session_id or "")
        reconcile()
        assert status(pending_order) == "FAILED"

    def test_stay_as_they_are_while_the_session_is_open(
        self, stripe: StandIn, pending_order: Order
    ):
        assert "nothing to change" in reconcile()
        assert status(pending_order) == "PENDING"

    def test_are_not_asked_about_before_the_webhook_had_its_time(
        self, stripe: StandIn, pending_order: Order
    ):
        stripe.pay(pending_order.session_id or "")
        reconcile(minutes=5)
        assert status(pending_order) == "PENDING"

    def test_are_mended_once_however_often_it_runs(self, stripe: StandIn, pending_order: Order):
        stripe.pay(pending_order.session_id or "")
        reconcile()
        assert "0 waiting orders looked at; nothing to change" in reconcile()
        assert StripeEvent.objects.count() == 1

    def test_of_a_session_that_stripe_does_not_know_wait_on(self, pending_order: Order):
        Order.objects.update(session_id="cs_test_unknown")
        report = reconcile()
        assert "1 waiting orders looked at; nothing to change" in report
        assert "Stripe" not in report

    def test_that_wait_for_the_bank_are_announced_once(self, stripe: StandIn, pending_order: Order):
        stripe.pay_later(pending_order.session_id or "")
        for _ in range(3):
            reconcile()
        assert StripeEvent.objects.count() == 1


class TestMoreOrdersThanOneRunAsksAbout:
    @pytest.fixture(autouse=True)
    def one_question_a_run(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(reconciling, "MAX_QUERIES_PER_RUN", 1)

    def test_have_their_turn_one_after_the_other(
        self, stripe: StandIn, pending_order: Order, bo: Shopper, mouse: Product
    ):
        bo.puts(mouse, 2)
        bo.buys()
        for shopper in (pending_order, bo.order):
            stripe.pay(shopper.session_id or "")
        reconcile()
        assert {status(pending_order), status(bo.order)} == {"PENDING", "PAID"}
        reconcile()
        assert {status(pending_order), status(bo.order)} == {"PAID"}

    def test_are_asked_about_again_when_all_have_had_their_turn(
        self, stripe: StandIn, pending_order: Order, bo: Shopper, mouse: Product
    ):
        bo.puts(mouse, 2)
        bo.buys()
        for _ in range(4):
            reconcile()
        asked = [request.path.rpartition("/")[2] for request in stripe.requests[-8:]]
        sessions = [name for name in asked if name.startswith("cs_")]
        assert len(sessions) == 4
        assert sessions[:2] == sessions[2:]
        assert set(sessions) == {pending_order.session_id, bo.order.session_id}


class TestStripeDown:
    def test_is_named_in_the_report_and_harms_nothing(self, stripe: StandIn, pending_order: Order):
        stripe.fault("*", "/v1", status=500, times=10)
        assert "Stripe did not answer" in reconcile()
        assert status(pending_order) == "PENDING"


class TestASlowStripe:
    def test_takes_a_part_of_the_round_and_the_goods_come_back_before(
        self,
        stripe: StandIn,
        pending_order: Order,
        bo: Shopper,
        mouse: Product,
        monkeypatch: pytest.MonkeyPatch,
    ):
        bought(bo, mouse)
        held = bought(Shopper(), product("Scarce", stock=1))
        Order.objects.filter(pk=held.pk).update(session_id=None)
        clock, asked = [0.0], []

        def ask(session_id: str) -> None:
            assert not Reservation.objects.exists()
            asked.append(session_id)
            clock[0] += 30

        monkeypatch.setattr(reconciling, "time", Mock(monotonic=lambda: clock[0]))
        monkeypatch.setattr(gateway, "session_now", ask)
        for _ in range(3):
            bought(Shopper(), mouse)
        assert "2 waiting orders looked at" in reconcile()
        reconcile()
        assert len(set(asked)) == len(asked) == 4

    def test_does_not_read_undelivered_events_for_ever(
        self, stripe: StandIn, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ):
        stripe.webhook_url = "http://127.0.0.1:9/"
        monkeypatch.setattr(reads, "PAGE_SIZE", 1)
        monkeypatch.setattr(reconciling, "SECONDS_FOR_QUERIES", 0)
        for order in [bought(Shopper(), mouse) for _ in range(3)]:
            stripe.pay(order.session_id or "")
        stripe.wait_until_quiet()
        assert "1 undelivered events" in reconcile(minutes=60)
        stripe.webhook_url = None


class TestStripeRefusing:
    """A restricted key may be allowed one question and not the next."""

    def test_the_list_of_events_does_not_end_the_round(self, stripe: StandIn, pending_order: Order):
        stripe.pay(pending_order.session_id or "")
        stripe.fault("GET", "/v1/events", status=403)
        report = reconcile()
        assert status(pending_order) == "PAID"
        assert "Stripe refused a question (PermissionError 403" in report

    def test_one_session_does_not_keep_the_others_from_their_turn(
        self, stripe: StandIn, pending_order: Order, bo: Shopper, mouse: Product
    ):
        bo.puts(mouse, 2)
        bo.buys()
        first, second = sorted((pending_order, bo.order), key=lambda order: order.pk)
        stripe.pay(second.session_id or "")
        stripe.fault("GET", f"{SESSIONS}/{first.session_id}", status=400)
        assert "Stripe refused a question" in reconcile()
        assert status(second) == "PAID"
        # An order that Stripe was not asked about is not purged.
        first.refresh_from_db()
        assert first.asked_at is None

    def test_to_show_the_payment_intent_is_no_hindrance(
        self, stripe: StandIn, pending_order: Order
    ):
        stripe.pay(pending_order.session_id or "")
        stripe.fault("GET", f"{SESSIONS}/{pending_order.session_id}", status=403)
        assert "refused" not in reconcile()
        assert status(pending_order) == "PAID"
        assert pending_order.payment_intent.startswith("pi_")


class TestStockThatNobodyWillPayFor:
    @pytest.fixture
    def scarce(self, mouse: Product) -> Product:
        mouse.stock = 3
        mouse.save()
        return mouse

    def test_comes_back_when_the_order_never_got_a_session(
        self, stripe: StandIn, ada: Shopper, scarce: Product
    ):
        ada.puts(scarce, 2)
        ada.buys()
        Order.objects.update(session_id=None)
        assert "stock of 1 orders given back" in reconcile()
        scarce.refresh_from_db()
        assert (scarce.stock, Reservation.objects.count()) == (3, 0)

    def test_comes_back_when_the_replacement_of_its_order_was_interrupted(
        self, stripe: StandIn, ada: Shopper, scarce: Product
    ):
        ada.puts(scarce, 2)
        ada.buys()
        Order.objects.update(superseded_at=timezone.now())
        reconcile()
        scarce.refresh_from_db()
        assert scarce.stock == 3

    @pytest.mark.parametrize("minutes", [0, 5])
    def test_stays_reserved_while_it_can_be_paid(
        self, stripe: StandIn, ada: Shopper, scarce: Product, minutes: int
    ):
        ada.puts(scarce, 2)
        ada.buys()
        reconcile(minutes)
        scarce.refresh_from_db()
        assert scarce.stock == 1

    def test_stays_reserved_while_the_order_is_being_placed(
        self, stripe: StandIn, ada: Shopper, scarce: Product
    ):
        ada.puts(scarce, 2)
        ada.buys()
        Order.objects.update(session_id=None)
        reconcile(minutes=5)
        scarce.refresh_from_db()
        assert scarce.stock == 1

    def test_stays_reserved_while_the_bank_is_at_work(
        self, stripe: StandIn, ada: Shopper, scarce: Product
    ):
        ada.puts(scarce, 2)
        ada.buys()
        stripe.pay_later(ada.order.session_id or "")
        Order.objects.update(session_expires_at=timezone.now() - timedelta(hours=1))
        reconcile()
        scarce.refresh_from_db()
        assert (scarce.stock, ada.order.status) == (1, "PROCESSING")

    def test_comes_back_when_the_session_is_over(
        self, stripe: StandIn, ada: Shopper, scarce: Product
    ):
        ada.puts(scarce, 2)
        ada.buys()
        stripe.advance(40 * 60)
        Order.objects.update(session_expires_at=timezone.now() - timedelta(minutes=1))
        reconcile()
        scarce.refresh_from_db()
        assert (scarce.stock, ada.order.status) == (3, "EXPIRED")

    def test_stays_reserved_until_stripe_was_asked_whether_it_is_paid(
        self, stripe: StandIn, ada: Shopper, scarce: Product, monkeypatch: pytest.MonkeyPatch
    ):
        ada.puts(scarce, 3)
        ada.buys()
        stripe.pay(ada.order.session_id or "")
        Order.objects.update(session_expires_at=timezone.now() - timedelta(minutes=1))
        ask = Mock(side_effect=lambda id: Reservation.objects.exists() and stripe.session(id))
        monkeypatch.setattr(gateway, "session_now", ask)
        reconcile()
        scarce.refresh_from_db()
        assert (scarce.stock, ada.order.status) == (0, "PAID")

    def test_stays_reserved_while_the_session_is_over_by_our_clock_alone(
        self, stripe: StandIn, ada: Shopper, scarce: Product
    ):
        """Its goods come back once Stripe has closed it, so nobody can pay for them any more."""
        ada.puts(scarce, 2)
        ada.buys()
        session = str(ada.order.session_id)
        Order.objects.update(session_expires_at=timezone.now() - timedelta(hours=2))
        stripe.fault("POST", f"{SESSIONS}/{session}/expire", status=500, times=2)
        reconcile()
        scarce.refresh_from_db()
        assert (scarce.stock, stripe.sessions[session]["status"]) == (1, "open")
        stripe.clear_faults()
        reconcile()
        scarce.refresh_from_db()
        assert (scarce.stock, stripe.sessions[session]["status"]) == (3, "expired")

    def test_stays_reserved_when_the_session_is_over_and_stripe_is_down(
        self, stripe: StandIn, ada: Shopper, scarce: Product
    ):
        ada.puts(scarce, 2)
        ada.buys()
        Order.objects.update(session_expires_at=timezone.now() - timedelta(minutes=1))
        stripe.fault("*", "/v1", status=500, times=10)
        assert "Stripe did not answer" in reconcile()
        scarce.refresh_from_db()
        assert (scarce.stock, ada.order.status) == (1, "PENDING")


class TestWithoutEnd:
    @pytest.mark.parametrize("kind", [OperationalError, InterfaceError, ProgrammingError])
    def test_goes_on_when_the_database_was_away(
        self,
        stripe: StandIn,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        kind: type[Exception],
    ):
        rounds = Mock(side_effect=[kind("restarting"), KeyboardInterrupt])
        monkeypatch.setattr(reconcile_orders, "reconcile", rounds)
        monkeypatch.setattr(time, "sleep", Mock())
        with pytest.raises(KeyboardInterrupt):
            call_command("reconcile_orders", every=60)
        words = "The database did not answer (restarting), so the next run goes on."
        assert words in caplog.text

    def test_once_fails_when_the_database_is_away(
        self, stripe: StandIn, monkeypatch: pytest.MonkeyPatch
    ):
        away = Mock(side_effect=OperationalError("restarting"))
        monkeypatch.setattr(reconcile_orders, "reconcile", away)
        with pytest.raises(OperationalError):
            reconcile()


def test_a_demo_shop_asks_no_questions():
    assert "Stripe is not asked" in reconcile()
