"""The stand-in for Stripe answers as the real API does, and its webhooks arrive as real ones do."""

import hashlib
import hmac
import http.client
import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
import typing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from urllib.parse import urlencode

import pytest
import stripe
import stripe.checkout

from tools.stripe_stand_in import Refusal, RemoteStandIn, StandIn
from tools.stripe_stand_in.server import VERBS
from tools.stripe_stand_in.shapes import API_VERSION
from tools.stripe_stand_in.webhooks import ENABLED_EVENTS, SECRET
from tools.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[3]
Json = dict[str, Any]


class Shop:
    """A webhook endpoint that keeps what it gets and answers what it is told."""

    def __init__(self) -> None:
        self.received: list[Json] = []
        self.headers: list[str] = []
        self.status = 200
        self.pause = 0.0
        self.goes_on = threading.Event()
        self.goes_on.set()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.hear(body, self.headers["Stripe-Signature"])
                self.send_response(shop.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/stripe/webhook/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def hear(self, body: bytes, header: str) -> None:
        stripe.WebhookSignature.verify_header(body.decode(), header, SECRET, tolerance=300)
        time.sleep(self.pause)
        self.goes_on.wait()
        self.received.append(json.loads(body))
        self.headers.append(header)

    @property
    def heard(self) -> list[str]:
        return [event["type"].removeprefix("checkout.session.") for event in self.received]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.received]

    def close(self) -> None:
        self.goes_on.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(autouse=True)
def _quiet_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(stripe, "enable_telemetry", False)


@pytest.fixture
def s() -> Iterator[StandIn]:
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def shop(s: StandIn) -> Iterator[Shop]:
    shop = Shop()
    s.webhook_url = shop.url
    yield shop
    shop.close()


def client(s: StandIn, key: str = "sk_test_ada", retries: int = 0) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": s.url},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=(3, 10)),
    )


def tea(**changes: Any) -> Json:
    price = {"currency": "usd", "unit_amount": 2999, "product_data": {"name": "Tea"}}
    return {"price_data": {**price, **changes.pop("price", {})}, "quantity": 2, **changes}


def wish(**changes: Any) -> Json:
    return {
        "mode": "payment",
        "line_items": [tea()],
        "success_url": "https://shop.example/?order=7",
        "cancel_url": "https://shop.example/?canceled=7",
        "client_reference_id": "7",
        "metadata": {"order_id": "7"},
        "payment_intent_data": {"metadata": {"order_id": "7"}},
        **changes,
    }


def without(name: str) -> Json:
    return {key: value for key, value in wish().items() if key != name}


def create(s: StandIn, key: str | None = None, **changes: Any) -> Json:
    options: Any = {"idempotency_key": key} if key else {}
    sessions = client(s).v1.checkout.sessions
    return sessions.create(typing.cast(Any, wish(**changes)), options).to_dict()


def opened(s: StandIn, **changes: Any) -> str:
    id: str = create(s, **changes)["id"]
    return id


def call(
    s: StandIn, method: str, path: str, form: Json | None = None, **headers: str
) -> tuple[int, Json, http.client.HTTPMessage]:
    """A request without the SDK, to see what the SDK hides."""
    connection = http.client.HTTPConnection("127.0.0.1", s.port, timeout=10)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    auth = {"Authorization": "Bearer sk_test_ada"}
    connection.request(method, path, urlencode(form or {}), {**auth, **kind, **headers})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    is_json = response.headers.get_content_type() == "application/json"
    return response.status, json.loads(text) if is_json else {"text": text.decode()}, response.msg


@contextmanager
def refused(code: str | None = None, param: str | None = None) -> Iterator[None]:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        yield
    assert (refusal.value.code, refusal.value.param) == (code, param)


class TestOpeningASession:
    def test_it_is_open_unpaid_and_has_a_page(self, s: StandIn) -> None:
        session = create(s)
        assert (session["status"], session["payment_status"]) == ("open", "unpaid")
        assert session["url"] == f"{s.url}/c/pay/{session['id']}"
        assert session["payment_intent"] is None

    def test_ids_look_like_stripes(self, s: StandIn) -> None:
        assert re.fullmatch(r"cs_test_[0-9A-Za-z]{58}", opened(s))

    def test_it_echoes_what_the_shop_told(self, s: StandIn) -> None:
        session = create(s)
        assert session["metadata"] == {"order_id": "7"}
        assert session["client_reference_id"] == "7"
        assert (session["amount_total"], session["currency"]) == (5998, "usd")

    def test_it_lives_a_day_unless_told_otherwise(self, s: StandIn) -> None:
        session = create(s)
        assert session["expires_at"] - session["created"] == 24 * 60 * 60
        soon = s.now() + 1800
        assert create(s, expires_at=soon)["expires_at"] == soon

    def test_it_can_be_read_again(self, s: StandIn) -> None:
        session = create(s)
        again = client(s).v1.checkout.sessions.retrieve(session["id"]).to_dict()
        assert again == session

    def test_its_lines_are_shown_when_asked_for(self, s: StandIn) -> None:
        id = opened(s, line_items=[tea(), tea(quantity=1)])
        sessions = client(s).v1.checkout.sessions
        assert "line_items" not in sessions.retrieve(id).to_dict()
        shown = sessions.retrieve(id, {"expand": ["line_items"]}).to_dict()["line_items"]
        assert [line["amount_total"] for line in shown["data"]] == [5998, 2999]
        assert sessions.line_items.list(id).to_dict()["data"] == shown["data"]

    def test_the_page_is_on_the_host_that_was_asked(self, s: StandIn) -> None:
        form = {
            "mode": "payment",
            "success_url": "http://x.example/",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": "500",
            "line_items[0][price_data][product_data][name]": "Tea",
        }
        _, local, _ = call(s, "POST", "/v1/checkout/sessions", form, Host=f"localhost:{s.port}")
        _, forged, _ = call(s, "POST", "/v1/checkout/sessions", form, Host="evil.example")
        assert local["url"].startswith(f"http://localhost:{s.port}/c/pay/")
        assert forged["url"].startswith(s.url)


