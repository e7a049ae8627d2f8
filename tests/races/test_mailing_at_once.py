"""One event comes many times, and several workers have the messages: one mail to one order."""

import os
import signal
from collections import Counter
from functools import partial

from tools.stage import Stage, is_lost_within_some_rounds
from tools.waiting import wait_until

DELIVERIES, ORDERS, WORKERS = 10, 5, 2
KILLS = 3
TOGETHER = "every_process_has_the_lease"
"""The claim has to hold without the lease, which may be lost."""


def test_ten_deliveries_at_once_are_one_mail_whoever_sends_it(stage: Stage):
    mails = mails_of(stage)
    assert (len(mails), set(mails.values())) == (ORDERS, {1})


def test_without_the_claim_a_mail_comes_twice(stage: Stage):
    assert is_lost_within_some_rounds(
        lambda: set(mails_of(stage, "messages_are_read_then_sent").values()) == {1}
    )


def test_killed_workers_lose_no_mail_and_send_none_twice(stage: Stage):
    """What was begun when one died is unsure, and all else arrives."""
    sell(stage, ORDERS)
    for sent_before in range(KILLS):
        [worker] = stage.forks(1, "reconcile_orders", TOGETHER)
        wait_until(lambda n=sent_before: len(stage.post.mails) > n)  # type: ignore[misc]
        os.kill(worker, signal.SIGKILL)
        stage.ends_of([worker])
    send(stage, 1)
    sent = Counter(str(mail["Message-ID"]) for mail in stage.post.mails)
    unsure = stage.number(
        "SELECT COUNT(*) FROM checkout_message WHERE sent_at IS NULL AND claimed_at IS NOT NULL"
    )
    assert set(sent.values()) <= {1}
    assert ORDERS - unsure <= len(sent) <= ORDERS
    assert stage.number("SELECT COUNT(*) FROM checkout_message") == ORDERS


def mails_of(stage: Stage, *alterations: str) -> Counter[str]:
    """Sell some, let several workers send the mails at once, and count these by their order."""
    sell(stage, ORDERS)
    send(stage, WORKERS, *alterations)
    return Counter(str(mail["Subject"]) for mail in stage.post.mails)


def sell(stage: Stage, count: int) -> None:
    """Sell so many; Stripe says of each ten times at once that it is paid."""
    stage.forget_orders()
    stage.stripe.lose()
    for _ in range(count):
        shopper = stage.shopper()
        shopper.puts(stage.product("Mouse"), 1)
        shopper.buys()
        [(_, session)] = stage.orders(shopper)
        stage.stripe.pay(str(session))
        event = stage.stripe.events_of("checkout.session.completed")[-1]
        answers = stage.at_once([partial(stage.stripe.send, event)] * DELIVERIES)
        assert set(answers) == {200}


def send(stage: Stage, workers: int, *alterations: str) -> None:
    """Let so many workers send what is due, and wait for the last."""
    forked = stage.forks(workers, "reconcile_orders", TOGETHER, *alterations)
    assert stage.ends_of(forked) == [0] * workers
