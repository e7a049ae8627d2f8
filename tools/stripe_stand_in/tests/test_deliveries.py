"""Webhooks arrive as real ones do: signed, retried, and late, twice or never on demand."""

import hashlib
import hmac
import json
import random
import re
import time
from types import SimpleNamespace

import pytest
import stripe
import stripe.checkout

from tools.stripe_stand_in import StandIn, webhooks
from tools.stripe_stand_in.tests.shop import Shop, client, opened
from tools.stripe_stand_in.webhooks import ENABLED_EVENTS, SECRET
from tools.waiting import wait_until

pytestmark = pytest.mark.once


class TestDelivering:
    def test_a_signed_event_arrives(self, s: StandIn, shop: Shop) -> None:
        id = s.pay(opened(s))["id"]
        s.wait_until_quiet()
        assert shop.heard == ["completed"]
        assert shop.received[0]["data"]["object"]["id"] == id
        assert [(d.event_id, d.status) for d in s.attempts] == [(shop.ids[0], 200)]

    def test_the_signature_is_the_documented_one(self, s: StandIn, shop: Shop) -> None:
        s.send({"id": "evt_1", "type": "x"})
        moment, mac = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", shop.headers[0]).groups()  # type: ignore[union-attr]
        body = json.dumps({"id": "evt_1", "type": "x"}, indent=2)
        expected = hmac.new(SECRET.encode(), f"{moment}.{body}".encode(), hashlib.sha256)
        assert mac == expected.hexdigest()

    def test_another_secret_or_an_old_time_does_not_verify(self, s: StandIn, shop: Shop) -> None:
        event = {"id": "evt_1"}
        assert s.send(event) == 200
        shop.hear = lambda body, header: shop.headers.append(header)  # type: ignore[method-assign]
        s.send(event, secret="whsec_other")
        s.send(event, timestamp=int(time.time()) - 301)
        body = json.dumps(event, indent=2)
        for header in shop.headers[1:]:
            with pytest.raises(stripe.SignatureVerificationError):
                stripe.WebhookSignature.verify_header(body, header, SECRET, tolerance=300)

    def test_an_event_is_a_snapshot(self, s: StandIn, shop: Shop) -> None:
        s.hold()
        id = s.pay_later(opened(s))["id"]
        s.settle(id)
        s.release()
        s.wait_until_quiet()
        states = [event["data"]["object"]["payment_status"] for event in shop.received]
        assert states == ["unpaid", "paid"]

    def test_only_what_the_endpoint_listens_to(self, s: StandIn, shop: Shop) -> None:
        s.listen(shop.url, enabled_events=["charge.succeeded"])
        s.pay(opened(s))
        s.wait_until_quiet()
        assert shop.heard == ["charge.succeeded"]

    def test_every_kind_that_the_shop_needs_is_sent(self, s: StandIn, shop: Shop) -> None:
        paid = s.pay(opened(s))["id"]
        s.fail_refund(s.refund(paid)["id"])
        s.dispute(paid)
        s.close_dispute(paid, won=True)
        s.settle(s.pay_later(opened(s))["id"])
        s.fail(s.pay_later(opened(s))["id"])
        s.expire(opened(s))
        s.wait_until_quiet()
        assert {event["type"] for event in shop.received} == set(ENABLED_EVENTS)

    @pytest.mark.parametrize("status", [500, 404, 302, 308])
    def test_anything_but_2xx_is_tried_again(self, s: StandIn, shop: Shop, status: int) -> None:
        shop.status = status
        s.pay(opened(s))
        s.wait_until_quiet()
        assert shop.heard == ["completed"]
        shop.status = 204
        s.advance(6 * 60)
        s.wait_until_quiet()
        assert [d.status for d in s.attempts] == [status, 204]
        assert shop.ids[0] == shop.ids[1]
        s.advance(24 * 60 * 60)
        s.wait_until_quiet()
        assert len(s.attempts) == 2

    def test_each_attempt_is_signed_anew(
        self, s: StandIn, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.status = 500
        s.pay(opened(s))
        s.wait_until_quiet()
        # Signatures carry whole real seconds.
        a_second_later = SimpleNamespace(time=lambda: time.time() + 1)
        monkeypatch.setattr(webhooks, "time", a_second_later)
        s.advance(6 * 60)
        s.wait_until_quiet()
        assert len(set(shop.headers)) == 2

    def test_it_gives_up_in_the_end(self, s: StandIn, shop: Shop) -> None:
        shop.status = 500
        s.pay(opened(s))
        for _ in range(12):
            s.wait_until_quiet()
            s.advance(13 * 60 * 60)
        s.wait_until_quiet()
        assert len(s.attempts) == 10
        assert len(client(s).v1.events.list({"delivery_success": False}).data) == 1

    def test_nobody_there_is_a_failure_too(self, s: StandIn) -> None:
        s.webhook_url = "http://127.0.0.1:9/"
        s.pay(opened(s))
        s.wait_until_quiet()
        assert [d.status for d in s.attempts] == [0]

    def test_held_events_wait_for_their_release(self, s: StandIn, shop: Shop) -> None:
        s.hold()
        s.pay(opened(s))
        s.wait_until_quiet()
        assert shop.heard == []
        s.release()
        s.wait_until_quiet()
        assert shop.heard == ["completed"]

    def test_held_events_come_by_the_clock(self, s: StandIn, shop: Shop) -> None:
        s.hold(seconds=60)
        s.pay(opened(s))
        s.wait_until_quiet()
        assert shop.heard == []
        s.advance(61)
        s.wait_until_quiet()
        assert shop.heard == ["completed"]

    def test_held_events_can_change_their_order(self, s: StandIn, shop: Shop) -> None:
        s.hold()
        id = s.pay_later(opened(s))["id"]
        s.settle(id)
        s.release("reversed")
        s.wait_until_quiet()
        assert shop.heard == ["async_payment_succeeded", "completed"]

    def test_a_seed_decides_the_order(self, s: StandIn, shop: Shop) -> None:
        ids = [opened(s) for _ in range(8)]
        s.hold()
        for id in ids:
            s.pay(id)
        s.release(random.Random(3))
        s.wait_until_quiet()
        arrived = [event["data"]["object"]["id"] for event in shop.received]
        random.Random(3).shuffle(ids)
        assert arrived == ids

    def test_a_lost_event_never_comes_by_itself(self, s: StandIn, shop: Shop) -> None:
        s.lose()
        s.pay(opened(s))
        s.deliver_normally()
        s.advance(4 * 24 * 60 * 60)
        s.wait_until_quiet()
        assert shop.heard == []
        lost = s.events_of("checkout.session.completed")[0]
        assert s.deliver(lost["id"]) == 200
        assert shop.ids == [lost["id"]]
        assert client(s).v1.events.list({"delivery_success": False}).data == []

    def test_an_event_may_come_twice_at_once(self, s: StandIn, shop: Shop) -> None:
        shop.goes_on.clear()
        s.duplicate(3)
        s.pay(opened(s))
        wait_until(lambda: shop.hearing == 3)
        shop.goes_on.set()
        s.wait_until_quiet()
        assert len(shop.ids) == 3
        assert len(set(shop.ids)) == 1

    def test_without_an_endpoint_nothing_is_owed(self, s: StandIn) -> None:
        s.pay(opened(s))
        s.wait_until_quiet()
        assert s.attempts == []
        assert client(s).v1.events.list({"delivery_success": False}).data == []

    def test_waiting_for_quiet_tells_when_it_is_not(self, s: StandIn, shop: Shop) -> None:
        shop.goes_on.clear()
        s.pay(opened(s))
        with pytest.raises(TimeoutError):
            s.wait_until_quiet(timeout=0.1)
        shop.goes_on.set()
        s.wait_until_quiet()

    def test_a_reset_forgets_everything_but_the_endpoint(self, s: StandIn, shop: Shop) -> None:
        s.pay(opened(s))
        s.fault("POST", "/v1", status=500, times=9)
        s.hold()
        s.advance(500)
        s.reset()
        assert (s.sessions, s.events, s.requests, s.attempts) == ({}, [], [], [])
        assert abs(s.now() - time.time()) < 5
        s.pay(opened(s))
        s.wait_until_quiet()
        assert shop.heard[-1] == "completed"