REFUSALS: list[tuple[str, Json, str | None, str]] = [
    ("unknown", wish(colour="red"), "parameter_unknown", "colour"),
    ("dead", wish(payment_method_types=["card"]), "parameter_unknown", "payment_method_types"),
    (
        "unknown deep inside",
        wish(line_items=[tea(price={"cost": 5})]),
        "parameter_unknown",
        "line_items[0][price_data][cost]",
    ),
    ("no word of the list", wish(mode="gift"), None, "mode"),
    ("not an integer", wish(expires_at="soon"), "parameter_invalid_integer", "expires_at"),
    (
        "half a cent",
        wish(line_items=[tea(price={"unit_amount": "29.99"})]),
        "parameter_invalid_integer",
        "line_items[0][price_data][unit_amount]",
    ),
    ("not a list", wish(line_items="tea"), None, "line_items"),
    ("not an object", wish(metadata="tea"), None, "metadata"),
    ("object for a string", wish(success_url={"a": "b"}), None, "success_url"),
    ("no mode", without("mode"), "parameter_missing", "mode"),
    ("no lines", without("line_items"), "parameter_missing", "line_items"),
    ("no way back", without("success_url"), "parameter_missing", "success_url"),
    (
        "no currency",
        wish(line_items=[{"quantity": 1, "price_data": {"unit_amount": 500}}]),
        "parameter_missing",
        "line_items[0][price_data][currency]",
    ),
    (
        "no quantity",
        wish(line_items=[{"price_data": tea()["price_data"]}]),
        "parameter_missing",
        "line_items[0][quantity]",
    ),
    ("101 lines", wish(line_items=[tea()] * 101), None, "line_items"),
    (
        "none of it",
        wish(line_items=[tea(quantity=0)]),
        "parameter_invalid_integer",
        "line_items[0][quantity]",
    ),
    (
        "negative price",
        wish(line_items=[tea(price={"unit_amount": -1})]),
        "parameter_invalid_integer",
        "line_items[0][price_data][unit_amount]",
    ),
    (
        "nameless",
        wish(line_items=[tea(price={"product_data": {"name": ""}})]),
        "parameter_invalid_empty",
        "line_items[0][price_data][product_data][name]",
    ),
    (
        "no such currency",
        wish(line_items=[tea(price={"currency": "xxx"})]),
        None,
        "line_items[0][price_data][currency]",
    ),
    (
        "two currencies",
        wish(line_items=[tea(), tea(price={"currency": "eur"})]),
        None,
        "line_items",
    ),
    (
        "fils that nobody has",
        wish(line_items=[tea(price={"currency": "kwd", "unit_amount": 12345})]),
        None,
        "line_items[0][price_data][unit_amount]",
    ),
    (
        "49 cents",
        wish(line_items=[tea(quantity=1, price={"unit_amount": 49})]),
        "amount_too_small",
        "line_items",
    ),
    (
        "a million",
        wish(line_items=[tea(quantity=1, price={"unit_amount": 100_000_000})]),
        "amount_too_large",
        "line_items",
    ),
    ("relative URL", wish(success_url="/done"), "url_invalid", "success_url"),
    ("strange scheme", wish(cancel_url="javascript:alert(1)"), "url_invalid", "cancel_url"),
    ("51 keys", wish(metadata={f"k{n}": "v" for n in range(51)}), None, "metadata"),
    ("long key", wish(metadata={"k" * 41: "v"}), None, "metadata"),
    ("long value", wish(metadata={"k": "v" * 501}), None, "metadata[k]"),
    (
        "long value below",
        wish(payment_intent_data={"metadata": {"k": "v" * 501}}),
        None,
        "payment_intent_data[metadata][k]",
    ),
    ("long reference", wish(client_reference_id="7" * 201), None, "client_reference_id"),
    ("no address", wish(customer_email="ada"), "email_invalid", "customer_email"),
    ("not played", wish(allow_promotion_codes=True), None, "allow_promotion_codes"),
    ("unknown expansion", wish(expand=["colour"]), None, "expand"),
]


