"""The webhook answers quickly without asking Stripe, and forged ones drown no shopper."""

import threading
import time

from tools.at_once import at_once
from tools.signed_events import WEBHOOK, signed
from tools.stage import Stage

FORGED = 200
SENDERS = 10


def test_a_webhook_answers_within_fifty_milliseconds(stage: Stage):
    stage.stripe.lose()
    mouse, seconds = stage.product("Mouse"), []
    for _ in range(10):
        ada = stage.shopper()
        ada.puts(mouse, 1)
        ada.buys()
        [(_, session)] = stage.orders(ada)
        stage.stripe.pay(str(session))
        asked = len(stage.stripe.requests)
        event = stage.stripe.events_of("checkout.session.completed")[-1]
        began = time.perf_counter()
        assert stage.stripe.send(event) == 200
        seconds.append(time.perf_counter() - began)
        assert stage.orders(ada) == [("PAID", session)]
        assert len(stage.stripe.requests) == asked
    # The quickest: of the others, a busy machine may make any wait, and it can speed up none.
    assert min(seconds) < 0.050


def test_a_flood_of_forged_webhooks_leaves_the_shop_working(stage: Stage):
    before = stage.number("SELECT COUNT(*) FROM checkout_stripeevent")
    forged = signed({"id": "evt_1", "type": "x", "data": {"object": {}}}, "whsec_forged")
    answers: list[int] = []

    def flood() -> None:
        for _ in range(FORGED // SENDERS):
            answers.append(stage.shopper().asks("POST", WEBHOOK, *forged).status)

    senders = [threading.Thread(target=flood) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    ada, mouse = stage.shopper(), stage.product("Mouse")
    shopping = [ada.puts(mouse, 2).status, ada.buys().leads_to_payment]
    pages = at_once([lambda: stage.shopper().puts(mouse, 1).status] * 5)
    for sender in senders:
        sender.join(60)
    assert shopping == [303, True]
    assert pages == [303] * 5
    assert answers == [400] * FORGED
    assert stage.number("SELECT COUNT(*) FROM checkout_stripeevent") == before
