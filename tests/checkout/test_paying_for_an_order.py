"""What Stripe's events do to an order, in whatever order and however often they come."""

from typing import Any
from uuid import uuid4

import pytest

from checkout.models import Order, StripeEvent
from storefront.models import Product
from tests.cast import Shopper, deliver, event_about, one_by_one
from tests.log_capture import Log
from tools.stripe_stand_in import StandIn

COMPLETED = "checkout.session.completed"
SUCCEEDED = "checkout.session.async_payment_succeeded"
FAILED = "checkout.session.async_payment_failed"
EXPIRED = "checkout.session.expired"


def status_after(order: Order, *events: object) -> str:
    for event in events:
        assert deliver(event).status_code == 200
    order.refresh_from_db()
    return order.status


def outcomes() -> list[str]:
    return list(StripeEvent.objects.order_by("id").values_list("outcome", flat=True))


def unpaid(order: Order) -> object:
    return event_about(order, COMPLETED, payment_status="unpaid", payment_intent=None)


def expired(order: Order) -> object:
    return event_about(order, EXPIRED, payment_status="unpaid", payment_intent=None)


class TestTheStandInsOwnEvents:
    def test_a_card_payment_is_paid(self, stripe: StandIn, pending_order: Order):
        stripe.pay(pending_order.session_id or "", email="ada@example.com")
        (event,) = stripe.events_of(COMPLETED)
        assert status_after(pending_order, event) == "PAID"
        assert pending_order.email == "ada@example.com"
        assert pending_order.payment_intent == event["data"]["object"]["payment_intent"]
        assert pending_order.paid_at
        assert int(pending_order.paid_at.timestamp()) == event["created"]

    def test_a_bank_debit_is_paid_days_later(self, stripe: StandIn, pending_order: Order):
        stripe.pay_later(pending_order.session_id or "")
        assert status_after(pending_order, *stripe.events_of(COMPLETED)) == "PROCESSING"
        stripe.advance(3 * 24 * 3600)
        stripe.settle(pending_order.session_id or "")
        assert status_after(pending_order, *stripe.events_of(SUCCEEDED)) == "PAID"

    def test_a_bank_debit_can_fail(self, stripe: StandIn, pending_order: Order):
        stripe.pay_later(pending_order.session_id or "")
        stripe.fail(pending_order.session_id or "")
        events = [*stripe.events_of(COMPLETED), *stripe.events_of(FAILED)]
        assert status_after(pending_order, *events) == "FAILED"

    def test_a_session_runs_out(self, stripe: StandIn, pending_order: Order):
        stripe.advance(36 * 60)
        assert status_after(pending_order, *stripe.events_of(EXPIRED)) == "EXPIRED"

    def test_a_free_order_is_paid(self, stripe: StandIn, ada: Shopper, mouse: Product):
        Product.objects.update(price_cents=0)
        ada.puts(mouse, 1)
        ada.buys()
        stripe.pay(ada.order.session_id or "")
        assert status_after(ada.order, *stripe.events_of(COMPLETED)) == "PAID" == ada.order.status


class TestASecondDelivery:
    def test_of_the_same_event_changes_nothing(
        self, pending_order: Order, ada: Shopper, mouse: Product
    ):
        event = event_about(pending_order)
        assert status_after(pending_order, event) == "PAID"
        ada.puts(mouse, 7)
        assert status_after(pending_order, event) == "PAID"
        assert ada.cart == {"Mouse": 7}
        assert outcomes() == ["applied"]

    def test_under_another_id_changes_nothing(
        self, pending_order: Order, ada: Shopper, mouse: Product
    ):
        assert status_after(pending_order, event_about(pending_order)) == "PAID"
        paid_at = pending_order.paid_at
        ada.puts(mouse, 7)
        assert status_after(pending_order, event_about(pending_order, SUCCEEDED)) == "PAID"
        assert (ada.cart, pending_order.paid_at) == ({"Mouse": 7}, paid_at)
        assert outcomes() == ["applied", "no change"]


