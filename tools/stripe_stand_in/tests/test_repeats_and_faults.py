"""A repeated request gets the same answer, and requests go wrong on demand."""

import threading
import time
import typing
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe
import stripe.checkout

from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.tests.shop import call, client, create, opened, order, refused
from tools.waiting import wait_until

pytestmark = pytest.mark.once


class TestAskingTwice:
    def test_the_same_question_gets_the_same_answer(self, s: StandIn) -> None:
        first, second = create(s, key="k"), create(s, key="k")
        assert first == second
        assert [r.replayed for r in s.requests] == [False, True]
        assert len(s.sessions) == 1

    def test_a_replay_says_so(self, s: StandIn) -> None:
        id = opened(s)
        path = f"/v1/checkout/sessions/{id}/expire"
        answers = [call(s, "POST", path, None, **{"Idempotency-Key": "k"}) for _ in range(2)]
        assert [headers["Idempotent-Replayed"] for _, _, headers in answers] == [None, "true"]
        assert [status for status, _, _ in answers] == [200, 200]

    def test_another_question_with_the_same_key_is_refused(self, s: StandIn) -> None:
        create(s, key="k")
        with pytest.raises(stripe.IdempotencyError):
            create(s, key="k", client_reference_id="8")

    def test_a_refused_request_leaves_the_key_free(self, s: StandIn) -> None:
        with refused("url_invalid", "success_url"):
            create(s, key="k", success_url="nowhere")
        assert create(s, key="k")["status"] == "open"

    def test_a_stored_500_comes_again(self, s: StandIn) -> None:
        s.fault("POST", "/v1/checkout/sessions", status=500)
        for _ in range(2):
            with pytest.raises(stripe.APIError):
                create(s, key="k")
        assert create(s, key="k2")["status"] == "open"
        assert len(s.sessions) == 1

    def test_after_a_day_the_key_is_forgotten(self, s: StandIn) -> None:
        first = create(s, key="k")
        s.advance(24 * 60 * 60 - 1)
        assert create(s, key="k") == first
        s.advance(1)
        assert create(s, key="k") != first

    @pytest.mark.parametrize("status", [401, 409, 429])
    def test_an_answer_before_the_work_is_not_kept(self, s: StandIn, status: int) -> None:
        s.fault("POST", "/v1/checkout/sessions", status=status)
        with pytest.raises(stripe.StripeError):
            create(s, key="k")
        assert create(s, key="k")["status"] == "open"

    def test_a_question_that_is_still_being_answered_conflicts(self, s: StandIn) -> None:
        s.fault("POST", "/v1/checkout/sessions", hang=30)
        slow = threading.Thread(target=create, args=(s, "k"))
        slow.start()
        wait_until(lambda: s.hanging == 1)
        with pytest.raises(stripe.APIError) as conflict:
            create(s, key="k")
        s.clear_faults()
        slow.join()
        assert conflict.value.http_status == 409
        assert len(s.sessions) == 1


class TestAccidents:
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, stripe.InvalidRequestError),
            (401, stripe.AuthenticationError),
            (402, stripe.CardError),
            (403, stripe.PermissionError),
            (409, stripe.APIError),
            (429, stripe.RateLimitError),
            (500, stripe.APIError),
        ],
    )
    def test_an_ordered_status_comes_instead_of_the_work(
        self, s: StandIn, status: int, error: type[Exception]
    ) -> None:
        s.fault("POST", "/v1/checkout/sessions", status=status)
        with pytest.raises(error):
            create(s)
        assert s.sessions == {}
        assert create(s)["status"] == "open"

    def test_an_ordered_code_comes_with_its_status(self, s: StandIn) -> None:
        s.fault("POST", "/v1/refunds", status=400, code="balance_insufficient")
        with refused("balance_insufficient"):
            client(s).v1.refunds.create({"payment_intent": "pi_1"})

    def test_they_come_as_often_as_ordered(self, s: StandIn) -> None:
        s.fault("GET", "/v1/events", status=500, times=2)
        statuses = [call(s, "GET", "/v1/events")[0] for _ in range(3)]
        assert statuses == [500, 500, 200]

    def test_they_can_be_cancelled(self, s: StandIn) -> None:
        s.fault("GET", "/v1", status=500, times=9)
        assert call(s, "GET", "/v1/events")[0] == 500
        s.clear_faults()
        assert call(s, "GET", "/v1/events")[0] == 200

    def test_other_calls_go_on(self, s: StandIn) -> None:
        s.fault("POST", "/v1/refunds", status=500)
        assert create(s)["status"] == "open"

    def test_a_500_after_the_work_leaves_a_session(self, s: StandIn) -> None:
        s.fault("POST", "/v1/checkout/sessions", status=500, after=True)
        for _ in range(2):
            with pytest.raises(stripe.APIError):
                create(s, key="k")
        assert len(s.sessions) == 1

    def test_a_connection_that_breaks_after_the_work(self, s: StandIn) -> None:
        s.fault("POST", "/v1/checkout/sessions", drop=True, after=True)
        with pytest.raises(stripe.APIConnectionError):
            create(s, key="k")
        assert [create(s, key="k")["id"]] == list(s.sessions)

    def test_a_connection_that_breaks_before_the_work(self, s: StandIn) -> None:
        s.fault("POST", "/v1/checkout/sessions", drop=True)
        with pytest.raises(stripe.APIConnectionError):
            create(s, key="k")
        assert s.sessions == {}
        assert create(s, key="k")["status"] == "open"

    def test_the_sdks_own_retries_survive_a_broken_connection(self, s: StandIn) -> None:
        s.fault("POST", "/v1/checkout/sessions", drop=True, after=True)
        patient = client(s, retries=2)
        session = patient.v1.checkout.sessions.create(typing.cast(Any, order()))
        assert list(s.sessions) == [session.id]

    def test_a_slow_answer_is_slow(self, s: StandIn) -> None:
        s.fault("GET", "/v1/events", hang=0.3)
        began = time.monotonic()
        assert call(s, "GET", "/v1/events")[0] == 200
        assert time.monotonic() - began >= 0.3

    def test_a_slow_answer_comes_at_once_when_the_faults_are_cancelled(self, s: StandIn) -> None:
        s.fault("GET", "/v1/events", hang=60)
        began = time.monotonic()
        with ThreadPoolExecutor() as meanwhile:
            slow = meanwhile.submit(call, s, "GET", "/v1/events")
            wait_until(lambda: s.hanging == 1)
            s.clear_faults()
            assert slow.result()[0] == 200
        assert s.hanging == 0
        assert time.monotonic() - began < 30