class TestRefusingARequest:
    @pytest.mark.parametrize(
        ("params", "code", "param"),
        [case[1:] for case in REFUSALS],
        ids=[case[0] for case in REFUSALS],
    )
    def test_a_session_that_stripe_would_not_open(
        self, s: StandIn, params: Json, code: str | None, param: str
    ) -> None:
        with refused(code, param):
            client(s).v1.checkout.sessions.create(typing.cast(Any, params))

    @pytest.mark.parametrize(
        ("amount", "currency"), [(50, "usd"), (0, "usd"), (99_999_999, "usd"), (12340, "kwd")]
    )
    def test_the_outermost_amounts_are_taken(self, s: StandIn, amount: int, currency: str) -> None:
        line = tea(quantity=1, price={"unit_amount": amount, "currency": currency})
        assert create(s, line_items=[line])["amount_total"] == amount

    def test_a_hundred_lines_are_taken(self, s: StandIn) -> None:
        assert create(s, line_items=[tea()] * 100)["amount_total"] == 100 * 5998

    @pytest.mark.parametrize("seconds", [1700, 1798, 24 * 60 * 60 + 60])
    def test_too_soon_or_too_late_an_end(self, s: StandIn, seconds: int) -> None:
        with refused(None, "expires_at"):
            create(s, expires_at=s.now() + seconds)

    def test_expiry_is_judged_by_the_stand_ins_clock(self, s: StandIn) -> None:
        later = s.now() + 3600
        s.advance(7200)
        with refused(None, "expires_at"):
            create(s, expires_at=later)

    @pytest.mark.parametrize("key", ["sk_live_ada", "pk_test_ada", "nonsense"])
    def test_a_key_that_is_no_test_key(self, s: StandIn, key: str) -> None:
        with pytest.raises(stripe.AuthenticationError):
            client(s, key).v1.events.list()

    def test_a_restricted_key_and_basic_authorization_are_taken(self, s: StandIn) -> None:
        assert client(s, "rk_test_ada").v1.events.list().data == []
        assert call(s, "GET", "/v1/events", Authorization="Basic c2tfdGVzdF94Og==")[0] == 200
        assert call(s, "GET", "/v1/events", Authorization="")[0] == 401

    def test_another_api_version(self, s: StandIn) -> None:
        assert call(s, "GET", "/v1/events", None, **{"Stripe-Version": "2020-08-27"})[0] == 400

    def test_a_call_that_the_stand_in_does_not_play(self, s: StandIn) -> None:
        with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
            client(s).v1.customers.create()

    def test_ids_that_nobody_knows(self, s: StandIn) -> None:
        v1 = client(s).v1
        for read in (v1.checkout.sessions, v1.refunds, v1.charges, v1.events):
            with refused("resource_missing", "id"):
                read.retrieve("xx_1")
        with refused("resource_missing", "intent"):
            v1.payment_intents.retrieve("pi_1")

    def test_lists_check_their_parameters(self, s: StandIn) -> None:
        v1 = client(s).v1
        with refused("parameter_invalid_integer", "limit"):
            v1.events.list({"limit": 101})
        with refused("parameter_unknown", "colour"):
            v1.refunds.list(typing.cast(Any, {"colour": "red"}))
        with refused(None, "delivery_success"):
            v1.events.list(typing.cast(Any, {"delivery_success": "perhaps"}))
        with refused("resource_missing", "starting_after"):
            v1.checkout.sessions.list({"starting_after": "cs_test_nobody"})
        with refused(None, "status"):
            v1.checkout.sessions.list({"status": "sold"})
        with refused(None, "types"):
            v1.events.list({"type": "refund.created", "types": ["refund.failed"]})

    def test_every_answer_names_version_and_request(self, s: StandIn) -> None:
        _, _, headers = call(s, "GET", "/v1/events")
        assert headers["Stripe-Version"] == API_VERSION == stripe.api_version
        assert headers["request-id"] == s.requests[-1].id
        assert headers["request-id"].startswith("req_")

    def test_the_log_shows_what_was_asked(self, s: StandIn) -> None:
        create(s, key="order-7-1")
        entry = s.requests[-1]
        assert (entry.method, entry.path) == ("POST", "/v1/checkout/sessions")
        assert entry.params["line_items"][0]["price_data"]["unit_amount"] == 2999
        assert (entry.idempotency_key, entry.status, entry.replayed) == ("order-7-1", 200, False)


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
        session = patient.v1.checkout.sessions.create(typing.cast(Any, wish()))
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


