"""Money that goes back: refunds, refunds that fail, disputes, in whatever order they come."""

import itertools
from importlib import import_module
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command

from checkout.models import Order, StripeEvent
from storefront.models import Product
from tests.cast import Shopper, deliver, event_about, one_by_one
from tools.stripe_stand_in import StandIn

MONEY_BACK = ("charge.refunded", "refund.", "charge.dispute.")


@pytest.fixture
def pending_order(stripe: StandIn, ada: Shopper, mouse: Product) -> Order:
    """Paid at Stripe, which the shop does not know yet."""
    ada.puts(mouse, 1)
    ada.buys()
    stripe.pay(ada.order.session_id or "")
    return ada.order


@pytest.fixture
def paid_order(stripe: StandIn, pending_order: Order) -> Order:
    deliver_all(stripe.events_of("checkout.session.completed"))
    pending_order.refresh_from_db()
    assert pending_order.status == "PAID"
    return pending_order


def money_back(stripe: StandIn) -> list[Any]:
    return [event for event in stripe.events if event["type"].startswith(MONEY_BACK)]


def deliver_all(events: Any) -> None:
    for event in events:
        assert deliver(event).status_code == 200


def with_status(event: Any, status: str) -> Any:
    """Return a later event about the same thing."""
    thing = event["data"]["object"] | {"status": status}
    return event | {"id": f"{event['id']}_{status}", "data": {"object": thing}}


def state(order: Order) -> tuple[str, int]:
    order.refresh_from_db()
    return order.status, order.refunded_cents


