"""The worker's lease, its rounds, and what is said while no worker runs."""

from datetime import timedelta
from io import StringIO
from threading import Event

import pytest
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from checkout import leases
from checkout.management.commands import work
from checkout.management.commands.reconcile_orders import LEASE, YOUNG, Command
from checkout.models import Heartbeat, Lease, Message, Order
from tests.cast import deliver, event_about
from tests.log_capture import Log, figure
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


class TestALease:
    def test_is_one_holders_at_a_time(self):
        assert [Lease.take(LEASE, "ada"), Lease.take(LEASE, "bo")] == [True, False]
        assert Lease.holder_of(LEASE) == "ada"

    def test_is_another_ones_once_it_is_given_back(self):
        Lease.take(LEASE, "ada")
        Lease.release("ada")
        assert (Lease.holder_of(LEASE), Lease.take(LEASE, "bo")) == ("", True)

    def test_is_another_ones_once_its_time_is_over(self):
        Lease.take(LEASE, "ada")
        Lease.objects.update(until=Now())
        assert Lease.take(LEASE, "bo")

    def test_of_a_holder_that_died_is_over_soon(self):
        Lease.take(LEASE, "ada")
        assert Lease.objects.filter(until__range=(Now(), Now() + MINUTE)).exists()

    def test_lasts_for_as_long_as_it_is_renewed(self):
        Lease.take(LEASE, "ada")
        Lease.objects.update(until=Now())
        assert Lease.renew(LEASE, "ada")
        assert not Lease.take(LEASE, "bo")

    def test_that_another_one_has_is_neither_renewed_nor_given_back(self):
        Lease.take(LEASE, "bo")
        assert not Lease.renew(LEASE, "ada")
        Lease.release("ada")
        assert Lease.holder_of(LEASE) == "bo"

    def test_is_given_back_after_the_work_and_after_a_failure(self):
        with leases.held(LEASE) as is_ours:
            assert (is_ours, Lease.holder_of(LEASE)) == (True, leases.HOLDER)
        with pytest.raises(ZeroDivisionError), leases.held(LEASE):
            raise ZeroDivisionError
        assert Lease.holder_of(LEASE) == ""

    def test_that_another_one_took_meanwhile_is_lost_at_the_latest_when_given_back(self, log: Log):
        with leases.held(LEASE):
            Lease.objects.update(holder="bo")
        assert "Another process may be at the orders by now." in log.text
        assert Lease.holder_of(LEASE) == "bo"

    def test_ends_the_worker_that_lost_it(self, monkeypatch: pytest.MonkeyPatch):
        endings: list[int] = []
        monkeypatch.setattr(leases, "_ends_when_lost", True)
        monkeypatch.setattr("os._exit", endings.append)
        with leases.held(LEASE):
            Lease.objects.update(holder="bo")
        assert endings == [leases.LOST]

    def test_of_one_work_leaves_the_other_alone(self):
        Lease.take(LEASE, "ada")
        with leases.held(work.MESSAGES) as is_ours:
            assert is_ours


class TestByHand:
    @pytest.fixture(autouse=True)
    def short(self, settings: Settings):
        settings.LEASE = timedelta(seconds=1)

    def held_by_another(self, until: timedelta) -> None:
        Lease.objects.create(name=LEASE, holder="elsewhere:7:x", until=Now() + until)

    def run(self, *arguments: str) -> str:
        out = StringIO()
        call_command("reconcile_orders", *arguments, stdout=out)
        return out.getvalue()

    def test_it_waits_for_the_process_that_is_at_it(self, stripe: StandIn):
        self.held_by_another(timedelta(seconds=0.5))
        said = self.run()
        assert "Another process is at this work, so this one waits (elsewhere:7:x)." in said
        assert "nothing to change" in said

    def test_it_says_so_if_the_other_does_not_end(self, stripe: StandIn):
        self.held_by_another(MINUTE)
        assert "nothing was done" in self.run()
        assert Heartbeat.last_round() is None

    def test_a_recovery_fails_rather_than_be_left_out(self, stripe: StandIn):
        self.held_by_another(MINUTE)
        with pytest.raises(CommandError, match="does not end"):
            self.run("--since", "2026-11-26T03:10:30+00:00")


