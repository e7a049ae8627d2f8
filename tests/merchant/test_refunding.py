"""The merchant pays back from the desk: asked once, and done when Stripe's event says so."""

import re
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from html import unescape
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from checkout.models import Order, StripeEvent
from checkout.refunds import HANDLERS
from merchant import refunding
from merchant.models import KEY_LIVES, RefundRequest
from storefront.models import Product
from tests.cast import Shopper, deliver, event_about, one_by_one, product
from tests.merchant.conftest import desk_of
from tools.stripe_stand_in import StandIn

REFUNDS = ("POST", "/v1/refunds")
MAY = ("view_order", "add_refundrequest")
LONG_AGO = KEY_LIVES + timedelta(seconds=1)


@pytest.fixture
def mouse(db: None) -> Product:
    return product("Mouse", 2_999, stock=5)


@pytest.fixture
def order(stripe: StandIn, ada: Shopper, mouse: Product) -> Order:
    """Two mice, paid: $59.98. Three are left."""
    ada.puts(mouse, 2)
    ada.buys()
    stripe.pay(ada.order.session_id or "")
    deliver(stripe.events_of("checkout.session.completed")[0])
    assert ada.order.status == "PAID"
    return ada.order


@pytest.fixture
def desk(db: None) -> Client:
    return desk_of(*MAY)


def page_of(order: Order) -> str:
    return f"/admin/checkout/order/{order.pk}/refund/"


def confirms(desk: Client, order: Order, amount: str = "29.99", **said: object) -> dict[str, str]:
    """Fill in the form; return what the page that asks back would send."""
    form = {"amount": amount, "reason": "requested_by_customer", **said}
    text = desk.post(page_of(order), form).text
    hidden = re.findall(r'<input type="hidden" name="(\w[\w-]*)" value="([^"]*)"', text)
    sent = {name: unescape(value) for name, value in hidden} | {"confirmed": "yes"}
    return {name: value for name, value in sent.items() if name != "csrfmiddlewaretoken"}


def asks(desk: Client, order: Order, amount: str = "29.99", **said: object) -> Any:
    return desk.post(page_of(order), confirms(desk, order, amount, **said), follow=True)


def events_come(stripe: StandIn) -> None:
    for event in stripe.events:
        if event["type"] in HANDLERS:
            assert deliver(event).status_code == 200


def state(order: Order) -> tuple[str, int]:
    order.refresh_from_db()
    return order.status, order.refunded_cents


def stock() -> int | None:
    return Product.objects.get().stock


def works() -> None:
    call_command("reconcile_orders", stdout=StringIO())


def grows_old(age: timedelta = LONG_AGO) -> None:
    RefundRequest.objects.update(asked_at=timezone.now() - age)


