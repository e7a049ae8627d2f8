"""The page of an order: what to do about it, what came of it, and the merchant's note."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from checkout import receipts
from checkout.models import Message, Order, Refund
from merchant.advice import ADVICE, OTHERWISE
from storefront.models import Product
from tests.cast import Shopper
from tests.merchant.conftest import buy, desk_of

ALL = (
    *("view_order", "change_order", "view_refund", "view_stripeevent"),
    *("view_message", "change_message"),
)
BOOKKEEPER = ("view_order", "view_refund", "view_stripeevent", "view_message")


def at(order: Order, more: str = "change/") -> str:
    return f"/admin/checkout/order/{order.pk}/{more}"


def said(text: str) -> str:
    """The page without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


@pytest.fixture
def owner(db: None) -> Client:
    return desk_of(*ALL, name="owner")


@pytest.mark.once
class TestWhatItSays:
    def test_is_what_to_do_and_how_it_stands(self, owner: Client, order: Order):
        other = said(owner.get(at(order)).text)
        for words in ("Mark as shipped", "2 × Mouse", "Ada Lovelace", "8010 Graz", "$59.98"):
            assert words in other
        for words in ("Received $59.98", "Refunded $0.00", "Net $59.98", "Paid through Stripe"):
            assert words in other
        assert "Look at this first" not in other
        assert "Stripe’s fee" not in other

    def test_is_the_fee_once_it_is_known(self, owner: Client, order: Order):
        Order.objects.update(fee_cents=204, net_cents=5_794, settlement_currency="eur")
        Order.objects.update(refunded_cents=1_000)
        assert "<dt>Net</dt><dd>$49.98</dd>" in owner.get(at(order)).text
        text = said(owner.get(at(order)).text)
        assert "Stripe’s fee €2.04" in text
        assert "Paid out, before refunds €57.94" in text

    @pytest.mark.parametrize(("mode", "part"), [("cs_test_1", "test/"), ("cs_live_1", "")])
    def test_leads_to_the_payment_in_stripes_dashboard(
        self, owner: Client, order: Order, settings: Any, mode: str, part: str
    ):
        settings.STRIPE_LIVE_MODE = True
        Order.objects.update(session_id=mode)
        link = f'href="https://dashboard.stripe.com/{part}payments/{order.payment_intent}"'
        assert link in owner.get(at(order)).text
        Order.objects.update(session_id="cs_demo_1")
        assert "dashboard.stripe.com" not in owner.get(at(order)).text

    def test_is_what_to_do_about_each_reason(self, owner: Client, order: Order):
        for fragment, advice in ADVICE:
            Order.objects.update(review_reason=f"About it: {fragment} <x>.\nAnother reason.\n")
            text = owner.get(at(order)).text
            assert f"{fragment} &lt;x&gt;.".replace("'", "&#x27;") in text
            assert advice in text
            assert OTHERWISE in text

    def test_is_until_when_a_dispute_can_be_answered(self, owner: Client, order: Order):
        due_by = timezone.now() + timedelta(days=7)
        Order.objects.update(disputed_at=timezone.now(), dispute_id="du_1", dispute_due_by=due_by)
        text = owner.get(at(order)).text
        assert "disputes the payment" in text
        assert f"{due_by.day} " in text.partition("Answer at Stripe")[2].partition("</time>")[0]
        assert "/test/disputes/du_1" in text

    def test_is_what_else_the_customer_has(
        self, owner: Client, order: Order, ada: Shopper, mouse: Product
    ):
        Order.objects.update(email="ada+tea@example.com")
        assert "No other order." in owner.get(at(order)).text
        buy(ada, mouse, email="ADA+tea@example.com")
        text = owner.get(at(order)).text
        assert "Other orders: 1" in text
        assert f"mailto:ada%2Btea@example.com?subject=Order%20{order.reference}" in text
        assert "?q=ada%2Btea%40example.com" in text

    def test_is_the_private_link_as_a_customer_needs_it(self, owner: Client, order: Order):
        receipts.make_link(order)
        assert f"http://testserver{receipts.address_of(order)}" in owner.get(at(order)).text

    @pytest.mark.parametrize("name", ["x", "1", "7f1d0e0c"])
    def test_of_what_is_no_order_is_not_found(self, owner: Client, name: str):
        assert owner.get(f"/admin/checkout/order/{name}/change/").status_code == 404


