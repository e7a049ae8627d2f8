"""The page Health of the desk: what was found last, and a wish that the worker grants."""

import re
from datetime import timedelta
from html import unescape
from io import StringIO
from pathlib import Path

import pytest
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from checkout import doctor
from checkout.doctor import endpoint, findings, round_trip
from checkout.models import Heartbeat, StripeEvent
from merchant import health
from tests.merchant.conftest import desk_of
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db
HEALTH = "/admin/health/"
ROOT = Path(__file__).parents[2]
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(round_trip, "PATIENCE", 0.0)


@pytest.fixture
def desk(db: None) -> Client:
    return desk_of("view_stripeevent", "change_heartbeat")


def states(desk: Client) -> dict[str, str]:
    return dict(re.findall(r'data-finding="([\w-]+)" data-state="([\w ]+)"', desk.get(HEALTH).text))


def cron() -> None:
    call_command("reconcile_orders", stdout=StringIO())


@pytest.mark.once
class TestThePage:
    def test_asks_nobody_and_shows_the_age_of_what_was_found(self, stripe: StandIn, desk: Client):
        assert states(desk)["round-trip"] == "unknown"
        assert stripe.requests == []
        doctor.ask_stripe()
        Heartbeat.objects.filter(name="at stripe").update(at=timezone.now() - 5 * MINUTE)
        asked = len(stripe.requests)
        found = states(desk)
        assert (found["account-at-stripe"], found["webhook-endpoint"]) == ("fine", "wrong")
        text = desk.get(HEALTH).text
        assert "5\xa0minutes ago" in text
        assert "has no endpoint with the address http://testserver/stripe/webhook/" in text
        assert len(stripe.requests) == asked

    def test_has_the_address_and_the_ten_events_to_copy(self, stripe: StandIn, desk: Client):
        text = desk.get(HEALTH).text
        assert 'value="http://testserver/stripe/webhook/" readonly' in text
        area = text.partition('id="endpoint-events"')[2].partition(">")[2]
        assert unescape(area.partition("</textarea>")[0]).split() == [*endpoint.EVENTS]

    def test_leads_to_a_key_with_its_permissions_filled_in_as_the_documents_do(self, desk: Client):
        links = [health.new_key("test/"), health.new_key()]
        assert links[0].startswith("https://dashboard.stripe.com/test/apikeys/create?name=")
        text = unescape(desk.get(HEALTH).text)
        deploying = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        assert all(f'"{link}"' in text and f"({link})" in deploying for link in links)
        assert f"({links[0]})" in readme

    def test_says_what_is_looked_at_in_the_demo_and_has_no_buttons(self, desk: Client):
        text = desk.get(HEALTH).text
        assert "This is the demo" in text
        assert "whether an event of Stripe" in text
        assert 'name="wish"' not in text
        assert desk.post(HEALTH, {"wish": "stripe"}).status_code == 403

    def test_survives_what_another_release_has_written(self, stripe: StandIn, desk: Client):
        for note in ("[1", '[["a"]]', '{"a": 1}', '[["a", "new state", "b", "c"]]', "null"):
            Heartbeat.beat(Heartbeat.Name.AT_STRIPE, note=note)
            assert states(desk)["round-trip"] == "unknown"

    def test_shows_words_from_elsewhere_as_words(self, stripe: StandIn, desk: Client):
        found = [findings.fine("Account at Stripe", "<b>Tea</b>")]
        findings.store(Heartbeat.Name.AT_STRIPE, found, timezone.now())
        assert "&lt;b&gt;Tea" in desk.get(HEALTH).text

    @pytest.mark.parametrize(
        ("permissions", "sees", "may"),
        [
            ([], 403, 403),
            (["view_order", "change_order"], 403, 403),
            (["view_stripeevent"], 200, 403),
            (["view_stripeevent", "change_heartbeat"], 200, 303),
        ],
    )
    def test_is_for_who_may(self, stripe: StandIn, permissions: list[str], sees: int, may: int):
        clerk = desk_of(*permissions)
        response = clerk.get(HEALTH)
        assert response.status_code == sees
        assert ('name="wish"' in response.text) == (may == 303)
        assert clerk.post(HEALTH, {"wish": "stripe"}).status_code == may
        assert (doctor.wished(Heartbeat.Name.STRIPE_WISHED) is not None) == (may == 303)

    def test_is_not_for_strangers(self, stripe: StandIn):
        assert Client().get(HEALTH).status_code == 302

    def test_refuses_a_wish_that_is_none(self, stripe: StandIn, desk: Client):
        assert desk.post(HEALTH, {"wish": "everything"}).status_code == 403
        assert desk.put(HEALTH).status_code == 405