class TestPaying:
    def test_by_card(self, s: StandIn) -> None:
        session = s.pay(opened(s), email="bo@example.com")
        assert (session["status"], session["payment_status"]) == ("complete", "paid")
        assert session["customer_details"]["email"] == "bo@example.com"
        assert session["url"] is None

    def test_the_payment_knows_the_order(self, s: StandIn) -> None:
        session = s.pay(opened(s))
        intent = client(s).v1.payment_intents.retrieve(session["payment_intent"]).to_dict()
        assert intent["metadata"] == {"order_id": "7"}
        assert (intent["status"], intent["amount_received"]) == ("succeeded", 5998)
        charge = client(s).v1.charges.retrieve(intent["latest_charge"]).to_dict()
        assert (charge["status"], charge["paid"]) == ("succeeded", True)

    def test_session_metadata_is_not_copied_to_the_payment(self, s: StandIn) -> None:
        id = s.pay(opened(s, payment_intent_data={}))["payment_intent"]
        assert client(s).v1.payment_intents.retrieve(id).to_dict()["metadata"] == {}

    def test_later_and_then_the_bank_pays(self, s: StandIn) -> None:
        later = s.pay_later(opened(s))
        assert (later["status"], later["payment_status"]) == ("complete", "unpaid")
        settled = s.settle(later["id"])
        assert settled["payment_status"] == "paid"
        assert settled["payment_intent"] == later["payment_intent"]

    def test_later_and_then_the_bank_refuses(self, s: StandIn) -> None:
        id = s.pay_later(opened(s))["id"]
        assert s.fail(id)["payment_status"] == "unpaid"
        with pytest.raises(Refusal):
            s.settle(id)

    def test_nothing_for_something_free(self, s: StandIn) -> None:
        free = s.pay(opened(s, line_items=[tea(price={"unit_amount": 0})]))
        assert free["payment_status"] == "no_payment_required"
        assert free["payment_intent"] is None

    def test_with_a_declined_card_leaves_it_open(self, s: StandIn) -> None:
        id = opened(s)
        s.decline(id)
        assert s.events == []
        assert s.pay(id)["status"] == "complete"

    def test_twice_is_refused(self, s: StandIn) -> None:
        id = s.pay(opened(s))["id"]
        with pytest.raises(Refusal):
            s.pay(id)
        assert len(s.events_of("checkout.session.completed")) == 1

    def test_what_the_api_shows_is_a_copy(self, s: StandIn) -> None:
        id = opened(s)
        s.session(id)["status"] = s.sessions[id]["status"] = "stolen"
        assert s.session(id)["status"] == "open"


class TestExpiring:
    def test_by_the_api(self, s: StandIn) -> None:
        session = client(s).v1.checkout.sessions.expire(opened(s)).to_dict()
        assert (session["status"], session["payment_intent"]) == ("expired", None)
        assert session["url"] is None
        event = s.events_of("checkout.session.expired")[0]
        assert event["request"]["id"] == s.requests[-1].id

    def test_only_what_is_open(self, s: StandIn) -> None:
        id = s.pay(opened(s))["id"]
        with refused(None, "session"):
            client(s).v1.checkout.sessions.expire(id)
        assert s.session(id)["status"] == "complete"

    def test_by_the_clock(self, s: StandIn) -> None:
        id = opened(s, expires_at=s.now() + 1800)
        s.advance(1790)
        assert s.session(id)["status"] == "open"
        s.advance(15)
        assert s.session(id)["status"] == "expired"
        assert len(s.events_of("checkout.session.expired")) == 1

    def test_an_expired_session_takes_no_money(self, s: StandIn) -> None:
        id = s.expire(opened(s))["id"]
        with pytest.raises(Refusal):
            s.pay(id)


class TestGivingBack:
    def test_all_of_it(self, s: StandIn) -> None:
        intent = s.pay(opened(s))["payment_intent"]
        refund = client(s).v1.refunds.create({"payment_intent": intent}).to_dict()
        assert (refund["amount"], refund["status"]) == (5998, "succeeded")
        charge = s.events_of("charge.refunded")[0]["data"]["object"]
        assert (charge["amount_refunded"], charge["refunded"]) == (5998, True)

    def test_in_parts_with_a_running_total(self, s: StandIn) -> None:
        id = s.pay(opened(s))["id"]
        s.refund(id, amount=1000)
        s.refund(id, amount=500)
        totals = [e["data"]["object"]["amount_refunded"] for e in s.events_of("charge.refunded")]
        assert totals == [1000, 1500]

    def test_never_more_than_was_paid(self, s: StandIn) -> None:
        intent = s.pay(opened(s))["payment_intent"]
        refunds = client(s).v1.refunds
        with refused("amount_too_large", "amount"):
            refunds.create({"payment_intent": intent, "amount": 5999})
        refunds.create({"payment_intent": intent})
        with refused("charge_already_refunded"):
            refunds.create({"payment_intent": intent})

    def test_refunds_check_their_parameters(self, s: StandIn) -> None:
        intent = s.pay(opened(s))["payment_intent"]
        refunds = client(s).v1.refunds
        with refused("parameter_missing"):
            refunds.create({})
        with refused("parameter_invalid_integer", "amount"):
            refunds.create({"payment_intent": intent, "amount": 0})
        with refused(None, "reason"):
            refunds.create({"payment_intent": intent, "reason": "bored"})
        with refused("resource_missing", "payment_intent"):
            refunds.create({"payment_intent": "pi_nobody"})

    def test_a_failed_refund_returns_to_the_merchant(self, s: StandIn) -> None:
        id = s.pay(opened(s))["id"]
        refund = s.refund(id)
        assert s.fail_refund(refund["id"])["status"] == "failed"
        assert s.refund(id)["amount"] == 5998

    def test_refunds_are_listed_by_payment(self, s: StandIn) -> None:
        ada, bo = s.pay(opened(s)), s.pay(opened(s))
        mine, _ = s.refund(ada["id"]), s.refund(bo["id"])
        found = client(s).v1.refunds.list({"payment_intent": ada["payment_intent"]})
        assert [refund.id for refund in found.data] == [mine["id"]]

    @pytest.mark.parametrize(("won", "last"), [(True, "funds_reinstated"), (False, "closed")])
    def test_a_dispute_takes_the_money_until_it_is_decided(
        self, s: StandIn, won: bool, last: str
    ) -> None:
        id = s.pay(opened(s))["id"]
        s.dispute(id)
        with pytest.raises(Refusal):
            s.refund(id)
        assert s.close_dispute(id, won=won)["status"] == ("won" if won else "lost")
        types = {e["type"].removeprefix("charge.dispute.") for e in s.events}
        assert last in types
        assert ("funds_reinstated" in types) is won