class TestAskingForARefund:
    @pytest.mark.parametrize(
        ("amount", "cents", "after"),
        [
            ("29.99", 2_999, "PAID"),
            ("29,99", 2_999, "PAID"),
            (" $1 ", 100, "PAID"),
            ("59.98", 5_998, "REFUNDED"),
        ],
    )
    def test_moves_the_order_once_the_event_is_here(
        self, desk: Client, stripe: StandIn, order: Order, amount: str, cents: int, after: str
    ):
        text = asks(desk, order, amount, note="She called.").text
        assert "asked for, waiting for Stripe" in text
        assert state(order) == ("PAID", 0)
        request = RefundRequest.objects.get()
        assert (request.is_open, request.amount_cents, request.note) == (True, cents, "She called.")
        assert str(request.asked_by) == "clerk"
        [call] = [call for call in stripe.requests if (call.method, call.path) == REFUNDS]
        assert call.idempotency_key == request.key
        assert (call.params["amount"], call.params["reason"]) == (cents, request.reason)
        assert call.params["metadata"]["request_id"] == str(request.pk)
        assert call.params["metadata"]["order_id"] == str(order.pk)
        events_come(stripe)
        assert state(order) == (after, cents)
        request.refresh_from_db()
        assert (request.is_open, request.error) == (False, "")
        assert request.refund_id in stripe.refunds

    @pytest.mark.once
    def test_says_first_who_gets_what(self, desk: Client, stripe: StandIn, order: Order):
        item = order.items.get()
        form = {"amount": "20", "reason": "fraudulent", f"restock-{item.pk}": "1"}
        text = desk.post(page_of(order), form).text
        for words in ("$20.00</strong> goes back", order.email, "$39.98 of the order can", "1 ×"):
            assert words in text
        assert "Stripe blocks this card and this e-mail address" in text
        assert not RefundRequest.objects.exists()
        assert not stripe.refunds

    @pytest.mark.once
    def test_that_is_to_be_another_keeps_what_was_typed(
        self, desk: Client, stripe: StandIn, order: Order
    ):
        page = confirms(desk, order, "20", note="She called.", reason="duplicate")
        del page["confirmed"]
        text = desk.post(page_of(order), page | {"change": "yes"}).text
        for words in ('name="amount" value="20"', "She called.", 'value="duplicate" selected'):
            assert words in text
        assert not RefundRequest.objects.exists()

    @pytest.mark.once
    def test_of_the_rest_is_prefilled(self, desk: Client, stripe: StandIn, order: Order):
        stripe.refund(order.session_id or "", 1_000)
        events_come(stripe)
        assert 'name="amount" value="49.98"' in desk.get(page_of(order)).text

    @pytest.mark.once
    def test_of_what_is_no_amount_is_refused_and_keeps_what_was_typed(
        self, desk: Client, stripe: StandIn, order: Order
    ):
        for amount, words in (
            ("", "This field is required."),
            ("0", "it can’t be nothing"),
            ("60", "No more than $59.98"),
            ("-1", "is no amount in USD"),
            ("1.234", "can be read in two ways"),
            ("ten", "is no amount in USD"),
        ):
            form = {"amount": amount, "reason": "duplicate", "note": "Twice."}
            answer = desk.post(page_of(order), form | {"confirmed": "yes"})
            assert (answer.status_code, words in unescape(answer.text)) == (422, True), amount
            assert f'value="{amount}"' in answer.text or not amount
            assert 'value="duplicate" selected' in answer.text
            assert "Twice." in answer.text
            assert not RefundRequest.objects.exists()

    def test_from_one_page_sent_twice_is_one(self, desk: Client, stripe: StandIn, order: Order):
        page = confirms(desk, order, "10")
        for _ in range(2):
            desk.post(page_of(order), page)
        events_come(stripe)
        assert "is asked for already" in desk.post(page_of(order), page, follow=True).text
        assert (len(stripe.refunds), state(order)) == (1, ("PAID", 1_000))

    @pytest.mark.parametrize("has_come", [False, True])
    def test_in_two_browsers_is_one(
        self, desk: Client, stripe: StandIn, order: Order, has_come: bool
    ):
        """Each has seen the same rest, and would pay half of it back."""
        other = desk_of(*MAY, name="other")
        pages = [confirms(desk, order), confirms(other, order)]
        desk.post(page_of(order), pages[0])
        if has_come:
            events_come(stripe)
        answer = other.post(page_of(order), pages[1], follow=True)
        words = "Meanwhile $29.99 of this order is refunded" if has_come else "waits for Stripe"
        assert words in answer.text
        assert (len(stripe.refunds), RefundRequest.objects.count()) == (1, 1)

    @pytest.mark.once
    def test_in_a_form_that_does_not_say_what_it_showed_is_none(
        self, desk: Client, stripe: StandIn, order: Order
    ):
        page = confirms(desk, order)
        for seen in ("", "1", "-1", "9" * 5_000):
            assert desk.post(page_of(order), page | {"seen": seen}).status_code == 422, seen
            assert (stripe.refunds, RefundRequest.objects.exists()) == ({}, False)

    @pytest.mark.once
    def test_is_read_by_the_currency_of_the_order(
        self, desk: Client, stripe: StandIn, order: Order, settings: Settings
    ):
        settings.CURRENCY = "jpy"
        asks(desk, order, "29.99")
        assert RefundRequest.objects.get().amount_cents == 2_999

    @pytest.mark.parametrize("lack", ["open", "seen", "left", "unpaid", "received", "payment"])
    def test_is_stored_by_a_statement_that_looks_again(self, order: Order, lack: str):
        """What the page has checked may be over by then."""
        if lack == "open":
            RefundRequest.objects.create(order=order, amount_cents=1, key="other")
        if lack == "unpaid":
            Order.objects.update(status="FAILED", paid_at=None)
        if lack == "received":
            Order.objects.update(received_cents=1_099)
        if lack == "payment":
            Order.objects.update(payment_intent="")
        Order.objects.update(refunded_cents=1_000)
        before = RefundRequest.objects.count()
        request = RefundRequest(amount_cents=4_999 if lack == "left" else 100, key="mine")
        with pytest.raises(refunding.NotRefunded):
            refunding.store(request, order, 0 if lack == "seen" else 1_000)
        assert RefundRequest.objects.count() == before

    @pytest.mark.parametrize(("cents", "is_stored"), [(99, False), (98, True)])
    def test_counts_what_is_asked_for_into_the_bound(
        self, order: Order, cents: int, is_stored: bool
    ):
        """Of itself, without the index that allows one at a time."""
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX one_open_refund_request_per_order")
        RefundRequest.objects.create(order=order, amount_cents=5_900, key="other")
        with nullcontext() if is_stored else pytest.raises(refunding.NotRefunded):
            refunding.store(RefundRequest(amount_cents=cents, key="mine"), order, 0)

    @pytest.mark.parametrize(
        "wrong", [{"closed_at": None}, {"amount_cents": 0}, {"key": "a"}, {"refund_id": "re_1"}]
    )
    def test_is_held_to_its_rules_by_the_database(self, order: Order, wrong: dict[str, Any]):
        fields = {"order": order, "amount_cents": 1, "closed_at": timezone.now()}
        RefundRequest.objects.create(**fields, key="a", refund_id="re_1")
        RefundRequest.objects.create(**fields | {"key": "b", "closed_at": None})
        with pytest.raises(IntegrityError), transaction.atomic():
            RefundRequest.objects.create(**fields | {"key": "c"} | wrong)

    def test_counts_what_the_dashboard_refunded(self, desk: Client, stripe: StandIn, order: Order):
        page = confirms(desk, order, "59.98")
        stripe.refund(order.session_id or "", 1_000)
        events_come(stripe)
        answer = desk.post(page_of(order), page)
        assert (answer.status_code, "No more than $49.98" in answer.text) == (422, True)
        assert not RefundRequest.objects.exists()


