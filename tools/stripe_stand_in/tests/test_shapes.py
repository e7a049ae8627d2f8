"""The drift guard: a newer SDK that knows other fields or words fails these tests."""

import json

import pytest
import stripe
import stripe.checkout

from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.tests.sdk_shapes import CLASSES, known_mismatches
from tools.stripe_stand_in.tests.shop import Json, call, opened, tea
from tools.stripe_stand_in.tests.test_extras import taxed
from tools.stripe_stand_in.webhooks import ENABLED_EVENTS, SECRET

pytestmark = pytest.mark.once


class TestLookingLikeStripe:
    @pytest.fixture
    def busy(self, s: StandIn) -> StandIn:
        """A stand-in in which everything has happened once."""
        s.listen("http://127.0.0.1:9/", enabled_events=["*"])
        s.hold()
        opened(s, locale="de", submit_type="pay", customer_email="ada@example.com")
        paid = s.pay(opened(s))["id"]
        s.fail_refund(s.refund(paid, amount=100)["id"])
        s.lower_balance()
        s.settle_refund(s.refund(paid, amount=100)["id"])
        s.lower_balance(False)
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
        s.promotion_code("TEN", percent_off=10)
        s.promotion_code("ONE", amount_off=100, currency="usd")
        s.pay(opened(s, **taxed("inclusive")), code="TEN", shipping=0)
        s.pay(opened(s, line_items=[tea(price={"unit_amount": 0})]))
        return s

    def test_all_objects(self, busy: StandIn) -> None:
        names = [
            *("sessions", "products", "payment_intents", "charges", "refunds", "disputes"),
            *("balance_transactions", "coupons", "codes", "shipping_rates"),
        ]
        ledger = busy.ledger.snapshot(*names)
        found = [thing for name in names for thing in ledger[name].values()]
        assert {thing["object"] for thing in found} == CLASSES.keys() - {
            *("item", "price", "event", "list"),
            *("account", "webhook_endpoint", "tax.settings", "tax.registration"),  # test_account.py
        }
        assert [m for thing in found for m in known_mismatches(thing, thing["object"])] == []

    def test_all_events(self, busy: StandIn) -> None:
        assert {event["type"] for event in busy.events} > set(ENABLED_EVENTS)
        wrong = [
            m
            for event in busy.events
            for m in known_mismatches(event, event["type"])
            + known_mismatches(event["data"]["object"], event["type"])
        ]
        assert wrong == []

    def test_lists_and_expanded_objects(self, busy: StandIn) -> None:
        id = busy.pay(opened(busy))["id"]
        path = "payment_intent.latest_charge.balance_transaction"
        expand = f"expand[]=line_items&expand[]={path}"
        _, session, _ = call(busy, "GET", f"/v1/checkout/sessions/{id}?{expand}")
        charge = session["payment_intent"]["latest_charge"]
        assert charge["balance_transaction"]["object"] == "balance_transaction"
        assert known_mismatches(session, "session") == []
        expand = "expand[]=shipping_cost.shipping_rate&expand[]=payment_intent"
        sent = busy.pay(opened(busy, **taxed("exclusive")))["id"]
        _, session, _ = call(busy, "GET", f"/v1/checkout/sessions/{sent}?{expand}")
        assert session["shipping_cost"]["shipping_rate"]["display_name"] == "Parcel"
        assert known_mismatches(session, "session") == []
        for path in (
            "checkout/sessions",
            "refunds",
            "charges",
            "disputes?expand[]=data.charge",
            "events",
            "promotion_codes",
            f"checkout/sessions/{id}/line_items?expand[]=data.price.product",
        ):
            _, page, _ = call(busy, "GET", f"/v1/{path}{'&' if '?' in path else '?'}limit=100")
            assert page["data"] != []
            assert known_mismatches(page, path) == []

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
        assert known_mismatches(session, "session") == []
        assert complaint in "; ".join(known_mismatches({**session, **change}, "session"))

    @pytest.mark.parametrize("name", ["status", "url", "livemode", "total_details"])
    def test_the_guard_itself_sees_a_missing_field(self, s: StandIn, name: str) -> None:
        session = s.session(opened(s))
        del session[name]
        assert f"session.{name}: missing" in known_mismatches(session, "session")