class TestReadingLists:
    def test_sessions_newest_first_in_pages(self, s: StandIn) -> None:
        ids = [opened(s) for _ in range(5)]
        sessions = client(s).v1.checkout.sessions
        page = sessions.list({"limit": 2})
        assert ([x.id for x in page.data], page.has_more) == ([ids[4], ids[3]], True)
        assert [x.id for x in page.auto_paging_iter()] == ids[::-1]
        newer = sessions.list({"limit": 2, "ending_before": ids[1]})
        assert [x.id for x in newer.data] == [ids[3], ids[2]]

    def test_sessions_by_payment_and_status(self, s: StandIn) -> None:
        paid, waiting = s.pay(opened(s)), opened(s)
        sessions = client(s).v1.checkout.sessions
        by_payment = sessions.list({"payment_intent": paid["payment_intent"]})
        assert [x.id for x in by_payment.data] == [paid["id"]]
        assert [x.id for x in sessions.list({"status": "open"}).data] == [waiting]

    def test_events_newest_first_by_type_and_time(self, s: StandIn) -> None:
        s.pay(opened(s))
        s.advance(100)
        s.expire(opened(s))
        events = client(s).v1.events
        assert events.list().data[0].type == "checkout.session.expired"
        assert [e.type for e in events.list({"type": "charge.*"}).data] == ["charge.succeeded"]
        recent = events.list({"created": {"gte": s.now() - 50}})
        assert [e.type for e in recent.data] == ["checkout.session.expired"]
        both = ["checkout.session.completed", "checkout.session.expired"]
        assert [e.type for e in events.list({"types": both}).data] == both[::-1]

    def test_events_are_listed_for_thirty_days(self, s: StandIn) -> None:
        s.pay(opened(s))
        s.advance(29 * 24 * 60 * 60)
        assert client(s).v1.events.list().data != []
        s.advance(2 * 24 * 60 * 60)
        assert client(s).v1.events.list({"types": ["payment_intent.created"]}).data == []

    def test_undelivered_events_can_be_asked_for(self, s: StandIn, shop: Shop) -> None:
        s.lose(["checkout.session.completed"])
        id = s.pay(opened(s))["id"]
        s.refund(id)
        s.wait_until_quiet()
        missed = client(s).v1.events.list({"delivery_success": False})
        assert [e.type for e in missed.data] == ["checkout.session.completed"]
        assert len(client(s).v1.events.list({"delivery_success": True}).data) > 1


class TestDelivering:
    def test_a_signed_event_arrives(self, s: StandIn, shop: Shop) -> None:
        id = s.pay(opened(s))["id"]
        s.wait_until_quiet()
        assert shop.heard == ["completed"]
        assert shop.received[0]["data"]["object"]["id"] == id
        assert [(d.event_id, d.status) for d in s.deliveries] == [(shop.ids[0], 200)]

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

    def test_an_event_is_a_photograph(self, s: StandIn, shop: Shop) -> None:
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
        assert [d.status for d in s.deliveries] == [status, 204]
        assert shop.ids[0] == shop.ids[1]
        s.advance(24 * 60 * 60)
        s.wait_until_quiet()
        assert len(s.deliveries) == 2

    def test_each_try_is_signed_anew(self, s: StandIn, shop: Shop) -> None:
        shop.status = 500
        s.pay(opened(s))
        s.wait_until_quiet()
        time.sleep(1.01)  # signatures carry whole real seconds
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
        assert len(s.deliveries) == 10
        assert len(client(s).v1.events.list({"delivery_success": False}).data) == 1

    def test_nobody_there_is_a_failure_too(self, s: StandIn) -> None:
        s.webhook_url = "http://127.0.0.1:9/"
        s.pay(opened(s))
        s.wait_until_quiet()
        assert [d.status for d in s.deliveries] == [0]

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
        shop.pause = 0.05
        s.duplicate(3)
        s.pay(opened(s))
        s.wait_until_quiet()
        assert len(shop.ids) == 3
        assert len(set(shop.ids)) == 1

    def test_without_an_endpoint_nothing_is_owed(self, s: StandIn) -> None:
        s.pay(opened(s))
        s.wait_until_quiet()
        assert s.deliveries == []
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
        assert (s.sessions, s.events, s.requests, s.deliveries) == ({}, [], [], [])
        assert abs(s.now() - time.time()) < 5
        s.pay(opened(s))
        s.wait_until_quiet()
        assert shop.heard[-1] == "completed"


