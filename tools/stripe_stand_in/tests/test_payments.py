"""Sessions are paid, expire and are refunded, and lists show it."""

import typing

import pytest

from tools.stripe_stand_in import Refusal, StandIn
from tools.stripe_stand_in.tests.shop import Shop, client, opened, refused, tea

pytestmark = pytest.mark.once


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

    def test_less_the_fee_it_is_on_the_balance_once_it_succeeded(self, s: StandIn) -> None:
        later = s.pay_later(opened(s))
        intents, paid = client(s).v1.payment_intents, s.pay(opened(s))
        expand = {"expand": ["latest_charge.balance_transaction"]}

        def balance(session: typing.Any) -> typing.Any:
            intent = intents.retrieve(session["payment_intent"], typing.cast(typing.Any, expand))
            return intent.to_dict()["latest_charge"]["balance_transaction"]

        assert balance(later) is None
        s.settle(later["id"])
        for session in (later, paid):
            amounts = [balance(session)[name] for name in ("amount", "fee", "net")]
            assert amounts == [5998, 203, 5795]

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

    def test_a_refund_waits_for_want_of_money(self, s: StandIn) -> None:
        id = s.pay(opened(s))["id"]
        s.lower_balance()
        refund = s.refund(id)
        assert (refund["status"], refund["pending_reason"]) == ("pending", "insufficient_funds")
        assert s.events_of("refund.updated") == []
        s.settle_refund(refund["id"])
        [event] = s.events_of("refund.updated")
        assert event["data"]["object"]["status"] == "succeeded"
        assert event["data"]["previous_attributes"]["status"] == "pending"
        with pytest.raises(Refusal):
            s.settle_refund(refund["id"])

    def test_refunds_keep_what_they_are_about(self, s: StandIn) -> None:
        intent = s.pay(opened(s))["payment_intent"]
        about = {"request_id": "7"}
        client(s).v1.refunds.create(
            {"payment_intent": intent, "reason": "duplicate", "metadata": about}
        )
        [found] = client(s).v1.refunds.list({"payment_intent": intent}).to_dict()["data"]
        assert (found["metadata"], found["reason"]) == (about, "duplicate")

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

    def test_charges_and_disputes_by_payment_and_time(self, s: StandIn) -> None:
        ada = s.pay(opened(s))
        s.dispute(ada["id"])
        s.advance(100)
        bo = s.pay(opened(s))
        s.dispute(bo["id"])
        v1, recent = client(s).v1, {"created": {"gte": s.now() - 50}}
        for list_of in (v1.charges.list, v1.disputes.list):
            lines: typing.Any = list_of
            payments = [line.payment_intent for line in lines().data]
            assert payments == [bo["payment_intent"], ada["payment_intent"]]
            assert [line.payment_intent for line in lines(recent).data] == payments[:1]
            mine = lines({"payment_intent": payments[1]}).data
            assert [line.payment_intent for line in mine] == payments[1:]

    def test_line_items_with_their_products(self, s: StandIn) -> None:
        product = {"name": "Tea", "metadata": {"product_id": "7"}}
        id = opened(s, line_items=[tea(price={"product_data": product})])
        listed = client(s).v1.checkout.sessions.line_items.list
        plain = listed(id).to_dict()["data"][0]["price"]
        shown = listed(id, {"expand": ["data.price.product"]}).to_dict()["data"][0]["price"]
        assert shown["product"]["id"] == plain["product"]
        assert shown["product"]["name"] == "Tea"
        assert shown["product"]["metadata"] == {"product_id": "7"}

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
