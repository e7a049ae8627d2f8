"""Stripe gives no answer while shoppers press Buy: everybody else is answered all the same.

Stripe answers when the test says so, not before, so a busy machine makes no difference.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pytest

from tools.http_shopper import Answer
from tools.slow_stripe import others, shoppers
from tools.stage import Stage, understudy_for
from tools.waiting import wait_until

THREADS, PLACES = 8, 5
CREATE = "/v1/checkout/sessions"
FOREVER = 600


@pytest.fixture(scope="module")
def one_worker(running_stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Where the fewest threads are left."""
    stage, folder = running_stage, tmp_path_factory.mktemp("one")
    shop = understudy_for(stage.database, stage.stripe, stage.post, folder, workers=1)
    with ExitStack() as end:
        end.push(shop)
        yield replace(stage, understudy=shop)


@pytest.fixture
def patient(one_worker: Stage) -> Iterator[Stage]:
    """It does not give up on Stripe."""
    with one_worker.altered("stripe_may_take_a_minute") as stage:
        yield stage


@dataclass(frozen=True)
class Crowd:
    presses: list[Future[Answer]]

    @property
    def to_stripe(self) -> int:
        return sum(press.result().leads_to_payment for press in self.presses)

    @property
    def answered(self) -> int:
        return sum(press.done() for press in self.presses)


@contextmanager
def crowd_at(stage: Stage, presses: list[Callable[[], Answer]], calls: int) -> Iterator[Crowd]:
    """Let them press Buy; go on once so many ask Stripe, which answers at the end."""
    stage.stripe.reset()
    stage.stripe.fault("*", "/v1/", hang=FOREVER, times=100)
    with ThreadPoolExecutor(len(presses)) as pool:
        crowd = Crowd([pool.submit(press) for press in presses])
        try:
            wait_until(lambda: stage.stripe.api.faults.hanging == calls)
            yield crowd
        finally:
            stage.stripe.clear_faults()


def test_thirty_who_buy_keep_nobody_waiting(patient: Stage):
    presses = [shopper.buys for shopper in shoppers(patient, 30)]
    with crowd_at(patient, presses, PLACES) as crowd:
        for _ in range(3):
            assert {ask().status for _, ask in others(patient)} <= {200, 204}
        wait_until(lambda: crowd.answered == len(presses) - PLACES)
        assert {ask().status for _, ask in others(patient)} <= {200, 204}
        assert patient.stripe.api.faults.hanging == PLACES
    assert crowd.to_stripe == PLACES


def test_without_the_bulkhead_they_keep_everybody_waiting(
    one_worker: Stage, monkeypatch: pytest.MonkeyPatch
):
    guards = "stripe_may_take_a_minute", "any_number_may_wait_for_stripe"
    with one_worker.altered(*guards) as unguarded:
        presses = [shopper.buys for shopper in shoppers(unguarded, THREADS)]
        with crowd_at(unguarded, presses, THREADS):
            monkeypatch.setattr("tools.http_shopper.PATIENCE_SECONDS", 2)
            assert {ask().status for _, ask in others(unguarded)} == {0}


def test_one_who_presses_eight_times_asks_stripe_once(one_worker: Stage):
    """The second press waits for the first, as a double click does; the others are refused."""
    with one_worker.altered("stripe_may_take_a_minute", "second_clicks_are_patient") as stage:
        [ada] = shoppers(stage, 1)
        with crowd_at(stage, [ada.buys] * THREADS, calls=1) as crowd:
            wait_until(lambda: crowd.answered == THREADS - 2)
        assert crowd.to_stripe == 2
        assert len(stage.stripe.sessions) == len(stage.orders(ada)) == 1