class TestTheHostedPage:
    def press(self, s: StandIn, id: str, action: str, email: str = "bo@example.com") -> str:
        form = {"action": action, "email": email}
        status, _, headers = call(s, "POST", f"/c/pay/{id}", form)
        assert status == 303
        return str(headers["Location"])

    def look(self, s: StandIn, path: str) -> str:
        return str(call(s, "GET", path)[1]["text"])

    def test_it_shows_what_is_bought(self, s: StandIn) -> None:
        page = self.look(s, f"/c/pay/{opened(s, line_items=[tea(price=named('<b>Tea'))])}")
        assert "&lt;b&gt;Tea" in page
        assert "59.98 USD" in page
        assert "https://shop.example/?canceled=7" in page

    def test_it_needs_neither_scripts_nor_inline_styles(self, s: StandIn) -> None:
        _, body, headers = call(s, "GET", f"/c/pay/{opened(s)}")
        assert headers["Content-Security-Policy"] == "default-src 'none'; style-src 'self'"
        assert not re.search(r"<script|<style|style=| on\w+=", body["text"])
        assert call(s, "GET", "/_stand_in/page.css")[2].get_content_type() == "text/css"

    def test_paying_leads_back_to_the_shop(self, s: StandIn) -> None:
        id = opened(s, success_url="https://shop.example/?s={CHECKOUT_SESSION_ID}")
        assert self.press(s, id, "pay") == f"https://shop.example/?s={id}"
        assert s.session(id)["customer_details"]["email"] == "bo@example.com"

    def test_paying_later_leads_back_unpaid(self, s: StandIn) -> None:
        id = opened(s)
        assert self.press(s, id, "pay_later") == "https://shop.example/?order=7"
        assert s.session(id)["payment_status"] == "unpaid"

    @pytest.mark.parametrize(("button", "state"), [("settle", "paid"), ("fail", "unpaid")])
    def test_somebody_can_play_the_bank(self, s: StandIn, button: str, state: str) -> None:
        id = opened(s)
        self.press(s, id, "pay_later")
        assert f"value='{button}'" in self.look(s, f"/c/pay/{id}")
        assert self.press(s, id, button) == f"/c/pay/{id}"
        assert s.session(id)["payment_status"] == state
        assert f"value='{button}'" not in self.look(s, f"/c/pay/{id}")

    def test_a_declined_card_may_try_again(self, s: StandIn) -> None:
        id = opened(s)
        page = self.look(s, self.press(s, id, "decline"))
        assert "Your card was declined." in page
        assert "bo@example.com" in page
        assert self.press(s, id, "pay") == "https://shop.example/?order=7"

    def test_a_bad_email_pays_nothing(self, s: StandIn) -> None:
        id = opened(s)
        assert "Your email is incomplete." in self.look(s, self.press(s, id, "pay", email="bo"))
        assert self.press(s, id, "steal") == f"/c/pay/{id}"
        assert s.session(id)["status"] == "open"

    def test_a_page_that_is_over_says_so(self, s: StandIn) -> None:
        paid, gone = s.pay(opened(s))["id"], s.expire(opened(s))["id"]
        assert "You have already paid." in self.look(s, f"/c/pay/{paid}")
        expired = self.look(s, f"/c/pay/{gone}")
        assert "This session has expired" in expired
        assert "https://shop.example/?canceled=7" in expired
        assert self.press(s, paid, "pay") == f"/c/pay/{paid}"
        assert call(s, "GET", "/c/pay/cs_test_nobody")[0] == 404

    def test_the_shopper_waits_for_the_shops_webhook(self, s: StandIn, shop: Shop) -> None:
        shop.pause = 0.3
        self.press(s, opened(s), "pay")
        assert shop.heard == ["completed"]

    def test_the_shopper_does_not_wait_for_ever(self, s: StandIn, shop: Shop) -> None:
        shop.goes_on.clear()
        s.checkout_wait = 0.1
        self.press(s, opened(s), "pay")
        assert shop.heard == []
        shop.goes_on.set()
        s.wait_until_quiet()
        assert shop.heard == ["completed"]

    def test_the_shopper_does_not_wait_for_what_is_held(self, s: StandIn, shop: Shop) -> None:
        s.hold()
        s.checkout_wait = 60
        began = time.monotonic()
        self.press(s, opened(s), "pay")
        assert time.monotonic() - began < 30
        assert shop.heard == []


def named(name: str) -> Json:
    return {"product_data": {"name": name}}


