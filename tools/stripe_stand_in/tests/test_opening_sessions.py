"""A session is opened as Stripe opens it, and refused as Stripe refuses it."""

import re
import typing
from typing import Any

import pytest
import stripe
import stripe.checkout

from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.shapes import API_VERSION
from tools.stripe_stand_in.tests.shop import (
    Json,
    call,
    client,
    create,
    opened,
    order,
    refused,
    tea,
    without,
)

pytestmark = pytest.mark.once


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
    ("unknown", order(colour="red"), "parameter_unknown", "colour"),
    ("dead", order(payment_method_types=["card"]), "parameter_unknown", "payment_method_types"),
    (
        "unknown deep inside",
        order(line_items=[tea(price={"cost": 5})]),
        "parameter_unknown",
        "line_items[0][price_data][cost]",
    ),
    ("no word of the list", order(mode="gift"), None, "mode"),
    ("not an integer", order(expires_at="soon"), "parameter_invalid_integer", "expires_at"),
    (
        "half a cent",
        order(line_items=[tea(price={"unit_amount": "29.99"})]),
        "parameter_invalid_integer",
        "line_items[0][price_data][unit_amount]",
    ),
    ("not a list", order(line_items="tea"), None, "line_items"),
    ("not an object", order(metadata="tea"), None, "metadata"),
    ("object for a string", order(success_url={"a": "b"}), None, "success_url"),
    ("no mode", without("mode"), "parameter_missing", "mode"),
    ("no lines", without("line_items"), "parameter_missing", "line_items"),
    ("no way back", without("success_url"), "parameter_missing", "success_url"),
    (
        "no currency",
        order(line_items=[{"quantity": 1, "price_data": {"unit_amount": 500}}]),
        "parameter_missing",
        "line_items[0][price_data][currency]",
    ),
    (
        "no quantity",
        order(line_items=[{"price_data": tea()["price_data"]}]),
        "parameter_missing",
        "line_items[0][quantity]",
    ),
    ("101 lines", order(line_items=[tea()] * 101), None, "line_items"),
    (
        "none of it",
        order(line_items=[tea(quantity=0)]),
        "parameter_invalid_integer",
        "line_items[0][quantity]",
    ),
    (
        "negative price",
        order(line_items=[tea(price={"unit_amount": -1})]),
        "parameter_invalid_integer",
        "line_items[0][price_data][unit_amount]",
    ),
    (
        "nameless",
        order(line_items=[tea(price={"product_data": {"name": ""}})]),
        "parameter_invalid_empty",
        "line_items[0][price_data][product_data][name]",
    ),
    (
        "no such currency",
        order(line_items=[tea(price={"currency": "xxx"})]),
        None,
        "line_items[0][price_data][currency]",
    ),
    (
        "two currencies",
        order(line_items=[tea(), tea(price={"currency": "eur"})]),
        None,
        "line_items",
    ),
    (
        "fils that are not paid with",
        order(line_items=[tea(price={"currency": "kwd", "unit_amount": 12345})]),
        None,
        "line_items[0][price_data][unit_amount]",
    ),
    (
        "49 cents",
        order(line_items=[tea(quantity=1, price={"unit_amount": 49})]),
        "amount_too_small",
        "line_items",
    ),
    (
        "a million",
        order(line_items=[tea(quantity=1, price={"unit_amount": 100_000_000})]),
        "amount_too_large",
        "line_items",
    ),
    ("relative URL", order(success_url="/done"), "url_invalid", "success_url"),
    ("strange scheme", order(cancel_url="javascript:alert(1)"), "url_invalid", "cancel_url"),
    ("51 keys", order(metadata={f"k{n}": "v" for n in range(51)}), None, "metadata"),
    ("long key", order(metadata={"k" * 41: "v"}), None, "metadata"),
    ("long value", order(metadata={"k": "v" * 501}), None, "metadata[k]"),
    (
        "long value below",
        order(payment_intent_data={"metadata": {"k": "v" * 501}}),
        None,
        "payment_intent_data[metadata][k]",
    ),
    ("long reference", order(client_reference_id="7" * 201), None, "client_reference_id"),
    ("no address", order(customer_email="ada"), "email_invalid", "customer_email"),
    ("not played", order(tax_id_collection={"enabled": True}), None, "tax_id_collection"),
    ("unknown expansion", order(expand=["colour"]), None, "expand"),
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
