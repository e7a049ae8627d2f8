"""/metrics about payments: deliveries, calls to Stripe, orders and how long they wait."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from checkout.gateway import calls
from checkout.models import Order, StripeEvent
from storefront.models import Product
from storefront.ops import bulkhead
from storefront.ops.bulkhead import Bulkhead
from tests.cast import Shopper, deliver, event_about, product
from tests.log_capture import figure
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db

WEBHOOKS, CALLS = "shop_webhooks_total", "shop_stripe_call_duration_seconds_count"
ORDERS, AGE = "shop_orders", "shop_oldest_waiting_order_age_seconds"
LAST = "shop_last_event_timestamp_seconds"


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.METRICS_TOKEN = "t"
    cache.clear()


def sample(name: str, **labels: str) -> float:
    cache.clear()
    text = Client().get("/metrics", headers={"Authorization": "Bearer t"}).text
    return figure(text, name, **labels)


@pytest.mark.once
class TestDeliveries:
    @pytest.mark.parametrize(
        ("session", "outcome"),
        [({}, "applied"), ({"amount_total": 1}, "review"), ({"payment_status": "?"}, "applied")],
    )
    def test_are_counted_by_type_and_outcome(
        self, pending_order: Order, session: dict[str, Any], outcome: str
    ):
        labels = {"type": "checkout.session.completed", "outcome": outcome}
        before = sample(WEBHOOKS, **labels)
        deliver(event_about(pending_order, **session))
        assert sample(WEBHOOKS, **labels) == before + 1

    def test_that_repeat_are_counted_apart(self, pending_order: Order):
        event = event_about(pending_order)
        before = sample(WEBHOOKS, outcome="no change")
        deliver(event)
        deliver(event)
        assert sample(WEBHOOKS, outcome="no change") == before + 1

    @pytest.mark.parametrize("kind", ["customer.created", "x" * 200])
    def test_of_any_other_type_are_one(self, pending_order: Order, kind: str):
        before = sample(WEBHOOKS, type="other", outcome="ignored")
        deliver(event_about(pending_order, kind))
        assert sample(WEBHOOKS, type="other", outcome="ignored") == before + 1
        assert sample(WEBHOOKS, type=kind) == 0

    def test_that_are_forged_are_counted(self, pending_order: Order):
        before = sample(WEBHOOKS, type="other", outcome="forged")
        deliver(event_about(pending_order), header="t=1,v1=2")
        assert sample(WEBHOOKS, type="other", outcome="forged") == before + 1

    def test_that_are_no_events_are_counted(self, pending_order: Order):
        before = sample(WEBHOOKS, type="other", outcome="malformed")
        deliver({"type": ["a", "list"]})
        assert sample(WEBHOOKS, type="other", outcome="malformed") == before + 1

    def test_that_fail_are_counted(self, pending_order: Order, monkeypatch: pytest.MonkeyPatch):
        def locked(*args: object) -> None:
            raise OperationalError("database is locked")

        before = sample(WEBHOOKS, outcome="failed")
        monkeypatch.setattr("checkout.events.receive", locked)
        assert deliver(event_about(pending_order)).status_code == 500
        assert sample(WEBHOOKS, outcome="failed") == before + 1


@pytest.mark.once
class TestCallsToStripe:
    def test_are_counted_and_timed(self, stripe: StandIn, ada: Shopper, mouse: Product):
        labels = {"operation": "create session", "result": "ok"}
        seconds = "shop_stripe_call_duration_seconds_sum"
        before = sample(CALLS, **labels), sample(seconds, **labels)
        ada.puts(mouse, 1)
        stripe.fault("POST", "/v1/checkout/sessions", hang=0.1)
        ada.buys()
        assert sample(CALLS, **labels) == before[0] + 1
        assert sample(seconds, **labels) >= before[1] + 0.1

    def test_that_fail_are_counted_by_stripes_status(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        labels = {"operation": "create session", "result": "402"}
        before = sample(CALLS, **labels)
        ada.puts(mouse, 1)
        stripe.fault("POST", "/v1/checkout/sessions", status=402)
        ada.buys()
        assert sample(CALLS, **labels) == before + 1

    def test_without_an_answer_are_counted(self, stripe: StandIn, ada: Shopper, mouse: Product):
        before = sample(CALLS, result="no answer")
        ada.puts(mouse, 1)
        stripe.fault("POST", "/v1/checkout/sessions", drop=True, times=9)
        ada.buys()
        assert sample(CALLS, result="no answer") == before + 1

    def test_about_another_cart_are_counted_apart(
        self, pending_order: Order, ada: Shopper, mouse: Product
    ):
        before = sample(CALLS, operation="expire session", result="ok")
        ada.puts(mouse, 2)
        ada.buys()
        assert sample(CALLS, operation="expire session", result="ok") == before + 1

    def test_under_way_are_counted(
        self, pending_order: Order, ada: Shopper, monkeypatch: pytest.MonkeyPatch
    ):
        counted = []
        with calls.stripe_call("a question"):
            counted.append((sample("shop_stripe_calls_in_flight"), sample("shop_busy_threads")))
        counted.append((sample("shop_stripe_calls_in_flight"), sample("shop_busy_threads")))
        assert counted == [(1, 1), (0, 1)]

    def test_that_were_slow_leave_stripe_alone_for_a_while(
        self, stripe: StandIn, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(calls, "line", line := Bulkhead("Stripe", threads=8))
        for slow_seconds, left_alone in ((0, [0, 0, 1]), (1, [0])):
            monkeypatch.setattr(bulkhead, "SLOW_SECONDS", slow_seconds)
            monkeypatch.setattr(line, "_rests_until", 0.0)
            for value in left_alone:
                with calls.stripe_call("a question"):
                    pass
                assert sample("shop_stripe_left_alone") == value


class TestReservedStock:
    def test_is_counted_in_pieces(self, stripe: StandIn, ada: Shopper, bo: Shopper):
        mouse = product("Mouse", stock=9)
        for shopper, quantity in ((ada, 2), (bo, 3)):
            shopper.puts(mouse, quantity)
            shopper.buys()
        assert sample("shop_stock_reserved") == 5
        deliver(event_about(ada.order))
        assert sample("shop_stock_reserved") == 3


def test_the_last_round_of_the_worker_is_known_by_its_time(stripe: StandIn):
    assert sample("shop_last_round_timestamp_seconds") == 0
    before = time.time()
    call_command("reconcile_orders")
    assert before <= sample("shop_last_round_timestamp_seconds") <= time.time()


class TestOrders:
    def test_are_counted_by_state(self, pending_order: Order, bo: Shopper, mouse: Product):
        bo.puts(mouse, 1)
        bo.buys()
        assert (sample(ORDERS, status="PENDING"), sample(ORDERS, status="PAID")) == (2, 0)
        deliver(event_about(pending_order))
        assert (sample(ORDERS, status="PENDING"), sample(ORDERS, status="PAID")) == (1, 1)

    def test_that_are_none_count_as_zero(self):
        cache.clear()
        text = Client().get("/metrics", headers={"Authorization": "Bearer t"}).text
        for status in Order.Status:
            assert f'shop_orders{{status="{status}"}} 0.0' in text

    def test_that_wait_have_the_age_of_the_oldest(
        self, pending_order: Order, bo: Shopper, mouse: Product
    ):
        bo.puts(mouse, 1)
        bo.buys()
        Order.objects.filter(pk=pending_order.pk).update(
            created_at=timezone.now() - timedelta(hours=2)
        )
        assert 7_200 <= sample(AGE, status="PENDING") < 7_260
        deliver(event_about(pending_order))
        assert 0 < sample(AGE, status="PENDING") < 60

    def test_at_the_bank_are_counted_apart(self, pending_order: Order):
        deliver(event_about(pending_order, payment_status="unpaid"))
        assert sample(AGE, status="PENDING") == 0
        assert sample(AGE, status="PROCESSING") > 0

    def test_that_stripe_does_not_know_wait_for_nothing(self, pending_order: Order):
        Order.objects.update(session_id=None)
        assert sample(AGE) == 0

    def test_are_not_counted_at_each_look(
        self, pending_order: Order, django_assert_num_queries: DjangoAssertNumQueries
    ):
        sample(ORDERS)
        with django_assert_num_queries(5):
            Client().get("/metrics", headers={"Authorization": "Bearer t"})

    def test_are_counted_and_found_by_their_index(self, pending_order: Order):
        """SQLite's planner; PostgreSQL reads a table whole while it is as small as here."""
        if connection.vendor != "sqlite":
            pytest.skip("PostgreSQL's plan depends on the size of the table.")
        by_state = Order.objects.order_by().values("status").distinct()
        assert "COVERING INDEX orders_in_a_state" in by_state.explain()
        waiting = Order.objects.awaiting_stripe().filter(created_at__lte=timezone.now())
        assert "orders_in_a_state (status=? AND created_at<?)" in waiting.explain()


class TestTheLastEvent:
    def test_is_known_by_its_time(self, pending_order: Order):
        before = time.time()
        deliver(event_about(pending_order))
        assert before <= sample(LAST) <= time.time()

    def test_is_the_newest(self, pending_order: Order):
        deliver(event_about(pending_order))
        StripeEvent.objects.update(received_at=timezone.now() - timedelta(days=1))
        deliver(event_about(pending_order))
        assert sample(LAST) > time.time() - 60

    def test_is_none_before_the_first(self):
        text = Client().get("/metrics", headers={"Authorization": "Bearer t"}).text
        assert LAST not in text

    def test_is_none_that_was_forged(self, pending_order: Order):
        deliver(event_about(pending_order), header="t=1,v1=2")
        assert sample(LAST) == 0


@pytest.mark.once
def test_without_the_database_what_was_counted_is_there(monkeypatch: pytest.MonkeyPatch):
    def away() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr("checkout.metrics._counts", away)
    Client().get("/healthz")
    cache.clear()
    answer = Client().get("/metrics", headers={"Authorization": "Bearer t"})
    assert answer.status_code == 200
    assert figure(answer.text, "shop_requests_total", route="/healthz") > 0
    assert "shop_orders" not in answer.text