class TestOrderOfEvents:
    @pytest.mark.parametrize("late", [unpaid, expired, lambda o: event_about(o, FAILED)])
    def test_a_late_event_never_takes_a_payment_back(self, pending_order: Order, late):
        assert (
            status_after(pending_order, event_about(pending_order), late(pending_order)) == "PAID"
        )

    @pytest.mark.parametrize("early", [unpaid, expired, lambda o: event_about(o, FAILED)])
    def test_late_money_is_still_money(self, pending_order: Order, early):
        assert status_after(pending_order, early(pending_order)) in (
            "PROCESSING",
            "EXPIRED",
            "FAILED",
        )
        assert status_after(pending_order, event_about(pending_order, SUCCEEDED)) == "PAID"

    def test_a_bank_debit_under_way_does_not_expire(self, pending_order: Order):
        assert (
            status_after(pending_order, unpaid(pending_order), expired(pending_order))
            == "PROCESSING"
        )

    def test_a_failed_payment_does_not_wait_again(self, pending_order: Order):
        assert (
            status_after(pending_order, event_about(pending_order, FAILED), unpaid(pending_order))
            == "FAILED"
        )

    def test_a_failed_payment_does_not_expire(self, pending_order: Order):
        assert (
            status_after(pending_order, event_about(pending_order, FAILED), expired(pending_order))
            == "FAILED"
        )


class TestWhatCountsAsPaid:
    def test_two_words_do(self, pending_order: Order):
        for word in one_by_one(["paid", "no_payment_required"]):
            event = event_about(pending_order, payment_status=word)
            assert status_after(pending_order, event) == "PAID", word

    def test_anything_else_does_not(self, pending_order: Order):
        words: list[Any] = ["unpaid", "PAID", "processing", "", None, True, ["paid"], {}]
        for word in one_by_one(words):
            event = event_about(pending_order, payment_status=word)
            assert status_after(pending_order, event) == "PROCESSING", word

    def test_nor_does_coming_back_from_stripe(self, pending_order: Order, ada: Shopper):
        ada.get(f"/?order={pending_order.pk}")
        ada.get(f"/?canceled={pending_order.pk}")
        ada.get(f"/orders/{pending_order.pk}/")
        pending_order.refresh_from_db()
        assert pending_order.status == "PENDING"


MISFITS: list[dict[str, Any]] = [
    {"amount_total": 2_998},
    {"amount_total": 0},
    {"amount_total": None},
    {"amount_total": "2999"},
    {"amount_total": 2999.0},
    {"currency": "eur"},
    {"currency": None},
    {"currency": ["usd"]},
    {"livemode": True},
    {"livemode": {}},
    {"mode": "subscription"},
    {"client_reference_id": "another"},
    {"client_reference_id": ["x"]},
    {"metadata": {"order_id": "another"}},
]


