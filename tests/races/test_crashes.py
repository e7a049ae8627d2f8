"""The server dies between two steps of a purchase: nothing is lost, and nothing happens twice."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.races.alterations import PAUSE
from tools.http_shopper import HttpShopper
from tools.stage import Stage
from tools.waiting import PATIENCE_SECONDS, wait_until

SESSIONS = "/v1/checkout/sessions"
HANGS_SECONDS = 30
"""Longer than any kill takes; the test ends it."""
UNTIL_STRIPE_SENDS_AGAIN = 6 * 60
MOMENTS = (0.005, 0.02)
"""Seconds after the first of several deliveries."""
PAYMENTS = 4

NOTHING_DONE = ("PENDING", 2, 0)
PAID_ONCE = ("PAID", 0, 1)
"""Status, number in the cart, events recorded."""


def test_a_session_that_could_not_be_noted_is_paid_all_the_same(stage: Stage):
    ada = dies_after_stripe_opened_the_session(stage)
    [session] = stage.stripe.sessions
    learns_of_payment(stage, session)
    assert (stage.orders(ada), stage.cart(ada)) == ([("PAID", session)], {})
    assert "Your cart is empty" in ada.buys().text


def test_without_adoption_it_is_paid_in_vain(stage: Stage):
    ada = dies_after_stripe_opened_the_session(stage)
    with stage.altered("sessions_are_not_adopted") as unguarded:
        learns_of_payment(unguarded, *stage.stripe.sessions)
    assert stage.orders(ada) == [("PENDING", None)]


def test_pressing_buy_again_finds_the_session_that_could_not_be_noted(stage: Stage):
    ada = dies_after_stripe_opened_the_session(stage)
    assert ada.buys().leads_to_payment
    [session] = stage.stripe.sessions
    learns_of_payment(stage, session)
    assert stage.orders(ada) == [("PAID", session)]


def test_without_the_idempotency_key_pressing_buy_again_opens_a_second(stage: Stage):
    ada = dies_after_stripe_opened_the_session(stage)
    with stage.altered("stripe_is_asked_without_a_key") as unguarded:
        assert ada.at(unguarded.shop.url).buys().leads_to_payment
    assert len(stage.stripe.sessions) == 2


def test_pressing_buy_again_goes_on_where_stripe_was_not_asked_yet(stage: Stage):
    ada = dies_while_stripe_hangs(stage, drop=True)
    assert stage.stripe.sessions == {}
    assert ada.buys().leads_to_payment
    assert stage.orders(ada) == [("PENDING", *stage.stripe.sessions)]


def test_a_webhook_that_was_cut_off_has_done_nothing(stage: Stage):
    assert states_around_a_death_in_a_webhook(stage) == (NOTHING_DONE, PAID_ONCE)


def test_without_the_transaction_it_has_done_half_and_never_does_the_rest(stage: Stage):
    states = states_around_a_death_in_a_webhook(stage, "webhooks_have_no_transaction")
    assert [(status, in_cart) for status, in_cart, _ in states] == [("PAID", 2)] * 2


def test_killed_at_any_moment_under_repeated_deliveries_all_are_paid_once(stage: Stage):
    for moment in MOMENTS:
        stage.stripe.reset()
        buyers = [has_a_checkout(stage) for _ in range(PAYMENTS)]
        stage.stripe.duplicate(3)
        stage.stripe.hold()
        for buyer in buyers:
            stage.stripe.pay(session_of(stage, buyer))
        stage.stripe.release()
        time.sleep(moment)
        stage.shop.renew_workers()
        stripe_sends_again(stage)
        assert [state(stage, buyer) for buyer in buyers] == [PAID_ONCE] * PAYMENTS


def dies_after_stripe_opened_the_session(stage: Stage) -> HttpShopper:
    return dies_while_stripe_hangs(stage, after=True)


def dies_while_stripe_hangs(stage: Stage, **fault: Any) -> HttpShopper:
    """Ada pressed Buy; the shop died before it had the answer, and runs again."""
    ada = puts_two_into_the_cart(stage)
    stage.stripe.fault("POST", SESSIONS, hang=HANGS_SECONDS, **fault)
    with in_the_background(ada.buys):
        wait_until(lambda: stage.stripe.hanging)
        stage.shop.renew_workers()
        stage.stripe.clear_faults()
    assert stage.orders(ada) == [("PENDING", None)]
    return ada


def states_around_a_death_in_a_webhook(
    stage: Stage, *alterations: str
) -> tuple[tuple[str, int, int], tuple[str, int, int]]:
    """Return what is so after the death, and what after Stripe has sent again."""
    with stage.altered("webhooks_pause_before_the_commit", *alterations) as slow:
        ada = has_a_checkout(slow)
        before = slow.shop.log.read_text().count(PAUSE)
        slow.stripe.duplicate(3)
        slow.stripe.pay(session_of(slow, ada))
        wait_until(lambda: slow.shop.log.read_text().count(PAUSE) > before)
        slow.shop.kill()
    cut_off = state(stage, ada)
    stripe_sends_again(stage)
    return cut_off, state(stage, ada)


def stripe_sends_again(stage: Stage) -> None:
    stage.stripe.wait_until_quiet(PATIENCE_SECONDS)
    stage.stripe.listen(stage.shop.webhook_url)
    stage.stripe.advance(UNTIL_STRIPE_SENDS_AGAIN)
    stage.stripe.wait_until_quiet(PATIENCE_SECONDS)


def state(stage: Stage, shopper: HttpShopper) -> tuple[str, int, int]:
    [(status, session)] = stage.orders(shopper)
    events = (
        "SELECT COUNT(*) FROM checkout_stripeevent e JOIN checkout_order o ON e.order_id = o.id"
    )
    recorded = stage.number(f"{events} WHERE o.session_id = '{session}'")
    return status, sum(stage.cart(shopper).values()), recorded


def puts_two_into_the_cart(stage: Stage) -> HttpShopper:
    ada = stage.shopper()
    ada.puts(stage.product("Mouse"), 2)
    return ada


def has_a_checkout(stage: Stage) -> HttpShopper:
    ada = puts_two_into_the_cart(stage)
    assert ada.buys().leads_to_payment
    return ada


def session_of(stage: Stage, shopper: HttpShopper) -> str:
    [(_, session)] = stage.orders(shopper)
    return str(session)


def learns_of_payment(stage: Stage, session: str) -> None:
    stage.stripe.pay(session)
    stage.stripe.wait_until_quiet(PATIENCE_SECONDS)


@contextmanager
def in_the_background(action: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=action)
    thread.start()
    yield
    thread.join(PATIENCE_SECONDS)