class TestWhatStripeRefuses:
    @pytest.mark.once
    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            ({"status": 400, "code": "balance_insufficient"}, "Your balance at Stripe is too low"),
            ({"status": 400, "code": "insufficient_funds"}, "Your balance at Stripe is too low"),
            ({"status": 400, "code": "charge_already_refunded"}, "went back already"),
            ({"status": 400, "code": "charge_disputed"}, "bank disputes this payment"),
            ({"status": 400}, "Look up the payment in Stripe’s dashboard"),
            ({"status": 401}, "Charges and Refunds: write"),
            ({"status": 403}, "Charges and Refunds: write"),
            ({"status": 404, "code": "resource_missing"}, "of the other mode"),
        ],
    )
    def test_is_said_in_words_and_leaves_room_for_another(
        self, desk: Client, stripe: StandIn, order: Order, fault: dict[str, Any], words: str
    ):
        stripe.fault(*REFUNDS, **fault)
        assert words in asks(desk, order, "10").text
        assert words in desk.get(page_of(order)).text
        request = RefundRequest.objects.get()
        assert (request.is_open, words in request.error) == (False, True)
        asks(desk, order, "10")
        events_come(stripe)
        assert state(order) == ("PAID", 1_000)

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("happens", "words"),
        [
            (lambda stripe, id: stripe.dispute(id), "bank disputes this payment"),
            (lambda stripe, id: stripe.refund(id), "went back already"),
            (lambda stripe, id: stripe.refund(id, 5_000), "Less than that is left"),
        ],
    )
    def test_is_what_happened_at_stripe_meanwhile(
        self,
        desk: Client,
        stripe: StandIn,
        order: Order,
        happens: Callable[[StandIn, str], Any],
        words: str,
    ):
        happens(stripe, order.session_id or "")
        assert words in asks(desk, order, "59.98").text
        assert not RefundRequest.objects.get().is_open

    @pytest.mark.once
    def test_a_dispute_is_said_before(self, desk: Client, stripe: StandIn, order: Order):
        assert "Look first" not in desk.get(page_of(order)).text
        stripe.dispute(order.session_id or "")
        events_come(stripe)
        assert "Look first" in desk.get(page_of(order)).text
        Order.objects.update(dispute_result="won")
        assert "Look first" not in desk.get(page_of(order)).text

    def test_is_no_news_of_what_its_event_has_answered(
        self, desk: Client, stripe: StandIn, order: Order
    ):
        stripe.fault(*REFUNDS, times=2, drop=True, after=True)
        asks(desk, order, "10")
        request = RefundRequest.objects.get()
        events_come(stripe)
        stripe.fault(*REFUNDS, status=400, code="charge_already_refunded")
        refunding.ask(request, timezone.now())
        assert (request.is_open, request.error) == (False, "")