class TestMoneyThatDoesNotFit:
    def test_waits_for_the_merchants_look(self, pending_order: Order):
        for session in one_by_one(MISFITS):
            event = event_about(pending_order, **session)
            assert status_after(pending_order, event) == "REVIEW", session
            assert "Money arrived" in pending_order.review_reason
            assert outcomes() == ["review"]

    def test_of_an_event_of_the_other_mode(self, pending_order: Order):
        assert (
            status_after(pending_order, event_about(pending_order) | {"livemode": True}) == "REVIEW"
        )

    @pytest.mark.parametrize("early", [unpaid, expired, lambda o: event_about(o, FAILED)])
    def test_is_seen_whatever_came_before(self, pending_order: Order, early):
        mismatch = event_about(pending_order, amount_total=1)
        assert status_after(pending_order, early(pending_order), mismatch) == "REVIEW"

    def test_leaves_a_paid_order_paid_but_is_flagged(self, pending_order: Order):
        events = event_about(pending_order), event_about(pending_order, amount_total=1)
        assert status_after(pending_order, *events) == "PAID"
        assert "the amount is not 2999" in pending_order.review_reason

    def test_leaves_the_cart_alone(self, pending_order: Order, ada: Shopper):
        deliver(event_about(pending_order, amount_total=1))
        assert ada.cart == {"Mouse": 1}

    def test_is_not_made_good_by_a_fitting_event(self, pending_order: Order):
        events = event_about(pending_order, amount_total=1), event_about(pending_order)
        assert status_after(pending_order, *events) == "REVIEW"

    def test_in_another_session_of_the_order_is_flagged(self, pending_order: Order):
        assert (
            status_after(
                pending_order, event_about(pending_order), event_about(pending_order, id="cs_2")
            )
            == "PAID"
        )
        assert "Money arrived in cs_2" in pending_order.review_reason

    def test_in_another_session_of_a_waiting_order_is_flagged(self, pending_order: Order):
        own = pending_order.session_id
        foreign = event_about(pending_order, id="cs_2", payment_intent="pi_2")
        assert status_after(pending_order, foreign) == "REVIEW"
        assert "Money arrived in cs_2" in pending_order.review_reason
        assert (
            pending_order.session_id,
            pending_order.payment_intent,
            pending_order.received_cents,
        ) == (own, "", 0)

    def test_keeps_the_money_of_the_orders_own_session_that_comes_after_it(
        self, pending_order: Order
    ):
        foreign = event_about(pending_order, id="cs_2", payment_intent="pi_2")
        assert status_after(pending_order, foreign, event_about(pending_order)) == "REVIEW"
        assert (pending_order.payment_intent, pending_order.received_cents) == (
            f"pi_{pending_order.pk.hex}",
            2_999,
        )
        assert "under review already" in pending_order.review_reason

    def test_in_another_payment_of_the_same_session_is_flagged(self, pending_order: Order):
        events = event_about(pending_order), event_about(pending_order, payment_intent="pi_2")
        assert status_after(pending_order, *events) == "PAID"
        assert "its PaymentIntent is another" in pending_order.review_reason
        assert outcomes() == ["applied", "review"]

    def test_of_one_order_never_pays_another_that_the_metadata_names(
        self, pending_order: Order, bo: Shopper, mouse: Product
    ):
        bo.puts(mouse, 1)
        bo.buys()
        event = event_about(pending_order, metadata={"order_id": str(bo.order.pk)})
        assert status_after(pending_order, event) == "REVIEW"
        assert bo.order.status == "PENDING"

    def test_the_same_mismatch_is_flagged_once(self, pending_order: Order):
        for _ in range(2):
            deliver(event_about(pending_order, amount_total=1))
        pending_order.refresh_from_db()
        assert pending_order.review_reason.count("Money arrived") == 1

    @pytest.mark.parametrize("session", [{"livemode": True}, {"client_reference_id": "x"}])
    def test_a_misfit_without_money_moves_nothing(self, pending_order: Order, session):
        event = event_about(pending_order, EXPIRED, payment_status="unpaid", **session)
        assert status_after(pending_order, event) == "PENDING"

    def test_details_that_are_not_there_do_not_matter(self, pending_order: Order):
        session: dict[str, Any] = {
            "client_reference_id": None,
            "metadata": {},
            "livemode": None,
            "mode": None,
        }
        assert status_after(pending_order, event_about(pending_order, **session)) == "PAID"


