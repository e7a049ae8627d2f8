"""Stripe sends the same fact many times at the same moment: the order is paid once."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from tools.http_shopper import HttpShopper
from tools.stage import Stage, is_lost_within_some_rounds

DELIVERIES = 50
IN_CART, BOUGHT = 60, 1


@dataclass(frozen=True)
class Outcome:
    answers: frozenset[int]
    recorded: int
    applied: int
    paid: int
    left_in_cart: int


def once(recorded: int) -> Outcome:
    return Outcome(frozenset({200}), recorded, applied=1, paid=1, left_in_cart=IN_CART - BOUGHT)


def test_one_event_delivered_fifty_times_at_once_pays_once(stage: Stage):
    assert after_one_event(stage) == once(recorded=1)


def test_fifty_events_of_one_payment_at_once_pay_once(stage: Stage):
    assert after_many_events(stage) == once(recorded=DELIVERIES)


def test_without_unique_event_ids_one_event_is_recorded_twice(stage: Stage):
    with stage.altered("event_ids_repeat") as unguarded:
        assert is_lost_within_some_rounds(lambda: after_one_event(unguarded).recorded <= 1)


def test_without_the_conditional_update_a_payment_counts_twice(stage: Stage):
    # On SQLite a transaction takes the lock of all writers first, and is a guard as well.
    with stage.altered("moves_read_then_write", "webhooks_have_no_transaction") as unguarded:
        assert is_lost_within_some_rounds(lambda: counts_once(after_one_event(unguarded)))
        assert is_lost_within_some_rounds(lambda: counts_once(after_many_events(unguarded)))


def test_without_the_lock_of_this_database_not_once(stage: Stage):
    """PostgreSQL's is the row that the UPDATE waits for, SQLite's that of the transaction."""
    guard = "sqlite_locks_at_the_first_write" if stage.is_on_sqlite else "moves_read_then_write"
    with stage.altered(guard) as unguarded:
        assert is_lost_within_some_rounds(
            lambda: after_many_events(unguarded) == once(recorded=DELIVERIES)
        )


def counts_once(outcome: Outcome) -> bool:
    return outcome.left_in_cart >= IN_CART - BOUGHT


def after_one_event(stage: Stage) -> Outcome:
    ada, event = has_paid(stage)
    return after(stage, ada, [event] * DELIVERIES)


def after_many_events(stage: Stage) -> Outcome:
    ada, event = has_paid(stage)
    return after(stage, ada, [event | {"id": f"{event['id']}.{n}"} for n in range(DELIVERIES)])


def has_paid(stage: Stage) -> tuple[HttpShopper, dict[str, Any]]:
    """A shopper who bought one, wants sixty more, and paid; the event of it isn't delivered."""
    ada, mouse = stage.shopper(), stage.product("Mouse")
    ada.puts(mouse, BOUGHT)
    ada.buys()
    ada.puts(mouse, IN_CART)
    [(status, session)] = stage.orders(ada)
    assert status == "PENDING"
    stage.stripe.lose()
    stage.stripe.pay(str(session))
    return ada, stage.stripe.events_of("checkout.session.completed")[-1]


def after(stage: Stage, ada: HttpShopper, events: list[dict[str, Any]]) -> Outcome:
    answers = stage.at_once([partial(stage.stripe.send, event) for event in events])
    ours = f"checkout_stripeevent WHERE event_id LIKE '{events[0]['id'].partition('.')[0]}%'"
    return Outcome(
        answers=frozenset(answers),
        recorded=stage.number(f"SELECT COUNT(*) FROM {ours}"),
        applied=stage.number(f"SELECT COUNT(*) FROM {ours} AND outcome = 'applied'"),
        paid=[status for status, _ in stage.orders(ada)].count("PAID"),
        left_in_cart=sum(stage.cart(ada).values()),
    )