@pytest.mark.once
class TestTheTimeline:
    def test_calls_a_payment_of_the_demo_so(self, owner: Client, order: Order):
        Order.objects.update(session_id="cs_demo_1")
        text = said(owner.get(at(order)).text)
        assert "Paid in the demo" in text
        assert "Paid through Stripe" not in text

    def test_tells_all_the_newest_first(self, owner: Client, order: Order):
        Refund.objects.create(order=order, refund_id="re_1", amount_cents=100)
        owner.post(at(order, "shipment/"), {"carrier": "DHL", "number": "0034"})
        owner.post(at(order, "note/"), {"note": "Call <her>.", "seen": seen(owner, order, "note")})
        text = owner.get(at(order)).text.partition('class="timeline"')[2].partition("</ol>")[0]
        told = [
            "Changed the note.",
            "Marked as shipped.",
            "$1.00 refunded",
            "Paid through",
            "Ordered",
        ]
        places = [text.find(words) for words in told]
        assert -1 not in places
        assert places[-1] == max(places)
        for words in (
            "Call &lt;her&gt;.",
            "DHL 0034",
            order.events.get().event_id,
            "order shipped",
        ):
            assert words in text

    def test_sends_a_mail_again(self, owner: Client, order: Order):
        message = order.messages.get(kind="order_confirmed")
        Message.objects.filter(pk=message.pk).update(
            claimed_at=timezone.now(), sent_at=timezone.now()
        )
        text = owner.get(at(order)).text
        again = f"/admin/checkout/message/{message.pk}/again/"
        assert f'formaction="{again}"' in text
        assert f'action="{again}"' in text
        owner.post(again)
        assert order.messages.filter(kind="order_confirmed").count() == 2


def seen(desk: Client, order: Order, form: str) -> str:
    """What the form of the page says was seen."""
    text = desk.get(at(order)).text.partition(f'action="{at(order, form)}/"')[2]
    found = re.search(r'name="seen" value="(\w+)"', text)
    return found[1] if found else ""


class TestSettling:
    REASON = "Money arrived in cs_1, but the amount is not 1.\nAnother.\n"

    @pytest.fixture
    def reviewed(self, order: Order) -> Order:
        Order.objects.update(review_reason=self.REASON, status="REVIEW")
        order.refresh_from_db()
        return order

    def test_takes_the_reason_into_the_timeline_and_leaves_the_payment(
        self, owner: Client, reviewed: Order
    ):
        form = {"seen": seen(owner, reviewed, "settling")}
        answer = owner.post(at(reviewed, "settling/"), form, follow=True)
        assert "needs no look any more" in answer.text
        assert "Look at this first" not in answer.text
        assert "the amount is not 1." in LogEntry.objects.get().change_message
        assert "Settled: Money arrived" in answer.text
        reviewed.refresh_from_db()
        assert (reviewed.review_reason, reviewed.status) == ("", "REVIEW")
        again = owner.post(at(reviewed, "settling/"), form, follow=True)
        assert "was settled already" in again.text
        assert LogEntry.objects.count() == 1

    def test_leaves_what_was_not_seen(self, owner: Client, reviewed: Order):
        form = {"seen": seen(owner, reviewed, "settling")}
        reviewed.flag("One more.")
        answer = owner.post(at(reviewed, "settling/"), form, follow=True)
        assert "more to look at by now" in answer.text
        assert "One more." in Order.objects.get().review_reason
        assert not LogEntry.objects.exists()

    def test_is_won_by_one_of_two(self, reviewed: Order):
        stale = Order.objects.get(pk=reviewed.pk)
        assert [reviewed.settle(self.REASON), stale.settle(self.REASON)] == [True, False]