class TestStripeThatDoesNotAnswer:
    @pytest.mark.parametrize(
        "fault", [{"drop": True}, {"drop": True, "after": True}, {"status": 429}]
    )
    def test_is_asked_again_by_the_same_key(
        self, desk: Client, stripe: StandIn, order: Order, fault: dict[str, Any]
    ):
        stripe.fault(*REFUNDS, times=2, **fault)
        assert "nobody knows yet" in asks(desk, order, "10").text
        assert RefundRequest.objects.get().is_open
        stripe.clear_faults()
        answer = desk.post(page_of(order), {"again": ""}, follow=True)
        assert "asked for, waiting for Stripe" in answer.text
        keys = {call.idempotency_key for call in stripe.requests if call.path == REFUNDS[1]}
        assert keys == {RefundRequest.objects.get().key}
        events_come(stripe)
        assert (len(stripe.refunds), state(order)) == (1, ("PAID", 1_000))

    def test_leaves_no_room_for_another(self, desk: Client, stripe: StandIn, order: Order):
        stripe.fault(*REFUNDS, times=2, drop=True, after=True)
        asks(desk, order, "10")
        answer = desk.post(page_of(order), {"amount": "10", "reason": "duplicate"}, follow=True)
        assert "is asked for, and waits for Stripe" in answer.text
        assert RefundRequest.objects.count() == 1

    @pytest.mark.once
    @pytest.mark.parametrize("status", [401, 403])
    def test_and_then_refuses_the_key_stays_open(
        self, desk: Client, stripe: StandIn, order: Order, status: int
    ):
        """The refund may have been made by the key that the shop had before."""
        stripe.fault(*REFUNDS, times=2, drop=True, after=True)
        asks(desk, order, "10")
        stripe.fault(*REFUNDS, status=status)
        desk.post(page_of(order), {"again": ""})
        assert RefundRequest.objects.get().is_open

    @pytest.mark.once
    def test_is_never_asked_again_after_hours(self, desk: Client, stripe: StandIn, order: Order):
        stripe.fault(*REFUNDS, times=2, drop=True)
        asks(desk, order, "10")
        grows_old()
        assert 'name="again"' not in desk.get(page_of(order)).text
        before = len(stripe.requests)
        answer = desk.post(page_of(order), {"again": ""}, follow=True)
        assert "look it up at Stripe" in answer.text
        assert (len(stripe.requests), stripe.refunds) == (before, {})

    @pytest.mark.parametrize("looks", ["at the desk", "the worker"])
    def test_has_done_it_as_looking_it_up_shows(
        self, desk: Client, stripe: StandIn, order: Order, looks: str
    ):
        item = order.items.get()
        stripe.fault(*REFUNDS, times=2, drop=True, after=True)
        asks(desk, order, "29.99", **{f"restock-{item.pk}": "1"})
        stripe.refund(order.session_id or "", 100)  # another one
        grows_old()
        if looks == "the worker":
            works()
        else:
            desk.post(page_of(order), {"look": ""})
        assert (state(order), stock()) == (("PAID", 2_999), 4)
        request = RefundRequest.objects.get()
        assert (request.is_open, request.error) == (False, "")
        events_come(stripe)
        assert (state(order), stock()) == (("PAID", 3_099), 4)

    @pytest.mark.parametrize("age", [timedelta(hours=1), LONG_AGO])
    def test_and_has_not_done_it_is_given_up_once_the_key_is_forgotten(
        self, desk: Client, stripe: StandIn, order: Order, age: timedelta
    ):
        stripe.fault(*REFUNDS, times=2, drop=True)
        asks(desk, order, "10")
        grows_old(age)
        works()
        request = RefundRequest.objects.get()
        assert request.is_open == (age < KEY_LIVES)
        assert ("nothing was paid back" in request.error) == (age >= KEY_LIVES)

    @pytest.mark.once
    @pytest.mark.parametrize(("status", "words"), [(500, "did not answer"), (403, "may not read")])
    def test_when_it_is_looked_up_is_said(
        self, desk: Client, stripe: StandIn, order: Order, status: int, words: str
    ):
        asks(desk, order, "10")
        grows_old()
        stripe.fault("GET", REFUNDS[1], times=9, status=status)
        assert words in desk.post(page_of(order), {"look": ""}, follow=True).text
        works()
        assert RefundRequest.objects.get().is_open

    def test_of_one_refund_is_asked_about_the_next(
        self, desk: Client, stripe: StandIn, order: Order
    ):
        stripe.fault(*REFUNDS, times=2, drop=True, after=True)
        asks(desk, order, "10")
        grows_old()
        other = Order.objects.create(
            shopper=uuid4(),
            status="PAID",
            paid_at=timezone.now(),
            total_cents=100,
            currency="usd",
            payment_intent="pi_other",
        )
        longer_ago = timezone.now() - 2 * LONG_AGO
        RefundRequest.objects.create(order=other, amount_cents=1, key="a", asked_at=longer_ago)
        stripe.clear_faults()
        stripe.fault("GET", REFUNDS[1], times=1, status=403)
        works()
        assert state(order) == ("PAID", 1_000)

    def test_is_not_looked_up_before_its_event_may_come(
        self, desk: Client, stripe: StandIn, order: Order
    ):
        asks(desk, order, "10")
        works()
        assert RefundRequest.objects.get().is_open