class TestSteeringFromAnotherProcess:
    def test_every_verb_exists(self) -> None:
        assert [verb for verb in VERBS if not callable(getattr(StandIn, verb, None))] == []

    def test_it_does_what_the_stand_in_does(self, s: StandIn, shop: Shop) -> None:
        remote = RemoteStandIn(s.url)
        remote.hold()
        id = opened(s)
        assert remote.pay(id, email="bo@example.com")["payment_status"] == "paid"
        assert remote.refund(id, amount=100)["amount"] == 100
        remote.release(order="reversed")
        remote.wait_until_quiet()
        assert shop.heard[-1] == "completed"
        assert remote.sessions == s.sessions
        assert remote.events == s.events
        assert [d["status"] for d in remote.deliveries] == [200] * len(shop.heard)
        assert remote.requests[0]["path"] == "/v1/checkout/sessions"

    def test_it_orders_faults_and_time(self, s: StandIn) -> None:
        remote = RemoteStandIn(s.url)
        before = remote.now()
        remote.advance(1000)
        assert remote.now() >= before + 1000
        remote.fault("GET", "/v1/events", status=500)
        assert call(s, "GET", "/v1/events")[0] == 500

    def test_what_is_refused_is_refused_there_too(self, s: StandIn) -> None:
        remote = RemoteStandIn(s.url)
        with pytest.raises(Refusal, match="No such"):
            remote.pay("cs_test_nobody")
        with pytest.raises(AttributeError):
            remote.steal("cs_test_nobody")
        with pytest.raises(TypeError):
            remote.pay()

    def test_a_form_from_a_web_page_moves_nothing(self, s: StandIn) -> None:
        id = opened(s)
        assert call(s, "POST", "/_stand_in/pay", {"id": id})[0] == 404
        assert s.session(id)["status"] == "open"


