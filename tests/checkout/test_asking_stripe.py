"""Stripe is slow, or its clock says otherwise than ours: what shoppers and the log are told."""

import re
import time
from contextlib import ExitStack
from datetime import timedelta
from threading import Thread
from types import SimpleNamespace

import pytest
from django.utils import timezone

from checkout import gateway
from checkout.gateway import calls
from checkout.models import Order
from storefront.models import Product
from storefront.ops import bulkhead, clock
from storefront.ops.bulkhead import Bulkhead
from tests.cast import Shopper, leads_to_payment, product
from tests.log_capture import Log
from tools.stripe_stand_in import StandIn
from tools.waiting import wait_until

CREATE = "/v1/checkout/sessions"
MINUTE = 60


@pytest.fixture
def line(stripe: StandIn, monkeypatch: pytest.MonkeyPatch) -> Bulkhead:
    """The shop serves with eight threads, and nobody waits for long."""
    line = Bulkhead("Stripe", threads=8)
    monkeypatch.setattr(calls, "line", line)
    monkeypatch.setattr(bulkhead, "PATIENCE_SECONDS", 0.05)
    return line


@pytest.fixture
def last_mouse(db: None) -> Product:
    return product("Mouse", stock=1)


def refusal(shopper: Shopper, product: Product, quantity: int = 1) -> tuple[int, str, str]:
    """Return how Buy is refused in JSON: the status, the words and when to try again."""
    answer = shopper.buys_by_json({"items": [{"product_id": product.pk, "quantity": quantity}]})
    return answer.status_code, answer.json()["error"], answer.headers.get("Retry-After", "")


def left(product: Product) -> int | None:
    product.refresh_from_db()
    return product.stock


class TestWhileFiveWaitForStripe:
    def test_the_next_reads_that_many_are_buying(
        self, stripe: StandIn, line: Bulkhead, ada: Shopper, last_mouse: Product
    ):
        ada.puts(last_mouse, 1)
        with ExitStack() as callers:
            for _ in range(5):
                callers.enter_context(line.place())
            page = ada.is_refused(ada.buys())
            assert "Many people are buying at this moment. You were not charged" in page.text
            status, words, retry_after = refusal(ada, last_mouse)
        assert (status, words[:11], retry_after) == (503, "Many people", "3")
        assert (stripe.requests, left(last_mouse)) == ([], 1)
        assert leads_to_payment(ada.buys())

    def test_a_command_may_ask_all_the_same(self, pending_order: Order):
        with ExitStack() as callers:
            for _ in range(99):
                callers.enter_context(calls.line.place("the same"))
            assert gateway.session_now(str(pending_order.session_id))