class TestTheStock:
    def asks(self, desk: Client, order: Order, pieces: object = 2) -> Any:
        return asks(desk, order, "59.98", **{f"restock-{order.items.get().pk}": pieces})

    def test_comes_back_once_with_the_event(self, desk: Client, stripe: StandIn, order: Order):
        self.asks(desk, order)
        assert stock() == 3
        for copy in range(3):
            for event in stripe.events:
                deliver(event | {"id": f"{event['id']}_{copy}"})
        assert (stock(), state(order)) == (5, ("REFUNDED", 5_998))
        assert RefundRequest.objects.get().restocked_at

    def test_comes_back_when_pending_money_has_gone(
        self, desk: Client, stripe: StandIn, order: Order
    ):
        stripe.lower_balance()
        self.asks(desk, order)
        events_come(stripe)
        request = RefundRequest.objects.get()
        assert (stock(), request.is_open) == (3, False)
        stripe.settle_refund(request.refund_id)
        events_come(stripe)
        assert stock() == 5

    def test_stays_where_it_was_without_being_asked_for(
        self, desk: Client, stripe: StandIn, order: Order
    ):
        asks(desk, order, "59.98")
        events_come(stripe)
        assert stock() == 3

    def test_stays_on_the_shelf_if_the_bank_refuses_later(
        self, desk: Client, stripe: StandIn, order: Order
    ):
        self.asks(desk, order)
        events_come(stripe)
        stripe.fail_refund(RefundRequest.objects.get().refund_id)
        events_come(stripe)
        assert (stock(), state(order)) == (5, ("PAID", 0))
        assert "is on sale again" in order.review_reason
        text = desk.get(page_of(order)).text
        assert "The bank did not take it (lost or stolen card)" in text
        assert 'name="amount" value="59.98"' in text
        assert f'name="restock-{order.items.get().pk}"' not in text

    def test_does_not_come_back_for_a_refund_that_had_failed(
        self, desk: Client, stripe: StandIn, order: Order
    ):
        self.asks(desk, order)
        stripe.fail_refund(RefundRequest.objects.get().refund_id)
        for event in reversed(stripe.events):
            deliver(event)
        assert (stock(), state(order)) == (3, ("PAID", 0))
        assert "The bank did not take it" in RefundRequest.objects.get().error
        assert order.review_reason == ""

    @pytest.mark.once
    def test_is_no_more_than_was_bought(self, desk: Client, stripe: StandIn, order: Order):
        for pieces in ("3", "-1", "1.5", "x"):
            assert self.asks(desk, order, pieces).status_code == 422, pieces
            assert not RefundRequest.objects.exists()

    def test_is_no_more_than_is_not_back_yet(self, desk: Client, stripe: StandIn, order: Order):
        item = order.items.get()
        asks(desk, order, "10", **{f"restock-{item.pk}": "1"})
        events_come(stripe)
        assert "of 1" in desk.get(page_of(order)).text
        self.asks(desk, order)
        assert RefundRequest.objects.count() == 1

    @pytest.mark.once
    def test_is_not_asked_about_where_it_is_not_counted(self, desk: Client, order: Order):
        assert "back into stock" in desk.get(page_of(order)).text
        Product.objects.update(stock=None)
        assert "back into stock" not in desk.get(page_of(order)).text

    def test_of_goods_that_were_never_sold_returns_by_itself(
        self, desk: Client, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        """Of money that doesn't fit: the whole refund releases what is reserved."""
        ada.puts(mouse, 2)
        ada.buys()
        session = stripe.pay(ada.order.session_id or "")
        money = {"amount_total": 5_000, "payment_intent": session["payment_intent"]}
        deliver(event_about(ada.order, **money))
        assert (ada.order.status, stock()) == ("REVIEW", 3)
        text = desk.get(page_of(ada.order)).text
        assert ("back into stock" in text, 'name="amount" value="50.00"' in text) == (False, True)
        asks(desk, ada.order, "50")
        events_come(stripe)
        assert (ada.order.status, stock()) == ("REFUNDED", 5)


class TestTheEvent:
    def test_of_another_refund_answers_nothing(self, desk: Client, stripe: StandIn, order: Order):
        asks(desk, order, "10")
        RefundRequest.objects.update(refund_id="")
        refund = stripe.refund(order.session_id or "", 500)
        for event in stripe.events:
            if event["data"]["object"]["id"] == refund["id"]:
                deliver(event)
        assert RefundRequest.objects.get().is_open

    def test_that_names_a_request_of_another_order_answers_nothing(
        self, desk: Client, stripe: StandIn, order: Order, bo: Shopper, mouse: Product
    ):
        stripe.fault(*REFUNDS, times=2, drop=True)
        asks(desk, order, "10")
        request = RefundRequest.objects.get()
        bo.puts(mouse, 1)
        bo.buys()
        stripe.pay(bo.order.session_id or "")
        deliver(stripe.events_of("checkout.session.completed")[-1])
        intent = bo.order.payment_intent
        said = {"amount": 1_000, "status": "succeeded", "metadata": {"request_id": str(request.pk)}}
        deliver(event_about(order, "refund.created", id="re_1", payment_intent=intent, **said))
        request.refresh_from_db()
        assert (request.is_open, request.refund_id) == (True, "")
        assert state(bo.order) == ("PAID", 1_000)

    def test_with_odd_metadata_is_a_refund_as_any(self, stripe: StandIn, order: Order):
        odd: list[Any] = [None, [], "x", {"request_id": 7}, {"request_id": "x"}]
        intent = order.payment_intent
        for metadata in one_by_one(odd):
            said = {"amount": 1_000, "status": "succeeded", "metadata": metadata}
            deliver(event_about(order, "refund.created", id="re_1", payment_intent=intent, **said))
            assert state(order) == ("PAID", 1_000), metadata

    @pytest.mark.parametrize("word", ["failed", "canceled"])
    def test_of_money_that_did_not_go_says_so(
        self, desk: Client, stripe: StandIn, order: Order, word: str
    ):
        asks(desk, order, "10")
        said = {"amount": 1_000, "status": word, "payment_intent": order.payment_intent}
        refund_id = RefundRequest.objects.get().refund_id
        deliver(event_about(order, "refund.updated", id=refund_id, **said))
        assert "The bank did not take it" in RefundRequest.objects.get().error
        assert state(order) == ("PAID", 0)

    def test_is_told_to_the_customer(
        self, desk: Client, stripe: StandIn, order: Order, mails: list[EmailMessage]
    ):
        asks(desk, order, "10")
        events_come(stripe)
        works()
        assert [m.subject for m in mails if "$10.00" in m.subject]


class TestInTheDemo:
    def test_an_event_like_stripes_pays_back(self, desk: Client, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        ada.buys()
        text = asks(desk, ada.order, "29.99", **{f"restock-{ada.order.items.get().pk}": "1"}).text
        assert "$29.99: on its way to the customer." in text
        assert (state(ada.order), stock()) == (("PAID", 2_999), 4)
        assert StripeEvent.objects.filter(type="refund.created", outcome="applied").count() == 1
        asks(desk, ada.order, "29.99")
        assert state(ada.order) == ("REFUNDED", 5_998)

    @pytest.mark.once
    def test_what_was_paid_there_is_not_refunded_at_stripe(
        self, desk: Client, ada: Shopper, mouse: Product, settings: Settings
    ):
        ada.puts(mouse, 2)
        ada.buys()
        settings.STRIPE_DEMO_MODE = False
        assert "nothing was paid" in desk.get(page_of(ada.order)).text
        assert "nothing was paid" in asks(desk, ada.order).text
        assert not RefundRequest.objects.exists()

    @pytest.mark.once
    def test_what_was_paid_at_stripe_is_not_refunded_there(
        self, desk: Client, stripe: StandIn, order: Order, settings: Settings
    ):
        settings.STRIPE_DEMO_MODE = True
        assert "no keys of Stripe now" in desk.get(page_of(order)).text
        assert "no keys of Stripe now" in asks(desk, order).text
        assert (state(order), RefundRequest.objects.exists()) == (("PAID", 0), False)


@pytest.mark.once
class TestWhoMay:
    @pytest.mark.parametrize(
        ("permissions", "status"),
        [
            (("view_order", "add_refundrequest"), 200),
            (("change_order", "add_refundrequest"), 200),
            (("view_order", "change_order"), 403),
            (("add_refundrequest",), 403),
        ],
    )
    def test_has_a_permission_of_its_own(
        self, order: Order, stripe: StandIn, permissions: tuple[str, ...], status: int
    ):
        desk = desk_of(*permissions)
        assert desk.get(page_of(order)).status_code == status
        form = {"amount": "10", "reason": "duplicate"}
        assert desk.post(page_of(order), form).status_code == status

    def test_a_form_from_elsewhere_does_nothing(self, desk: Client, order: Order):
        page = confirms(desk, order)
        desk.handler.enforce_csrf_checks = True
        assert desk.post(page_of(order), page).status_code == 403
        assert not RefundRequest.objects.exists()

    def test_reads_why_there_is_no_button(self, desk: Client, order: Order):
        assert "Refund…" in desk.get(page_of(order)).text
        reasons: list[tuple[dict[str, Any], str]] = [
            ({"status": "PENDING", "paid_at": None}, "Nothing was paid: waiting for payment."),
            ({"status": "REFUNDED", "refunded_cents": 5_998}, "All of this order is refunded."),
            ({"payment_intent": "", "total_cents": 0, "received_cents": 0}, "was free"),
            ({"payment_intent": "", "status": "REVIEW"}, "no payment of its own"),
        ]
        for fields, words in one_by_one(reasons):
            Order.objects.update(**fields)
            text = desk.get(page_of(order)).text
            assert (words in text, "Refund…" in text) == (True, False)
            assert words in desk.post(page_of(order), {"amount": "1"}, follow=True).text