class TestTheNote:
    def test_is_kept_and_shown_to_no_shopper(self, owner: Client, order: Order, ada: Shopper):
        form = {"note": "Ring <twice>.\r\nThen go.", "seen": seen(owner, order, "note")}
        assert "is kept" in owner.post(at(order, "note/"), form, follow=True).text
        assert Order.objects.get().note == "Ring <twice>.\nThen go."
        assert "Ring &lt;twice&gt;." in owner.get(at(order)).text
        for page in (order.get_absolute_url(), "/orders/"):
            assert "twice" not in ada.get(page).text

    def test_of_somebody_else_is_told_and_not_written_over(self, owner: Client, order: Order):
        first = seen(owner, order, "note")
        other = desk_of("change_order", name="other")
        other.post(at(order, "note/"), {"note": "Theirs.", "seen": first})
        answer = owner.post(at(order, "note/"), {"note": "Mine.", "seen": first})
        assert answer.status_code == 409
        assert "Theirs." in answer.text
        assert ">\nMine.</textarea>" in answer.text
        assert Order.objects.get().note == "Theirs."
        known = re.search(r'name="seen" value="(\w+)"', answer.text.partition('note/"')[2])
        again = re.findall(r'name="seen" value="(\w+)"', answer.text)[-1]
        assert known
        owner.post(at(order, "note/"), {"note": "Mine.", "seen": again})
        assert Order.objects.get().note == "Mine."

    def test_is_won_by_one_of_two(self, order: Order):
        stale = Order.objects.get(pk=order.pk)
        won = [order.write_note("Mine.", seen=""), stale.write_note("Theirs.", seen="")]
        assert (won, Order.objects.get().note) == ([True, False], "Mine.")

    @pytest.mark.once
    @pytest.mark.parametrize(("note", "why"), [("x" * 5_001, "at most 5000"), ("a\0b", "Null")])
    def test_that_can_t_be_kept_comes_back(self, owner: Client, order: Order, note: str, why: str):
        answer = owner.post(at(order, "note/"), {"note": note, "seen": seen(owner, order, "note")})
        assert (answer.status_code, why in answer.text) == (422, True)
        assert note.replace("\0", "") in answer.text.replace("\0", "")
        assert Order.objects.get().note == ""


@pytest.mark.once
class TestWhoMay:
    def test_who_packs_sees_no_more_of_the_payment_than_the_total(self, order: Order):
        packer = desk_of("view_order", "change_order", "view_product")
        Order.objects.update(review_reason="Money arrived in cs_1.\n", disputed_at=timezone.now())
        text = packer.get(at(order)).text
        for words in ("Received", "Money arrived", "Open in Stripe", "pi_", "cs_", "evt_", "Settl"):
            assert words not in text
        for words in ("$59.98", "Mark as shipped", "Keep the note", "Don’t ship it before"):
            assert words in text
        assert packer.post(at(order, "settling/")).status_code == 403

    def test_who_keeps_the_books_reads_all_and_changes_nothing(self, order: Order):
        reader = desk_of(*BOOKKEEPER)
        Order.objects.update(review_reason="Money arrived in cs_1.\n", note="Mine.")
        text = reader.get(at(order)).text
        for words in ("Received", "Money arrived", "Open in Stripe", "Mine.", "Under the hood"):
            assert words in text
        for words in ("Mark as shipped", "Keep the note", "I have settled it", "once more"):
            assert words not in text
        for page in ("note/", "settling/", "shipment/"):
            assert reader.post(at(order, page), {"note": "x"}).status_code == 403
        order.refresh_from_db()
        assert (order.note, order.shipped_at) == ("Mine.", None)

    @pytest.mark.parametrize("page", ["change/", "shipment/"])
    def test_others_see_nothing(self, order: Order, page: str):
        assert desk_of("view_product").get(at(order, page)).status_code == 403

    def test_a_form_from_elsewhere_does_nothing(self, owner: Client, order: Order):
        owner.handler.enforce_csrf_checks = True
        for page in ("note/", "settling/"):
            assert owner.post(at(order, page), {"note": "x"}).status_code == 403


@pytest.mark.once
def test_no_line_of_the_log_tells_what_a_note_says(owner: Client, order: Order, log: Any):
    owner.post(at(order, "note/"), {"note": "Lovelace", "seen": seen(owner, order, "note")})
    owner.get("/admin/checkout/order/", {"q": "lovelace"})
    assert "ovelace" not in log.text