class TestWhileSheIsBuying:
    def test_a_second_press_reads_so_and_leaves_her_the_goods(
        self, stripe: StandIn, line: Bulkhead, ada: Shopper, last_mouse: Product
    ):
        ada.puts(last_mouse, 1)
        with line.place(f"checkout of {ada.id}"):
            page = ada.is_refused(ada.buys())
            assert "Stripe has not answered your last press of Buy yet." in page.text
            assert refusal(ada, last_mouse)[::2] == (503, "3")
        assert (stripe.requests, left(last_mouse)) == ([], 0)
        assert leads_to_payment(ada.buys())

    def test_a_double_click_waits_for_the_first(
        self, stripe: StandIn, ada: Shopper, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(calls, "line", line := Bulkhead("Stripe", threads=8))
        ada.puts(mouse, 1)
        callers = ExitStack()
        callers.enter_context(line.place(f"checkout of {ada.id}"))
        Thread(target=end_once_waited_for, args=(callers, line), daemon=True).start()
        assert leads_to_payment(ada.buys())

    def test_so_does_one_that_another_process_gets(
        self, stripe: StandIn, ada: Shopper, last_mouse: Product
    ):
        """Stripe says that it is being asked the same just now."""
        ada.puts(last_mouse, 1)
        stripe.fault("POST", CREATE, status=409, times=2)
        assert "your last press of Buy" in ada.is_refused(ada.buys()).text
        assert left(last_mouse) == 0

    def test_the_earlier_session_is_closed_by_one_press(
        self, pending_order: Order, line: Bulkhead, ada: Shopper, mouse: Product, stripe: StandIn
    ):
        ada.puts(mouse, 2)
        with line.place(str(pending_order.session_id)):
            assert "your last press of Buy" in ada.is_refused(ada.buys()).text
        assert len(stripe.requests) == 1
        assert leads_to_payment(ada.buys())

    def test_another_shopper_may(
        self, stripe: StandIn, line: Bulkhead, ada: Shopper, bo: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        bo.puts(mouse, 1)
        with line.place(f"checkout of {ada.id}"):
            assert leads_to_payment(bo.buys())


class TestAfterThreeSlowCalls:
    @pytest.fixture(autouse=True)
    def slow_calls(
        self, line: Bulkhead, ada: Shopper, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(bulkhead, "SLOW_SECONDS", 0)
            for quantity in (1, 2):  # to close the earlier session is a call as well
                ada.puts(mouse, quantity)
                assert leads_to_payment(ada.buys())
        assert line.is_tripped

    def test_stripe_is_left_alone_and_the_next_is_told_at_once(
        self, stripe: StandIn, bo: Shopper, mouse: Product
    ):
        asked = len(stripe.requests)
        status, words, retry_after = refusal(bo, mouse)
        assert words.startswith("Stripe cannot be reached at the moment. You were not charged")
        assert (status, retry_after, len(stripe.requests)) == (503, "60", asked)

    def test_one_call_tries_whether_it_is_quick_again(
        self, line: Bulkhead, bo: Shopper, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ):
        bo.puts(mouse, 1)
        monkeypatch.setattr(line, "_rests_until", 0.0)
        with line.place("a trial"):
            assert not leads_to_payment(bo.buys())
        assert not line.is_tripped
        assert leads_to_payment(bo.buys())

    def test_a_trial_that_is_slow_leaves_it_alone_again(
        self, line: Bulkhead, bo: Shopper, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(line, "_rests_until", 0.0)
        with monkeypatch.context() as patch:
            patch.setattr(bulkhead, "SLOW_SECONDS", 0)
            with line.place("a trial"):
                pass
        assert refusal(bo, mouse)[0] == 503


@pytest.mark.parametrize(("threads", "places"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 5), (16, 10)])
def test_a_part_of_the_threads_may_wait_for_stripe(threads: int, places: int):
    line = Bulkhead("Stripe", threads)
    with ExitStack() as callers:
        for _ in range(places):
            callers.enter_context(line.place())
        with pytest.raises(bulkhead.Full):
            callers.enter_context(line.place())


class TestWhenOurClockIsWrong:
    """Stripe's is put forward or back here, as the tests live by ours."""

    @pytest.mark.parametrize(
        ("checkout_minutes", "stripe_is_ahead"), [(30, 3 * MINUTE), (30, -2), (1_435, -9 * MINUTE)]
    )
    def test_by_a_little_shoppers_can_buy(
        self,
        stripe: StandIn,
        ada: Shopper,
        mouse: Product,
        settings,
        checkout_minutes: int,
        stripe_is_ahead: int,
    ):
        settings.CHECKOUT_LIFETIME = timedelta(minutes=checkout_minutes)
        stripe.advance(stripe_is_ahead)
        ada.puts(mouse, 1)
        assert leads_to_payment(ada.buys())

    @pytest.mark.parametrize(
        ("checkout_minutes", "stripe_is_ahead"), [(30, 6 * MINUTE), (1_435, -20 * MINUTE)]
    )
    def test_by_much_the_shopper_and_the_log_are_told(
        self,
        stripe: StandIn,
        ada: Shopper,
        mouse: Product,
        settings,
        log: Log,
        checkout_minutes: int,
        stripe_is_ahead: int,
    ):
        settings.CHECKOUT_LIFETIME = timedelta(minutes=checkout_minutes)
        stripe.advance(stripe_is_ahead)
        ada.puts(mouse, 1)
        page = ada.is_refused(ada.buys())
        assert "The shop cannot take payments, as its clock is wrong." in page.text
        assert refusal(ada, mouse)[::2] == (502, "")
        assert "look at the server's clock" in log.lines("checkout.ordering")[0]["message"]

    def test_an_attempt_is_not_continued_when_little_time_is_left(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        stripe.fault("POST", CREATE, drop=True, times=2)
        ada.puts(mouse, 1)
        ada.buys()
        Order.objects.update(attempt_at=timezone.now() - timedelta(minutes=3))
        stripe.advance(2 * MINUTE)
        assert leads_to_payment(ada.buys())

    @pytest.mark.parametrize(
        ("ahead", "words"),
        [(100, ["10. seconds ahead of"]), (-7_200, ["7... seconds behind"]), (50, []), (-50, [])],
    )
    def test_stripes_answers_show_it_and_the_log_says_so_once(
        self,
        stripe: StandIn,
        ada: Shopper,
        mouse: Product,
        log: Log,
        monkeypatch: pytest.MonkeyPatch,
        ahead: int,
        words: list[str],
    ):
        ours = SimpleNamespace(time=lambda: time.time() + ahead, monotonic=time.monotonic)
        monkeypatch.setattr(clock, "time", ours)
        monkeypatch.setattr(clock, "_silent_until", 0.0)
        for quantity in (1, 2):
            ada.puts(mouse, quantity)
            assert leads_to_payment(ada.buys())
        said = [line["message"] for line in log.lines("storefront.ops.clock")]
        assert len(said) == len(words)
        assert all(re.search(f"clock is {word} Stripe's", line) for word in words for line in said)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Nov 2026 00:00:00 GMT"])
def test_an_answer_without_a_readable_date_says_nothing_of_the_clock(date: str, log: Log):
    clock.compare_with("Stripe", date)
    assert log.text == ""


def end_once_waited_for(callers: ExitStack, line: Bulkhead) -> None:
    wait_until(lambda: line._waiting, "Nobody waits.")
    callers.close()