class TestARefund:
    def test_in_part_leaves_the_order_paid(self, stripe: StandIn, paid_order: Order):
        stripe.refund(paid_order.session_id or "", 1_000)
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("PAID", 1_000)

    def test_in_full_makes_it_refunded(self, stripe: StandIn, paid_order: Order):
        stripe.refund(paid_order.session_id or "")
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("REFUNDED", 2_999)

    def test_in_two_parts_too(self, stripe: StandIn, paid_order: Order):
        stripe.refund(paid_order.session_id or "", 1_000)
        stripe.refund(paid_order.session_id or "", 1_999)
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("REFUNDED", 2_999)

    def test_delivered_many_times_is_one(self, stripe: StandIn, paid_order: Order):
        stripe.refund(paid_order.session_id or "", 1_000)
        for copy in range(3):
            deliver_all(event | {"id": f"{event['id']}_{copy}"} for event in money_back(stripe))
        assert state(paid_order) == ("PAID", 1_000)

    @pytest.mark.parametrize("kinds", [("charge.refunded",), ("refund.created", "refund.updated")])
    def test_is_known_from_either_kind_of_event(
        self, stripe: StandIn, paid_order: Order, kinds: tuple[str, ...]
    ):
        stripe.refund(paid_order.session_id or "", 1_000)
        stripe.refund(paid_order.session_id or "", 500)
        deliver_all(event for event in money_back(stripe) if event["type"] in kinds)
        assert state(paid_order) == ("PAID", 1_500)

    def test_made_after_the_newest_total_is_added_to_it(self, stripe: StandIn, paid_order: Order):
        stripe.refund(paid_order.session_id or "", 1_000)
        (total,) = stripe.events_of("charge.refunded")
        stripe.advance(60)
        stripe.refund(paid_order.session_id or "", 500)
        deliver_all([total, *stripe.events_of("refund.created")])
        assert state(paid_order) == ("PAID", 1_500)

    def test_is_never_more_than_what_arrived(self, paid_order: Order):
        details = {"id": "re_1", "payment_intent": paid_order.payment_intent, "amount": 9_999}
        deliver_all([event_about(paid_order, "refund.created", status="succeeded", **details)])
        assert state(paid_order) == ("REFUNDED", 2_999)

    def test_delivered_before_the_payment_in_odd_words_is_not_lost(self, pending_order: Order):
        odd = {"status": "\x00", "currency": None, "id": "\ud800", "reason": "\x00"}
        details = {"payment_intent": f"pi_{pending_order.pk.hex}", "amount_refunded": 2_999, **odd}
        deliver_all(
            [event_about(pending_order, "charge.refunded", **details), event_about(pending_order)]
        )
        assert state(pending_order) == ("REFUNDED", 2_999)

    def test_in_an_older_total_after_a_newer_one_changes_nothing(
        self, stripe: StandIn, paid_order: Order
    ):
        stripe.refund(paid_order.session_id or "", 1_000)
        stripe.refund(paid_order.session_id or "", 500)
        deliver_all(stripe.events_of("charge.refunded")[::-1])
        assert state(paid_order) == ("PAID", 1_500)

    def test_delivered_before_the_payment_is_not_lost(self, stripe: StandIn, pending_order: Order):
        stripe.refund(pending_order.session_id or "")
        deliver_all(money_back(stripe))
        assert state(pending_order) == ("PENDING", 0)
        deliver_all(stripe.events_of("checkout.session.completed"))
        assert state(pending_order) == ("REFUNDED", 2_999)
        assert not StripeEvent.objects.filter(deferred__isnull=False).exists()

    def test_in_any_order_of_delivery_ends_the_same(self, stripe: StandIn, pending_order: Order):
        first = stripe.refund(pending_order.session_id or "", 1_000)
        stripe.refund(pending_order.session_id or "", 500)
        stripe.fail_refund(first["id"])
        kinds = ("checkout.session.completed", "charge.refunded", "refund.failed", "refund.created")
        events = [event for event in stripe.events if event["type"] in kinds]
        orders = itertools.islice(itertools.permutations(events), 0, 720, 23)
        for number, shuffled in enumerate(one_by_one(orders)):
            deliver_all(event | {"id": f"{event['id']}_{number}"} for event in shuffled)
            assert state(pending_order) == ("PAID", 500), [event["type"] for event in shuffled]

    def test_of_another_applications_payment_is_ignored(self, paid_order: Order):
        event = event_about(paid_order, "charge.refunded", id="ch_1", payment_intent="pi_foreign")
        event["data"]["object"]["amount_refunded"] = 2_999
        deliver_all([event])
        assert state(paid_order) == ("PAID", 0)
        assert StripeEvent.objects.get(event_id=event["id"]).outcome == "ignored"

    def test_of_no_payment_at_all_is_ignored(self, pending_order: Order):
        odd: list[Any] = [None, "", 0, [], {}, {"id": None}, "x" * 70_000, "\x00"]
        for intent in one_by_one(odd):
            details = {"payment_intent": intent, "amount_refunded": 1}
            deliver_all([event_about(pending_order, "charge.refunded", **details)])
            assert state(pending_order) == ("PENDING", 0), repr(intent)[:9]

    def test_of_an_odd_amount_changes_nothing(self, stripe: StandIn, paid_order: Order):
        known: dict[str, Any] = {"id": "re_1", "payment_intent": paid_order.payment_intent}
        amounts: list[Any] = [None, "", -1, 1.5, True, [], {}, "2999", 10**30]
        for odd in one_by_one(amounts):
            for kind in ("charge.refunded", "refund.created", "refund.failed"):
                details = known | {"amount_refunded": odd, "amount": odd}
                deliver_all([event_about(paid_order, kind, **details)])
            assert state(paid_order) == ("PAID", 0), odd

    def test_in_another_currency_is_for_the_merchant_to_see(self, paid_order: Order):
        session = {
            "payment_intent": paid_order.payment_intent,
            "currency": "eur",
            "amount_refunded": 5,
        }
        deliver_all([event_about(paid_order, "charge.refunded", id="ch_1", **session)])
        assert state(paid_order) == ("PAID", 0)
        assert "another currency" in paid_order.review_reason