def test_a_round_trip_that_failed_stands_above_each_page_until_an_event_is_heard(
    stripe: StandIn, desk: Client
):
    assert "do not arrive" not in desk.get("/admin/").text
    doctor.ask_stripe()
    assert "webhooks do not arrive. Stripe sent the event nowhere" in unescape(
        desk.get("/admin/").text
    )
    StripeEvent.objects.create(event_id="evt_1", type="charge.refunded", outcome="ignored")
    assert "do not arrive" not in desk.get("/admin/").text


class TestAWish:
    def test_is_granted_by_the_next_run_and_once(self, stripe: StandIn, desk: Client):
        desk.post(HEALTH, {"wish": "stripe"})
        assert stripe.requests == []
        assert "which cron starts as WORKER is off, asks Stripe" in desk.get(HEALTH).text
        cron()
        assert states(desk)["account-at-stripe"] == "fine"
        assert "Wished" not in desk.get(HEALTH).text
        assert len(stripe.sessions) == 1
        cron()
        assert len(stripe.sessions) == 1

    def test_can_be_a_mail(
        self, stripe: StandIn, desk: Client, mails: list[EmailMessage], settings
    ):
        settings.MERCHANT_MAIL = "merchant@shop.example"
        desk.post(HEALTH, {"wish": "mail"})
        assert mails == []
        cron()
        assert [mail.to for mail in mails] == [["merchant@shop.example"]]
        assert states(desk)["test-mail"] == "fine"

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("worker", "is_there", "who"),
        [
            ("inline", True, "the worker, within seconds, asks"),
            ("process", False, "the worker, once one runs again, asks"),
            ("off", True, "the next run of reconcile_orders, which cron starts as WORKER is off"),
        ],
    )
    def test_says_who_grants_it(
        self,
        stripe: StandIn,
        desk: Client,
        settings: Settings,
        worker: str,
        is_there: bool,
        who: str,
    ):
        settings.WORKER = worker
        if is_there:
            Heartbeat.beat(Heartbeat.Name.ROUND)
        assert who in desk.post(HEALTH, {"wish": "stripe"}, follow=True).text

    def test_is_granted_by_one_of_two_workers(self, stripe: StandIn, desk: Client):
        desk.post(HEALTH, {"wish": "stripe"})
        done: list[str] = []

        def first() -> None:
            doctor.grant_wishes()  # another worker, in the middle
            done.append("first")

        doctor._grant(Heartbeat.Name.STRIPE_WISHED, first)
        assert (done, stripe.requests) == (["first"], [])

    def test_is_made_once_a_day_by_itself(
        self, stripe: StandIn, desk: Client, monkeypatch: pytest.MonkeyPatch
    ):
        doctor.grant_wishes()
        assert stripe.requests == []  # the first day has begun
        Heartbeat.objects.update(at=timezone.now() - timedelta(days=1))
        doctor.grant_wishes()
        assert states(desk)["account-at-stripe"] == "fine"
        asked = len(stripe.requests)
        doctor.grant_wishes()
        monkeypatch.setattr(Heartbeat, "is_due", lambda *_: True)  # a worker that looked before
        doctor.grant_wishes()
        assert len(stripe.requests) == asked

    def test_is_made_by_nobody_in_the_demo(self, desk: Client):
        doctor.grant_wishes()
        assert not Heartbeat.objects.filter(name=Heartbeat.Name.DOCTOR).exists()

    def test_made_in_the_middle_is_granted_as_well(self, stripe: StandIn, desk: Client):
        desk.post(HEALTH, {"wish": "stripe"})
        doctor._grant(Heartbeat.Name.STRIPE_WISHED, lambda: desk.post(HEALTH, {"wish": "stripe"}))
        doctor.grant_wishes()
        assert states(desk)["account-at-stripe"] == "fine"

    def test_of_a_worker_that_died_can_be_made_again(self, stripe: StandIn, desk: Client):
        desk.post(HEALTH, {"wish": "stripe"})
        Heartbeat.objects.update(note=doctor.BEGUN)
        doctor.grant_wishes()
        assert stripe.requests == []
        desk.post(HEALTH, {"wish": "stripe"})
        doctor.grant_wishes()
        assert stripe.requests