class TestRounds:
    @pytest.fixture
    def rounds(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        """Those that are gone, by processes that don't know of each other."""
        gone: list[object] = []
        go_round = Command._go_round

        def counted(self: Command, older_than: timedelta) -> None:
            gone.append(self)
            go_round(self, older_than)

        monkeypatch.setattr(Command, "_go_round", counted)
        return gone

    def test_are_a_minute_apart_whoever_goes_them(self, rounds: list[object]):
        for _ in range(3):
            Command().go_round(YOUNG, MINUTE)
        assert len(rounds) == 1
        Heartbeat.objects.update(at=timezone.now() - 2 * MINUTE)
        Command().go_round(YOUNG, MINUTE)
        assert len(rounds) == 2

    def test_are_left_to_the_one_that_is_at_it(self, rounds: list[object]):
        Lease.take(LEASE, "elsewhere")
        Command().go_round(YOUNG, MINUTE)
        assert rounds == []

    def test_that_another_has_just_done_are_not_done_again(
        self, rounds: list[object], monkeypatch: pytest.MonkeyPatch
    ):
        """It came to its end between this one's question and its turn."""
        take = Lease.take

        def take_later(name: str, holder: str) -> bool:
            Heartbeat.beat(Heartbeat.Name.ROUND)
            return take(name, holder)

        monkeypatch.setattr(Lease, "take", take_later)
        Command().go_round(YOUNG, MINUTE)
        assert rounds == []

    def test_of_a_new_process_forget_nothing_twice_a_day(self, caplog: pytest.LogCaptureFixture):
        with caplog.at_level("INFO"):
            for _ in range(3):
                Command().go_round(YOUNG)
            assert caplog.text.count("Forgot") == 1
            Heartbeat.objects.update(at=timezone.now() - timedelta(days=2))
            Command().go_round(YOUNG)
        assert caplog.text.count("Forgot") == 2

    def test_say_at_the_start_that_they_are_gone_and_later_what_they_found(
        self, caplog: pytest.LogCaptureFixture
    ):
        worker = Command()
        with caplog.at_level("INFO"):
            worker.go_round(YOUNG)
            worker.go_round(YOUNG)
        assert caplog.text.count("0 messages sent") == 1


class TestAHeartbeat:
    def test_is_not_set_back_by_one_that_was_stopped(self):
        now = timezone.now()
        Heartbeat.beat("books", now, "new")
        Heartbeat.beat("books", now - MINUTE, "old")
        assert Heartbeat.objects.get().note == "new"

    def test_by_a_clock_that_was_wrong_does_not_stay(self):
        Heartbeat.beat("books", timezone.now() + timedelta(days=400), "wrong")
        Heartbeat.beat("books", note="right")
        assert Heartbeat.objects.get().note == "right"


class TestWithoutAWorkerAnywhere:
    def seen(self, admin_client: Client) -> tuple[bool, float]:
        desk = admin_client.get("/admin/").content.decode()
        metrics = Client().get("/metrics", headers={"Authorization": "Bearer t"}).text
        is_said = "No worker has looked after the orders" in desk
        return is_said, figure(metrics, "shop_worker_missing")

    @pytest.mark.parametrize(
        ("minutes", "is_missing"), [(None, True), (11, True), (9, False), (0, False)]
    )
    def test_desk_and_metrics_say_so(
        self, admin_client: Client, settings: Settings, minutes: int | None, is_missing: bool
    ):
        settings.METRICS_TOKEN = "t"
        if minutes is not None:
            Heartbeat.beat(Heartbeat.Name.ROUND, timezone.now() - timedelta(minutes=minutes))
        assert self.seen(admin_client) == (is_missing, is_missing)

    def test_strangers_hear_nothing_of_it(self, client: Client):
        assert b"No worker" not in client.get("/admin/login/").content


class TestAnOutage:
    def test_is_in_the_log_once(self, caplog: pytest.LogCaptureFixture):
        problem = ""
        for _ in range(3):
            problem = work._take(missing_tables, problem)
        assert caplog.text.count("Migrations are pending, so the worker waits.") == 1

    def test_is_over_with_the_next_turn(self):
        assert work._take(lambda: None, "The database did not answer") == ""


def missing_tables() -> None:
    raise work.TablesMissing


def test_mails_wait_for_no_round(pending_order: Order, mails: list[EmailMessage]):
    deliver(event_about(pending_order))
    work.send_messages(Event())
    work.send_messages(Event())
    assert len(mails) == 1


def test_mails_that_another_process_is_sending_are_left_to_it(
    pending_order: Order, mails: list[EmailMessage]
):
    deliver(event_about(pending_order))
    Lease.take(work.MESSAGES, "elsewhere")
    work.send_messages(Event())
    assert mails == []


def test_mails_that_have_no_way_take_no_lease(pending_order: Order):
    deliver(event_about(pending_order))
    work.send_messages(Event())
    assert not Lease.objects.exists()


class TestAfterEachMail:
    @pytest.fixture(autouse=True)
    def two_are_due(self, pending_order: Order, mails: list[EmailMessage], settings: Settings):
        settings.MERCHANT_MAIL = "desk@shop.example"
        deliver(event_about(pending_order))

    def test_the_worker_rests(self, mails: list[EmailMessage], monkeypatch: pytest.MonkeyPatch):
        rests: list[tuple[int, float]] = []
        is_over = Event()
        monkeypatch.setattr(is_over, "wait", lambda seconds: rests.append((len(mails), seconds)))
        work.send_messages(is_over)
        assert rests == [(1, work.REST_SECONDS), (2, work.REST_SECONDS)]

    def test_a_worker_that_is_to_end_leaves_the_others_as_they_are(self, mails: list[EmailMessage]):
        is_over = Event()
        is_over.set()
        work.send_messages(is_over)
        assert len(mails) == 1
        assert sorted(message.state for message in Message.objects.all()) == ["sent", "waiting"]
        work.send_messages(Event())
        assert len(mails) == 2