class TestARefundThatFails:
    def test_is_undone(self, stripe: StandIn, paid_order: Order):
        refund = stripe.refund(paid_order.session_id or "")
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("REFUNDED", 2_999)
        stripe.fail_refund(refund["id"])
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("PAID", 0)

    def test_is_undone_without_having_heard_of_the_refund(self, stripe: StandIn, paid_order: Order):
        refund = stripe.refund(paid_order.session_id or "")
        deliver_all(stripe.events_of("charge.refunded"))
        stripe.fail_refund(refund["id"])
        deliver_all(stripe.events_of("refund.failed"))
        assert state(paid_order) == ("PAID", 0)

    def test_leaves_the_other_refund(self, stripe: StandIn, paid_order: Order):
        refund = stripe.refund(paid_order.session_id or "", 1_000)
        stripe.refund(paid_order.session_id or "", 500)
        stripe.fail_refund(refund["id"])
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("PAID", 500)

    @pytest.mark.parametrize("word", ["failed", "canceled"])
    def test_is_undone_in_either_word(self, stripe: StandIn, paid_order: Order, word: str):
        refund = stripe.refund(paid_order.session_id or "")
        deliver_all(money_back(stripe))
        details = {"payment_intent": paid_order.payment_intent, "amount": 2_999, "status": word}
        deliver_all([event_about(paid_order, "refund.updated", id=refund["id"], **details)])
        assert state(paid_order) == ("PAID", 0)

    def test_is_not_taken_off_a_total_that_is_newer(self, paid_order: Order):
        def event_at(kind: str, at: int, **details: Any) -> Any:
            details |= {"id": "re_1", "payment_intent": paid_order.payment_intent}
            return event_about(paid_order, kind, **details) | {"created": 1_800_000_000 + at}

        failure = {"amount": 1_000, "status": "failed"}
        deliver_all([event_at("charge.refunded", 1, amount_refunded=1_000)])
        deliver_all([event_at("refund.failed", 2, **failure)])
        deliver_all([event_at("charge.refunded", 3, amount_refunded=500)])
        assert state(paid_order) == ("PAID", 500)
        deliver_all([event_at("refund.updated", 4, **failure)])
        assert state(paid_order) == ("PAID", 500)

    def test_and_is_made_again_is_not_counted_twice(self, stripe: StandIn, paid_order: Order):
        stripe.fail_refund(stripe.refund(paid_order.session_id or "", 2_000)["id"])
        stripe.advance(60)
        stripe.refund(paid_order.session_id or "", 2_000)
        deliver_all(e for e in money_back(stripe) if e["data"]["object"]["status"] != "failed")
        assert state(paid_order) == ("PAID", 2_000)
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("PAID", 2_000)

    def test_does_not_come_back_by_a_late_event(self, stripe: StandIn, paid_order: Order):
        refund = stripe.refund(paid_order.session_id or "")
        early = money_back(stripe)
        stripe.fail_refund(refund["id"])
        deliver_all([*money_back(stripe), *(event | {"id": f"{event['id']}_x"} for event in early)])
        assert state(paid_order) == ("PAID", 0)

    def test_leads_back_to_paid_although_the_order_needs_a_look(
        self, stripe: StandIn, paid_order: Order
    ):
        deliver_all([event_about(paid_order, id="cs_2", payment_intent="pi_2")])
        refund = stripe.refund(paid_order.session_id or "")
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("REFUNDED", 2_999)
        stripe.fail_refund(refund["id"])
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("PAID", 0)
        assert "Money arrived in cs_2" in paid_order.review_reason


class TestMoneyUnderReview:
    @pytest.fixture
    def reviewed(self, stripe: StandIn, pending_order: Order) -> Order:
        Order.objects.update(total_cents=5_000)
        deliver_all(stripe.events_of("checkout.session.completed"))
        assert state(pending_order) == ("REVIEW", 0)
        return pending_order

    def test_given_back_in_full_is_refunded(self, stripe: StandIn, reviewed: Order):
        stripe.refund(reviewed.session_id or "")
        deliver_all(money_back(stripe))
        assert state(reviewed) == ("REFUNDED", 2_999)

    def test_given_back_in_vain_is_under_review_again(self, stripe: StandIn, reviewed: Order):
        refund = stripe.refund(reviewed.session_id or "")
        deliver_all(money_back(stripe))
        stripe.fail_refund(refund["id"])
        deliver_all(money_back(stripe))
        assert state(reviewed) == ("REVIEW", 0)

    @pytest.mark.parametrize("amount_total", [2_999, 1])
    def test_of_a_time_before_states_were_kept_leads_back_too(
        self, pending_order: Order, amount_total: int
    ):
        deliver_all([event_about(pending_order, amount_total=amount_total)])
        pending_order.refresh_from_db()
        before = pending_order.status
        StripeEvent.objects.filter(outcome="applied").update(follow_up="order paid")
        refund = {"id": "re_1", "amount": pending_order.received_cents}
        deliver_all([event_about(pending_order, "refund.created", **refund)])
        Order.objects.update(refunded_from="", review_reason="Money arrived.")
        migration = import_module("checkout.migrations.0006_refunded_from")
        migration.remember_states(apps, None)
        deliver_all([event_about(pending_order, "refund.failed", status="failed", **refund)])
        assert state(pending_order) == (before, 0)

    def test_of_a_second_session_is_flagged_when_it_goes_back(self, paid_order: Order):
        deliver_all([event_about(paid_order, id="cs_2", payment_intent="pi_2")])
        session = {"payment_intent": "pi_2", "amount_refunded": 2_999, "currency": "usd"}
        deliver_all([event_about(paid_order, "charge.refunded", **session)])
        assert state(paid_order) == ("PAID", 0)
        assert "Money arrived in cs_2" in paid_order.review_reason
        assert "News of pi_2: charge.refunded" in paid_order.review_reason

    def test_of_a_second_session_is_flagged_although_it_went_back_first(self, paid_order: Order):
        deliver_all([refund_of_a_second_payment(paid_order)])
        deliver_all([event_about(paid_order, id="cs_2", payment_intent="pi_2")])
        assert state(paid_order) == ("PAID", 0)
        assert "News of pi_2: charge.refunded" in paid_order.review_reason
        assert not StripeEvent.objects.filter(deferred__isnull=False).exists()

    @pytest.mark.parametrize(("name", "kept"), [(None, 1), ("f" * 32, 0)])
    def test_of_another_shop_on_the_account_is_not_waited_for(
        self, stripe: StandIn, db: None, name: str | None, kept: int
    ):
        foreign = Order(session_id="cs_theirs", total_cents=100, currency="usd")
        deliver_all([refund_of_a_second_payment(foreign, metadata={"shop": name})])
        assert StripeEvent.objects.filter(deferred__isnull=False).count() == kept
        assert StripeEvent.objects.get().outcome == "ignored"

    def test_of_a_second_session_is_flagged_by_the_worker_if_both_came_at_once(
        self, stripe: StandIn, paid_order: Order
    ):
        deliver_all([refund_of_a_second_payment(paid_order)])
        deferred = StripeEvent.objects.values().get(deferred__isnull=False)
        deliver_all([event_about(paid_order, id="cs_2", payment_intent="pi_2")])
        Order.objects.update(review_reason="")
        StripeEvent.objects.filter(pk=deferred["id"]).update(**deferred)
        call_command("reconcile_orders", stdout=StringIO())
        state(paid_order)
        assert "News of pi_2: charge.refunded" in paid_order.review_reason


