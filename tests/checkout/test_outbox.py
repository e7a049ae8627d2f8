"""What the shop has to write is sent after the commit of its cause, once, or shown as unsent."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from threading import Event
from typing import Any

import pytest
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from checkout import events, metrics, outbox, telling
from checkout.management.commands import work
from checkout.models import Message, Order, StripeEvent
from storefront.models import Product
from storefront.ops import backups, mailing
from tests.cast import Shopper, deliver, event_about
from tests.log_capture import Log
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def send(after: timedelta = timedelta()) -> int:
    return outbox.send_due(timezone.now() + after)


def only() -> Message:
    return Message.objects.get()


def unsent() -> dict[str, float]:
    cache.clear()
    samples = metrics._messages(timezone.now()).samples
    return {sample.labels["state"]: sample.value for sample in samples}


def state() -> str:
    return str(only().state)


@pytest.fixture
def paid(pending_order: Order) -> Order:
    deliver(event_about(pending_order))
    return Order.objects.get(pk=pending_order.pk)


@pytest.fixture
def goes_wrong(mails: list[EmailMessage], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def let(error: Exception | None) -> None:
        """Let each mail end so, or be taken again."""

        def send(self: mailing.Post, mail: EmailMessage) -> None:
            if error:
                raise error
            mails.append(mail)

        monkeypatch.setattr(mailing.Post, "send", send)

    return let


class TestAPaidOrder:
    def test_is_confirmed_once(self, paid: Order, mails: list[EmailMessage]):
        assert (state(), only().to) == ("waiting", "ada@example.com")
        assert [send(), send()] == [1, 0]
        [mail] = mails
        assert mail.to == ["ada@example.com"]
        assert paid.reference in mail.subject
        assert state() == "sent"

    def test_is_confirmed_once_however_often_it_is_said(
        self, paid: Order, mails: list[EmailMessage]
    ):
        for number in range(3):
            deliver(event_about(paid) | {"id": f"evt_again_{number}"})
        assert (send(), len(mails)) == (1, 1)

    def test_is_not_confirmed_when_its_transaction_fails(
        self, pending_order: Order, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(events, "insert_event", lambda event: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            events.receive(event_about(pending_order))
        assert not Message.objects.exists()

    def test_that_is_not_paid_yet_is_not_confirmed(self, stripe: StandIn, pending_order: Order):
        stripe.pay_later(pending_order.session_id or "")
        for event in stripe.events_of("checkout.session.completed"):
            deliver(event)
        assert [message.kind for message in Message.objects.all()] == ["order_processing"]

    def test_in_the_demo_is_shown_and_never_mailed(
        self, ada: Shopper, mouse: Product, mails: list[EmailMessage]
    ):
        ada.puts(mouse, 1)
        ada.buys()
        assert (ada.order.status, only().is_demo) == ("PAID", True)
        assert send() == 1
        assert (state(), mails) == ("sent", [])

    def test_in_the_demo_of_a_developer_is_printed(
        self,
        ada: Shopper,
        mouse: Product,
        settings: Settings,
        mails: list[EmailMessage],
        capsys: pytest.CaptureFixture[str],
    ):
        settings.MAILERS |= {"terminal": {"BACKEND": "storefront.ops.mailing.Terminal"}}
        ada.puts(mouse, 1)
        ada.buys()
        assert send() == 1
        assert f"Subject: Order {ada.order.reference}" in capsys.readouterr().out
        assert not mails


class TestTheHeaders:
    def test_keep_answers_of_machines_away_and_lead_those_of_people_to_the_merchant(
        self, paid: Order, settings: Settings, mails: list[EmailMessage]
    ):
        settings.SHOP_NAME, settings.MAIL_FROM = 'Käse "und" mehr', "orders@shop.example"
        settings.MERCHANT_MAIL = "desk@shop.example"
        send()
        sent = mails[0].message()
        assert sent["From"].addresses[0].display_name == 'Käse "und" mehr'
        assert sent["From"].addresses[0].addr_spec == "orders@shop.example"
        assert sent["Reply-To"] == "desk@shop.example"
        assert sent["Auto-Submitted"] == "auto-generated"
        assert sent["X-Auto-Response-Suppress"] == "OOF, AutoReply"
        assert not sent["List-Unsubscribe"]

    def test_take_a_name_that_does_not_end(
        self, paid: Order, settings: Settings, mails: list[EmailMessage]
    ):
        settings.SHOP_NAME = "x" * 10_000
        assert send() == 1
        assert max(map(len, mails[0].message().as_bytes().splitlines())) < 998

    def test_have_the_same_id_at_each_try_and_bind_the_mails_of_an_order(
        self, paid: Order, mails: list[EmailMessage], goes_wrong: Callable[..., None]
    ):
        goes_wrong(mailing.Down("away"))
        first = outbox._envelope(only()).message()
        send()
        goes_wrong(None)
        send(MINUTE)
        again = mails[0].message()
        assert first["Message-ID"] == again["Message-ID"]
        assert first["Message-ID"].startswith(f"<order_confirmed.{paid.reference}.")
        assert first["Message-ID"].endswith("@testserver>")
        outbox.send_again(only())
        send()
        assert mails[1].message()["References"] == first["Message-ID"]
        assert mails[1].message()["Message-ID"] != first["Message-ID"]


class TestAFailure:
    def test_is_tried_again_within_a_minute_and_then_with_growing_pauses(
        self, paid: Order, goes_wrong: Callable[..., None]
    ):
        goes_wrong(mailing.Deferred("greylisted"))
        now, waits = timezone.now(), []
        for tries in range(1, 11):
            outbox.send_due(now)
            message = only()
            assert (message.tries, state(), message.error) == (tries, "waiting", "greylisted")
            assert message.due_at
            waits.append(round((message.due_at - now).total_seconds()))
            outbox.send_due(message.due_at - timedelta(seconds=1))
            now = message.due_at
        assert waits[0] < 60
        assert waits == sorted(waits)
        assert waits[-1] == outbox.LONGEST_WAIT.total_seconds()
        goes_wrong(None)
        assert outbox.send_due(now) == 1

    def test_that_is_final_is_shown_in_words_and_keeps_no_other_waiting(
        self,
        paid: Order,
        bo: Shopper,
        mouse: Product,
        mails: list[EmailMessage],
    ):
        Message.objects.update(to="ada at example")
        bo.puts(mouse, 1)
        bo.buys()
        deliver(event_about(bo.order, customer_details={"email": "bo@example.com"}))
        assert send() == 1
        failed = Message.objects.get(order=paid)
        assert (failed.state, failed.due_at) == ("failed", None)
        assert failed.error == "there is no address that can be mailed"
        assert [mail.to for mail in mails] == [["bo@example.com"]]
        assert send(timedelta(days=1)) == 0

    def test_of_the_words_themselves_keeps_no_other_waiting(
        self, paid: Order, mails: list[EmailMessage], settings: Settings, log: Log
    ):
        settings.WRITES_MAILS = "checkout.outbox.no_such_thing"
        assert send() == 0
        assert (state(), only().tries, only().claimed_at) == ("waiting", 1, None)
        settings.WRITES_MAILS = "merchant.mails.mail_of"
        assert send(MINUTE) == 1

    def test_that_may_be_none_is_unsure_and_not_repeated(
        self, paid: Order, goes_wrong: Callable[..., None], mails: list[EmailMessage]
    ):
        goes_wrong(mailing.MayHaveArrived("the mail server did not answer"))
        assert send() == 0
        goes_wrong(None)
        assert [send(), send(timedelta(days=1))] == [0, 0]
        assert (state(), outbox.unsure(timezone.now())) == ("unsure", 1)

    def test_is_a_figure_of_the_metrics(self, paid: Order, goes_wrong: Callable[..., None]):
        assert unsent() == {"late": 0, "unsure": 0}
        goes_wrong(mailing.Deferred("greylisted"))
        send()
        assert unsent() == {"late": 1, "unsure": 0}
        Message.objects.update(claimed_at=timezone.now())
        assert unsent() == {"late": 0, "unsure": 1}

    def test_in_the_middle_of_a_worker_is_unsure_and_not_repeated(
        self, paid: Order, goes_wrong: Callable[..., None]
    ):
        class Killed(BaseException):
            """The worker dies here."""

        goes_wrong(Killed())
        with pytest.raises(Killed):
            send()
        goes_wrong(None)
        assert send(MINUTE) == 0
        assert outbox.unsure(timezone.now() + timedelta(hours=1)) == 1

    def test_of_the_provider_is_one_line_of_the_log_and_ends_the_round(
        self,
        stripe: StandIn,
        mouse: Product,
        mails: list[EmailMessage],
        goes_wrong: Callable[..., None],
        log: Log,
    ):
        for _ in range(3):
            shopper = Shopper()
            shopper.puts(mouse, 1)
            shopper.buys()
            deliver(event_about(shopper.order))
        goes_wrong(mailing.Down("ada@example.com was not taken"))
        assert [send(), send(), send()] == [0, 0, 0]
        lines = [line for line in log.lines() if "No mail leaves" in line["message"]]
        assert len(lines) == 1
        assert "ada@example.com" not in str(log.lines())
        assert {message.tries for message in Message.objects.all()} == {1}
        Message.objects.filter(pk=Message.objects.latest("pk").pk).update(due_at=timezone.now())
        goes_wrong(None)
        send()
        send()  # none of them waits for its own time any more
        assert len(mails) == 3


class TestWithoutAWayToMail:
    def test_messages_wait(self, paid: Order, settings: Settings, mails: list[EmailMessage]):
        way, settings.MAILERS = settings.MAILERS, {}
        assert [send(), send(timedelta(days=1))] == [0, 0]
        assert (state(), only().tries) == ("waiting", 0)
        settings.MAILERS = way
        assert send() == 1

    def test_those_that_have_waited_too_long_are_left_to_the_merchant(
        self, paid: Order, mails: list[EmailMessage]
    ):
        assert send(timedelta(days=4)) == 0
        assert (state(), only().error) == ("failed", "it was too old when it could be sent")
        assert outbox.send_again(only())
        assert send() == 1


class TestSendingAgain:
    def test_sends_it_once_more_and_settles_what_was_unsure(
        self, paid: Order, mails: list[EmailMessage]
    ):
        Message.objects.update(claimed_at=timezone.now(), error="who knows")
        first = only()
        assert [outbox.send_again(first), outbox.send_again(first)] == [True, False]
        assert send() == 1
        assert outbox.unsure(timezone.now()) == 0
        assert Message.objects.filter(sent_at__isnull=False).get().number == 2

    def test_is_refused_while_it_waits(self, paid: Order):
        assert not outbox.send_again(only())

    def test_leaves_what_is_for_the_merchant_to_the_merchant(self, paid: Order, settings: Settings):
        settings.MERCHANT_MAIL, now = "desk@shop.example", timezone.now()
        known = {"order": paid, "to": settings.MERCHANT_MAIL, "claimed_at": now, "sent_at": now}
        first = Message.objects.create(kind=Message.Kind.NEW_ORDER, key="new/1", **known)
        assert outbox.send_again(first)
        mail = outbox._envelope(Message.objects.latest("id")).message()
        assert (mail["To"], mail["Reply-To"]) == ("desk@shop.example", None)
        assert mail["References"] == outbox._message_id(first)

    def test_goes_where_the_order_says_today(self, paid: Order, mails: list[EmailMessage]):
        send()
        Order.objects.update(email="new@example.com")
        outbox.send_again(only())
        send()
        assert [mail.to for mail in mails] == [["ada@example.com"], ["new@example.com"]]


class TestServersOfTheLastRelease:
    def test_note_with_the_event_what_is_written_now(
        self, paid: Order, mails: list[EmailMessage], settings: Settings
    ):
        settings.MERCHANT_MAIL = "desk@shop.example"
        Message.objects.all().delete()
        StripeEvent.objects.update(follow_up="order paid")
        assert [send(), send()] == [2, 0]
        assert {mail.to[0] for mail in mails} == {"ada@example.com", "desk@shop.example"}
        assert StripeEvent.objects.get().follow_up_done_at

    def test_wrote_nobody_of_what_they_did_or_left_long_ago(
        self, paid: Order, mails: list[EmailMessage]
    ):
        Message.objects.all().delete()
        StripeEvent.objects.update(follow_up="order paid", follow_up_done_at=timezone.now())
        assert send() == 0
        StripeEvent.objects.update(
            follow_up_done_at=None, received_at=datetime(2026, 1, 1, tzinfo=UTC)
        )
        assert send() == 0
        assert state() == "failed"


class TestAfterARestore:
    def recover(self) -> str:
        out = StringIO()
        since = (timezone.now() - timedelta(hours=1)).isoformat()
        call_command("reconcile_orders", since=since, stdout=out)
        return out.getvalue()

    def test_what_was_due_is_unsure(self, paid: Order, mails: list[EmailMessage]):
        with telling.recovering():
            pass
        assert send() == 0
        assert state() == "unsure"

    def test_it_is_so_before_any_worker_starts(
        self, paid: Order, mails: list[EmailMessage], monkeypatch: pytest.MonkeyPatch
    ):
        for name in ("restore", "moment_of"):
            monkeypatch.setattr(backups, name, lambda file: None)
        call_command("restore", "backup", replace=True, stdout=StringIO())
        work.send_messages(Event())
        assert (state(), mails) == ("unsure", [])

    def test_what_was_paid_meanwhile_is_unsure(
        self, stripe: StandIn, pending_order: Order, mails: list[EmailMessage]
    ):
        stripe.pay(pending_order.session_id or "")
        self.recover()
        send()
        assert (only().kind, state(), mails) == ("order_confirmed", "unsure", [])

    def test_an_order_that_is_rebuilt_confirms_nothing(
        self, stripe: StandIn, pending_order: Order, mails: list[EmailMessage]
    ):
        stripe.pay(pending_order.session_id or "")
        pending_order.delete()
        assert "1 orders brought back" in self.recover()
        assert Order.objects.get().status == "PAID"
        send(timedelta(days=1))
        assert (only().kind, state(), mails) == ("order_confirmed", "failed", [])


class TestAPersonWhoIsForgotten:
    def test_is_written_nothing_more_and_named_nowhere(
        self, paid: Order, mails: list[EmailMessage]
    ):
        Message.objects.update(error="550 ada@example.com who is that")
        call_command("forget_person", "ada@example.com", stdout=StringIO())
        assert send() == 0
        assert (only().to, only().error, mails) == ("", "", [])

    def test_is_forgotten_with_old_addresses(
        self, paid: Order, mails: list[EmailMessage], settings: Settings
    ):
        send()
        settings.KEEP_EMAILS = timedelta(days=1)
        Order.objects.update(created_at=timezone.now() - timedelta(days=2))
        call_command("forget", stdout=StringIO())
        assert only().to == ""

    def test_can_ask_what_was_written(self, paid: Order, mails: list[EmailMessage]):
        send()
        out = StringIO()
        call_command("export_person", "ada@example.com", stdout=out)
        assert '"kind": "order_confirmed"' in out.getvalue()


def test_old_messages_of_no_order_go(db: None):
    old = timezone.now() - timedelta(days=91)
    row: dict[str, Any] = {"kind": "merchant_low_stock", "to": "desk@shop.example"}
    more: list[dict[str, Any]] = [
        *({"sent_at": old, "claimed_at": old}, {"due_at": None}),
        *({}, {"created_at": timezone.now()}),
    ]
    for number, fields in enumerate(more):
        known = {"created_at": old, "key": f"merchant_low_stock/{number}/1"}
        Message.objects.create(**row | known | fields)
    call_command("forget", stdout=StringIO())
    assert sorted(Message.objects.values_list("key", flat=True)) == [
        "merchant_low_stock/2/1",
        "merchant_low_stock/3/1",
    ]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_before_its_commit(
    stripe: StandIn, pending_order: Order, mails: list[EmailMessage]
):
    with transaction.atomic():
        events.receive(event_about(pending_order))
        assert not mails
    assert (send(), len(mails)) == (1, 1)
