"""Stripe's deliveries: only what Stripe signed just now is heard."""

import json
import re
import time

import pytest
import stripe as sdk
from django.db import IntegrityError
from django.test import Client

from checkout import events
from checkout.models import Order, StripeEvent
from storefront.models import Product
from tests.cast import Shopper, deliver, event_about
from tests.log_capture import Log
from tools.stripe_stand_in.webhooks import SECRET, signature

pytestmark = pytest.mark.django_db


def assert_nothing_came_of_it(order: Order) -> None:
    order.refresh_from_db()
    assert order.status == "PENDING"
    assert not StripeEvent.objects.exists()


class TestAVerifiedDelivery:
    @pytest.mark.parametrize("path", ["/stripe/webhook/", "/stripe/webhook"])
    def test_turns_the_order_paid(self, pending_order: Order, path: str):
        assert deliver(event_about(pending_order), path=path).status_code == 200
        pending_order.refresh_from_db()
        assert pending_order.status == "PAID"

    def test_may_be_signed_by_the_sdk(self, pending_order: Order):
        body = json.dumps(event_about(pending_order))
        header = sdk.WebhookSignature.generate_signature_header(body, SECRET)
        assert deliver(body.encode(), header=header).status_code == 200
        pending_order.refresh_from_db()
        assert pending_order.status == "PAID"

    @pytest.mark.parametrize("secret", ["whsec_old", "whsec_new"])
    def test_may_be_signed_with_either_secret_while_one_is_rolled(
        self, pending_order: Order, settings, secret: str
    ):
        settings.STRIPE_WEBHOOK_SECRET = "whsec_old,whsec_new"
        body = json.dumps(event_about(pending_order)).encode()
        assert deliver(body, header=signature(body, secret)).status_code == 200

    def test_needs_no_token_of_a_form(self, pending_order: Order):
        body = json.dumps(event_about(pending_order)).encode()
        response = Client(enforce_csrf_checks=True).post(
            "/stripe/webhook/",
            body,
            content_type="application/json",
            headers={"Stripe-Signature": signature(body)},
        )
        assert response.status_code == 200

    def test_is_not_redirected_to_https(self, pending_order: Order, settings):
        settings.SECURE_SSL_REDIRECT = True
        assert deliver(event_about(pending_order)).status_code == 200

    @pytest.mark.parametrize("error", [RuntimeError, IntegrityError])
    def test_that_fails_half_way_leaves_nothing_and_asks_again(
        self, pending_order: Order, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ):
        def broken(*args: object, **kwargs: object) -> None:
            raise error("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(events, "insert_event", broken)
            client = Client(raise_request_exception=False)
            body = json.dumps(event_about(pending_order)).encode()
            response = client.post(
                "/stripe/webhook/",
                body,
                content_type="application/json",
                headers={"Stripe-Signature": signature(body)},
            )
        assert response.status_code == 500
        assert_nothing_came_of_it(pending_order)
        assert deliver(body).status_code == 200
        pending_order.refresh_from_db()
        assert pending_order.status == "PAID"


class TestWhatStripeDidNotSend:
    NO_EVENTS = (
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b"3",
        b"NaN",
        b'"evt"',
        b"{}",
        b'{"id": "evt_1", "type": "x"}',
        b'{"id": "evt_1", "type": "x", "data": null}',
        b'{"id": "evt_1", "type": "x", "data": {"object": null}}',
        b'{"id": "evt_1", "type": "x", "data": {"object": {"a": NaN}}}',
        b'{"id": null, "type": "x", "data": {"object": {}}}',
        b'{"id": "evt_1", "type": ["x"], "data": {"object": {}}}',
        b'{"id": "evt\\u0000", "type": "x", "data": {"object": {}}}',
        b'{"id": "evt\\ud800", "type": "x", "data": {"object": {}}}',
        b'{"id": "' + b"e" * 70_000 + b'", "type": "x", "data": {"object": {}}}',
        b"[" * 100_000,
        b'{"id": ' + b"9" * 5_000 + b"}",
    )

    @pytest.mark.once
    def test_without_a_signature_is_refused(self, pending_order: Order):
        assert deliver(event_about(pending_order), header="").status_code == 400
        assert_nothing_came_of_it(pending_order)

    @pytest.mark.once
    def test_with_a_broken_signature_is_refused(self, pending_order: Order):
        broken = ["t=1", "v1=abc", "t=abc,v1=abc", "t=,v1=", "🐁", "t=1,v1=é", "x" * 10_000]
        for header in broken:
            assert deliver(event_about(pending_order), header=header).status_code == 400, header
            assert_nothing_came_of_it(pending_order)

    @pytest.mark.once
    def test_signed_with_another_secret_is_refused(self, pending_order: Order):
        body = json.dumps(event_about(pending_order)).encode()
        assert deliver(body, header=signature(body, "whsec_forged")).status_code == 400
        assert_nothing_came_of_it(pending_order)

    @pytest.mark.once
    def test_changed_on_the_way_is_refused(self, pending_order: Order):
        body = json.dumps(event_about(pending_order)).encode()
        changed = body.replace(b"2999", b"0001")
        assert changed != body
        assert deliver(changed, header=signature(body)).status_code == 400
        assert_nothing_came_of_it(pending_order)

    @pytest.mark.once
    @pytest.mark.parametrize("secret", ["whsec_old", "whsec_new"])
    @pytest.mark.parametrize(
        ("age", "when"), [(301, "301 seconds ago"), (-302, "30. seconds ahead"), (-86_400, "ahead")]
    )
    def test_signed_at_another_time_is_refused_and_the_log_names_the_clock(
        self, pending_order: Order, settings, log: Log, secret: str, age: int, when: str
    ):
        settings.STRIPE_WEBHOOK_SECRET = "whsec_old,whsec_new"
        body = json.dumps(event_about(pending_order)).encode()
        header = signature(body, secret, timestamp=int(time.time()) - age)
        assert deliver(body, header=header).status_code == 400
        assert_nothing_came_of_it(pending_order)
        words = log.line("checkout.webhooks")["message"]
        assert re.search(f"signed by Stripe .*{when}: is this clock right", words)

    @pytest.mark.once
    def test_signed_long_ago_is_refused_whatever_time_the_header_adds(self, pending_order: Order):
        body = json.dumps(event_about(pending_order)).encode()
        now, before = int(time.time()), int(time.time()) - 301
        old = signature(body, timestamp=before)
        for header in (f"{old},t={now}", f"t={now},{old}", f"{old}=,t={now}", f" t={now},{old}"):
            assert deliver(body, header=header).status_code == 400
        assert_nothing_came_of_it(pending_order)

    @pytest.mark.once
    def test_not_signed_at_all_says_nothing_of_the_clock(self, pending_order: Order, log: Log):
        body = json.dumps(event_about(pending_order)).encode()
        deliver(body, header=signature(body, "whsec_forged", timestamp=1))
        assert "did not sign" in log.line("checkout.webhooks")["message"]

    def test_signed_but_no_event_is_refused(self, pending_order: Order):
        for body in self.NO_EVENTS:
            assert deliver(body).status_code == 400, body[:60]
            assert_nothing_came_of_it(pending_order)

    @pytest.mark.once
    def test_by_get_is_refused(self):
        assert Client().get("/stripe/webhook/").status_code == 405

    @pytest.mark.once
    def test_is_refused_as_long_as_no_secret_is_set(self, pending_order: Order, settings):
        settings.STRIPE_WEBHOOK_SECRET = ""
        assert deliver(event_about(pending_order)).status_code == 503
        assert_nothing_came_of_it(pending_order)

    def test_leaves_no_trace_of_its_body_in_the_log(
        self, pending_order: Order, caplog: pytest.LogCaptureFixture
    ):
        deliver(event_about(pending_order), header="t=1,v1=forged")
        assert "ada@example.com" not in caplog.text


def test_a_webhook_costs_at_most_seven_queries(
    pending_order: Order, laptop: Product, ada: Shopper, django_assert_max_num_queries
):
    event = event_about(pending_order)
    with django_assert_max_num_queries(7):
        deliver(event)
    assert ada.cart == {}
    with django_assert_max_num_queries(6):
        deliver(event)