def refund_of_a_second_payment(order: Order, **details: Any) -> Any:
    session = {"payment_intent": "pi_2", "amount_refunded": 2_999, "currency": "usd"} | details
    return event_about(order, "charge.refunded", **session)


class TestADispute:
    def test_is_noted_on_the_order_which_stays_paid(self, stripe: StandIn, paid_order: Order):
        stripe.dispute(paid_order.session_id or "")
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("PAID", 0)
        assert paid_order.disputed_at

    def test_that_is_won_is_over(self, stripe: StandIn, paid_order: Order):
        stripe.dispute(paid_order.session_id or "")
        stripe.close_dispute(paid_order.session_id or "", won=True)
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("PAID", 0)
        assert (paid_order.disputed_at, paid_order.dispute_result) == (None, "won")

    def test_that_is_lost_needs_a_look(self, stripe: StandIn, paid_order: Order):
        stripe.dispute(paid_order.session_id or "")
        stripe.close_dispute(paid_order.session_id or "", won=False)
        deliver_all(money_back(stripe))
        assert state(paid_order) == ("PAID", 0)
        assert paid_order.disputed_at
        assert paid_order.dispute_result == "lost"
        assert "was lost" in paid_order.review_reason

    def test_that_is_won_by_an_appeal_is_over(self, stripe: StandIn, paid_order: Order):
        stripe.dispute(paid_order.session_id or "")
        stripe.close_dispute(paid_order.session_id or "", won=False)
        deliver_all(money_back(stripe))
        (lost,) = stripe.events_of("charge.dispute.closed")
        deliver_all([with_status(lost, "appeal_under_review"), with_status(lost, "won")])
        deliver_all([with_status(lost, "lost")])  # once more, and too late
        state(paid_order)
        assert (paid_order.disputed_at, paid_order.dispute_result) == (None, "won")
        assert "was won in the end" in paid_order.review_reason

    def test_that_was_prevented_is_over_and_needs_a_look(self, stripe: StandIn, paid_order: Order):
        stripe.dispute(paid_order.session_id or "")
        stripe.close_dispute(paid_order.session_id or "", won=False)
        (lost,) = stripe.events_of("charge.dispute.closed")
        deliver_all([with_status(lost, "prevented")])
        state(paid_order)
        assert paid_order.dispute_result == "prevented"
        assert "was prevented: the money went back" in paid_order.review_reason

    def test_delivered_in_reverse_ends_the_same(self, stripe: StandIn, pending_order: Order):
        stripe.dispute(pending_order.session_id or "")
        stripe.close_dispute(pending_order.session_id or "", won=True)
        deliver_all(money_back(stripe)[::-1])
        deliver_all(stripe.events_of("checkout.session.completed"))
        assert state(pending_order) == ("PAID", 0)
        assert (pending_order.disputed_at, pending_order.dispute_result) == (None, "won")