class TestWhoseEventItIs:
    def test_a_session_never_stored_is_found_by_our_reference(self, pending_order: Order):
        Order.objects.update(session_id=None, session_url="", session_expires_at=None)
        event = event_about(pending_order, id="cs_the_crash_lost")
        pending_order.refresh_from_db()
        assert status_after(pending_order, event) == "PAID"
        assert pending_order.session_id == "cs_the_crash_lost"

    def test_a_reference_that_the_customer_wrote_finds_nothing(self, pending_order: Order):
        event = event_about(pending_order, id="cs_payment_link", metadata={})
        assert status_after(pending_order, event) == "PENDING"
        assert outcomes() == ["ignored"]

    def test_another_application_on_the_account_is_ignored(self, pending_order: Order):
        event = event_about(pending_order, id="cs_x", metadata={"order_id": "1234"})
        assert status_after(pending_order, event) == "PENDING"
        assert outcomes() == ["ignored"]

    def test_other_kinds_are_recorded_and_ignored(self, pending_order: Order):
        assert (
            status_after(pending_order, event_about(pending_order, "customer.created")) == "PENDING"
        )
        assert outcomes() == ["ignored"]

    def test_an_order_that_is_not_here_is_logged(
        self, pending_order: Order, caplog: pytest.LogCaptureFixture
    ):
        event = event_about(pending_order)
        Order.objects.all().delete()
        assert deliver(event).status_code == 200
        assert outcomes() == ["unmatched"]
        assert str(pending_order.pk) in caplog.text

    @pytest.mark.parametrize("kind", [COMPLETED, SUCCEEDED, FAILED, EXPIRED])
    def test_of_another_shop_on_the_account_is_ignored(
        self, stripe: StandIn, db: None, kind: str, log: Log
    ):
        foreign = Order(session_id="cs_theirs", total_cents=100, currency="usd")
        metadata = {"order_id": str(foreign.pk), "shop": uuid4().hex}
        assert deliver(event_about(foreign, kind, metadata=metadata)).status_code == 200
        assert outcomes() == ["ignored"]
        assert [line for line in log.lines() if line["level"] == "ERROR"] == []

    def test_of_a_copy_of_this_shop_moves_no_order_of_the_same_id(self, pending_order: Order):
        foreign = {"order_id": str(pending_order.pk), "shop": uuid4().hex}
        event = event_about(pending_order, id="cs_of_the_copy", metadata=foreign)
        assert status_after(pending_order, event) == "PENDING"
        assert (outcomes(), pending_order.review_reason) == (["ignored"], "")

    def test_of_this_shop_is_heard_at_a_new_domain(
        self, stripe: StandIn, pending_order: Order, settings
    ):
        stripe.pay(pending_order.session_id or "")
        (event,) = stripe.events_of(COMPLETED)
        Order.objects.update(session_id=None, session_url="", session_expires_at=None)
        settings.SITE_URL = "http://moved.example"
        assert status_after(pending_order, event) == "PAID"

    def test_without_a_readable_name_of_the_shop_is_as_before(self, pending_order: Order):
        Order.objects.update(session_id=None, session_url="", session_expires_at=None)
        odd: list[Any] = [None, "", 0, [], {}, "\x00"]
        for shop in one_by_one(odd):
            pending_order.refresh_from_db()
            metadata = {"order_id": str(pending_order.pk), "shop": shop}
            event = event_about(pending_order, id="cs_1", metadata=metadata)
            assert status_after(pending_order, event) == "PAID", shop

    def test_a_null_session_finds_nothing(self, pending_order: Order):
        Order.objects.update(session_id=None)
        oddities: list[Any] = [None, "", 0, [], {}, "x" * 70_000, "cs\x00", "cs\ud800"]
        for odd in oddities:
            assert deliver(event_about(pending_order, id=odd)).status_code == 200
        pending_order.refresh_from_db()
        assert pending_order.status == "PENDING"


class TestOddValues:
    ODD: tuple[Any, ...] = (
        None,
        "",
        0,
        -1,
        1.5,
        True,
        [],
        {},
        [None],
        {"id": None},
        "\x00",
        "\ud800",
        "x" * 65_536,
    )

    @pytest.mark.parametrize("field", ["payment_intent", "customer_details", "customer_email"])
    def test_in_a_payment_do_not_stop_it(self, pending_order: Order, field: str):
        for odd in one_by_one(self.ODD):
            session: dict[str, Any] = {field: odd}
            event = event_about(pending_order, **session)
            assert status_after(pending_order, event) == "PAID", repr(odd)[:20]

    def test_in_an_email_do_not_stop_it(self, pending_order: Order):
        for odd in one_by_one(self.ODD):
            event = event_about(pending_order, customer_details={"email": odd})
            assert status_after(pending_order, event) == "PAID", repr(odd)[:20]

    def test_in_the_time_do_not_stop_it(self, pending_order: Order):
        for odd in one_by_one([*self.ODD, 10**30]):
            event = event_about(pending_order) | {"created": odd}
            assert status_after(pending_order, event) == "PAID", repr(odd)[:20]

    @pytest.mark.parametrize("field", ["amount_total", "currency", "metadata", "mode"])
    def test_in_what_must_fit_never_lead_to_paid_wrongly(self, pending_order: Order, field: str):
        for odd in one_by_one([*self.ODD, 10**30]):
            session: dict[str, Any] = {field: odd}
            fits = field == "metadata" or (field == "mode" and odd is None)
            paid = status_after(pending_order, event_about(pending_order, **session)) == "PAID"
            assert paid == fits, repr(odd)[:20]

    def test_an_expanded_payment_intent_is_understood(self, pending_order: Order):
        event = event_about(
            pending_order, payment_intent={"id": "pi_1", "object": "payment_intent"}
        )
        assert status_after(pending_order, event) == "PAID"
        assert pending_order.payment_intent == "pi_1"