class TestRunningAlone:
    def test_it_says_how_to_start_the_shop_and_ends_politely(self) -> None:
        command = [sys.executable, "-u", "-m", "tools.stripe_stand_in", "--port", "0"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            said = ""
            for line in process.stdout:  # which ends with the process
                said += line
                if "Ctrl-C" in line:
                    break
            port = re.search(r"export STRIPE_API_BASE=http://localhost:(\d+)\n", said)
            assert port, said
            assert "$env:STRIPE_SECRET_KEY" in said
            assert RemoteStandIn(f"http://127.0.0.1:{port[1]}").sessions == {}
            process.send_signal(signal.SIGINT)
            assert "Nothing was charged" in process.communicate(timeout=PATIENCE_SECONDS)[0]
        assert process.returncode == 0


# Fields that the real objects hold only sometimes. Every other field of the SDK's class has to
# be there, be it null.
SOMETIMES = {
    "checkout.session": """
        branding_settings excluded_payment_method_types line_items name_collection optional_items
        presentment_details redirect_on_completion return_url tax_id_collection
    """,
    "item": "discounts taxes",
    "price": "currency_options deleted tiers",
    "charge": "authorization_code level3 presentment_details refunds transfer",
    "payment_intent": "hooks payment_details presentment_details transfer_data",
    "refund": """
        description destination_details failure_balance_transaction failure_reason next_action
        instructions_email pending_reason presentment_details
    """,
    "dispute": "network_reason_code",
    "event": "account context",
}
CLASSES: dict[str, type] = {
    "checkout.session": stripe.checkout.Session,
    "item": stripe.LineItem,
    "price": stripe.Price,
    "charge": stripe.Charge,
    "payment_intent": stripe.PaymentIntent,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "list": stripe.ListObject,
}


class Names(dict[str, Any]):
    """The names in the SDK's annotations that it imports for type checkers alone."""

    def __missing__(self, name: str) -> Any:
        return getattr(stripe, name, Any)


def fields_of(kind: type) -> Json:
    hints = typing.get_type_hints(kind, localns=Names())
    return {
        name: hint
        for name, hint in hints.items()
        if not name.startswith("_") and get_origin(hint) is not typing.ClassVar
    }


def misfits(value: Any, hint: Any, path: str) -> list[str]:
    """Where a value of ours differs from what the SDK says about it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or isinstance(hint, typing.TypeVar):
        return known_misfits(value, path) if isinstance(value, dict) else []
    if origin in (Union, UnionType):
        return union_misfits(value, arguments, path)
    if origin is Literal:
        return [] if value in arguments else [f"{path}: {value!r} is not one of {arguments}"]
    if origin is list and isinstance(value, list):
        return [
            m for n, each in enumerate(value) for m in misfits(each, arguments[0], f"{path}.{n}")
        ]
    if origin is dict or (isinstance(origin, type) and issubclass(origin, stripe.StripeObject)):
        known = isinstance(value, dict) and value.get("object") in CLASSES
        return known_misfits(value, path) if known else wrong(value, dict, path)
    if isinstance(hint, type) and issubclass(hint, stripe.StripeObject):
        return object_misfits(value, hint, path)
    return wrong(value, str if hint is Decimal else hint, path)


def wrong(value: Any, kind: type, path: str) -> list[str]:
    return [] if type(value) is kind else [f"{path}: {value!r} is no {kind.__name__}"]


def union_misfits(value: Any, kinds: tuple[Any, ...], path: str) -> list[str]:
    if value is None:
        return [] if NoneType in kinds else [f"{path}: null"]
    has_words = any(get_origin(kind) is Literal for kind in kinds)
    rest = [kind for kind in kinds if kind is not NoneType and not (has_words and kind is str)]
    tries = [misfits(value, kind, path) for kind in rest]
    return min(tries, key=len)


def object_misfits(value: Any, kind: type, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no {kind.__name__}"]
    fields = fields_of(kind)
    found = [f"{path}.{name}: unknown to the SDK" for name in value.keys() - fields.keys()]
    for name, hint in fields.items():
        if name in value:
            found += misfits(value[name], hint, f"{path}.{name}")
        elif NoneType not in get_args(hint):
            found.append(f"{path}.{name}: missing")
    return found


def known_misfits(value: Json, path: str) -> list[str]:
    kind = value["object"]
    if kind == "list":
        # The SDK's class leaves its own name to each kind of list.
        page = {name: value[name] for name in value if name != "object"}
        return object_misfits(page, CLASSES["list"], path)
    always = fields_of(CLASSES[kind]).keys() - set(SOMETIMES[kind].split())
    missing = [f"{path}.{name}: missing" for name in always - value.keys()]
    return missing + object_misfits(value, CLASSES[kind], path)


class TestLookingLikeStripe:
    """The drift guard: a newer SDK that knows other fields or words fails these tests."""

    @pytest.fixture
    def busy(self, s: StandIn) -> StandIn:
        """A stand-in in which everything has happened once."""
        s.listen("http://127.0.0.1:9/", enabled_events=["*"])
        s.hold()
        opened(s, locale="de", submit_type="pay", customer_email="ada@example.com")
        paid = s.pay(opened(s))["id"]
        s.fail_refund(s.refund(paid, amount=100)["id"])
        for won in (True, False):
            disputed = s.pay(opened(s))["id"]
            s.dispute(disputed)
            s.close_dispute(disputed, won=won)
        for currency in ("usd", "eur"):
            later = s.pay_later(opened(s, line_items=[tea(price={"currency": currency})]))["id"]
            s.settle(later)
            s.refund(later)
        s.fail(s.pay_later(opened(s))["id"])
        s.expire(opened(s))
        s.pay(opened(s, line_items=[tea(price={"unit_amount": 0})]))
        return s

    def test_all_objects(self, busy: StandIn) -> None:
        names = ("sessions", "payment_intents", "charges", "refunds", "disputes")
        books = busy.books.photograph()
        found = [thing for name in names for thing in books[name].values()]
        assert {thing["object"] for thing in found} == CLASSES.keys() - {
            *("item", "price", "event", "list")
        }
        assert [m for thing in found for m in known_misfits(thing, thing["object"])] == []

    def test_all_events(self, busy: StandIn) -> None:
        assert {event["type"] for event in busy.events} > set(ENABLED_EVENTS)
        wrong = [
            m
            for event in busy.events
            for m in known_misfits(event, event["type"])
            + known_misfits(event["data"]["object"], event["type"])
        ]
        assert wrong == []

    def test_lists_and_expanded_objects(self, busy: StandIn) -> None:
        id = busy.pay(opened(busy))["id"]
        expand = "expand[]=line_items&expand[]=payment_intent.latest_charge"
        _, session, _ = call(busy, "GET", f"/v1/checkout/sessions/{id}?{expand}")
        assert session["payment_intent"]["latest_charge"]["object"] == "charge"
        assert known_misfits(session, "session") == []
        for path in (
            "checkout/sessions",
            "refunds",
            "events",
            f"checkout/sessions/{id}/line_items",
        ):
            _, page, _ = call(busy, "GET", f"/v1/{path}?limit=100")
            assert page["data"] != []
            assert known_misfits(page, path) == []

    def test_the_sdk_reads_its_events(self, busy: StandIn) -> None:
        for event in busy.events:
            payload = json.dumps(event)
            header = stripe.WebhookSignature.generate_signature_header(payload, SECRET)
            read = stripe.Webhook.construct_event(payload, header, SECRET)
            assert read.to_dict() == event

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            ({"colour": "red"}, "unknown to the SDK"),
            ({"payment_status": "maybe"}, "is not one of"),
            ({"amount_total": "5998"}, "is no int"),
            ({"expires_at": None}, "is no int"),
            ({"automatic_tax": {"enabled": "no"}}, "is no bool"),
            ({"custom_text": []}, "is no CustomText"),
        ],
    )
    def test_the_guard_itself_sees_a_drift(self, s: StandIn, change: Json, complaint: str) -> None:
        session = s.session(opened(s))
        assert known_misfits(session, "session") == []
        assert complaint in "; ".join(known_misfits({**session, **change}, "session"))

    @pytest.mark.parametrize("name", ["status", "url", "livemode", "total_details"])
    def test_the_guard_itself_sees_a_missing_field(self, s: StandIn, name: str) -> None:
        session = s.session(opened(s))
        del session[name]
        assert f"session.{name}: missing" in known_misfits(session, "session")
