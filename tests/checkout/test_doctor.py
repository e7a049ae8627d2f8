"""`manage.py doctor` looks at all that the shop needs, with Stripe and with its webhook."""

import re
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.core.mail import EmailMessage
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from checkout import doctor
from checkout.doctor import at_home, endpoint, round_trip
from checkout.gateway import signatures
from checkout.models import Heartbeat, Message, Order, StripeEvent
from storefront.models import Product
from storefront.ops import health
from tests.cast import Shopper, product, rate
from tests.log_capture import Log
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.tests.shop import Shop as Elsewhere

pytestmark = pytest.mark.django_db

OLDER = "2024-06-20"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("PATIENCE", 1.0), ("SETTLED", 0.2), ("PAUSE", 0.1)):
        monkeypatch.setattr(round_trip, name, seconds)


@pytest.fixture
def account(stripe: StandIn, settings: Settings) -> StandIn:
    """A shop that lacks nothing, and Stripe's account with its endpoint."""
    made = stripe.add_endpoint(endpoint.address(), endpoint.EVENTS)
    settings.STRIPE_WEBHOOK_SECRET = made["secret"]
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    settings.MERCHANT_MAIL = "merchant@shop.example"
    Heartbeat.beat(Heartbeat.Name.ROUND)
    return stripe


@pytest.fixture
def still(account: StandIn) -> Iterator[StandIn]:
    """The same, where no round trip is made."""
    with patch.object(round_trip, "travel", return_value=[]):
        yield account


@pytest.fixture
def well(live_server: LiveServer, account: StandIn, settings: Settings) -> StandIn:
    """The same, and the shop can be reached."""
    settings.SITE_URL = live_server.url
    only_endpoint(account)
    return account


@pytest.fixture
def elsewhere(well: StandIn, settings: Settings) -> Iterator[Elsewhere]:
    """What answers at the shop's address is something else."""
    other = Elsewhere()
    with patch.object(other, "hear"):
        settings.SITE_URL = other.url.partition("/stripe")[0]
        only_endpoint(well)
        yield other
    other.close()


def only_endpoint(stripe: StandIn, **changes: Any) -> None:
    """Let the account have this endpoint alone, with the secret that the shop has."""
    (old,) = stripe.dispatcher.added.values()
    told = {"url": endpoint.address(), "enabled_events": endpoint.EVENTS} | changes
    stripe.dispatcher.remove(old["id"])
    made = stripe.add_endpoint(**told)
    stripe.dispatcher.added[made["id"]]["secret"] = old["secret"]


def run(*arguments: str) -> tuple[bool, str]:
    """Return whether nothing is wrong, and what is said."""
    out = StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except CommandError as error:
        return False, f"{out.getvalue()}{error}"
    return True, out.getvalue()


def row(title: str, said: str) -> str:
    """Return what is said of one thing, with what to do."""
    found = re.search(rf"^\S {title}.*(\n    .*)?", said, re.MULTILINE)
    assert found, said
    return found[0]


class TestWhereAllIsWell:
    def test_nothing_is_wrong_and_each_thing_is_said(self, well: StandIn):
        is_well, said = run()
        assert is_well, said
        assert "Nothing is wrong." in said
        assert "Tea & Co (acct_1StandIn00000000), DE, paid out in USD." in row("Account", said)
        assert row("Webhook endpoint", said).startswith("✓")
        assert row("Round trip", said).startswith("✓")
        assert "TEST" in row("Mode and keys", said)
        for title in ("Books", "Backup", "Worker", "Static files", "Database", "Version"):
            assert f" {title}" in said

    def test_the_probe_is_opened_with_all_that_the_shop_offers(
        self, well: StandIn, settings: Settings, db: None
    ):
        rate("Parcel", "AT", 490)
        tea = product("Tea", 450, tax_code="txcd_40060003")
        product("Tea", 900, variant_of=tea, variant="Large")
        settings.CHECKOUT_LIFETIME = timedelta(minutes=1_435)
        settings.PROMOTION_CODES, settings.ASK_PHONE, settings.TAX = True, True, "inclusive"
        settings.EXCLUDE_PAYMENT_METHODS = ["klarna"]
        is_well, said = run()
        assert is_well, said
        assert "delivery to Austria, promotion codes, tax (inclusive), a phone" in said
        (probe,) = well.sessions.values()
        assert probe["status"] == "expired"
        assert probe["amount_subtotal"] == 900
        (opening,) = [r.params for r in well.requests if r.path == "/v1/checkout/sessions"]
        assert opening["line_items"][0]["price_data"]["product_data"]["tax_code"] == tea.tax_code
        assert probe["allow_promotion_codes"]
        assert probe["shipping_address_collection"]["allowed_countries"] == ["AT"]
        assert probe["automatic_tax"]["enabled"]
        assert probe["excluded_payment_method_types"] == ["klarna"]

    def test_the_probe_makes_no_noise(self, well: StandIn, log: Log):
        assert run()[0]
        assert not Order.objects.exists()
        assert not Message.objects.exists()
        (event,) = StripeEvent.objects.all()
        assert (event.outcome, event.order) == ("ignored", None)
        out = StringIO()
        call_command("reconcile_orders", stdout=out)
        call_command("reconcile_orders", "--compare", stdout=out)
        assert "0 undelivered events" in out.getvalue()
        assert "nothing to change" in out.getvalue()
        assert "books and Stripe agree" in out.getvalue()
        assert [line for line in log.lines() if line["level"] in ("warning", "error")] == []

    def test_what_stripe_said_is_kept_for_the_desk(self, well: StandIn):
        before = doctor.known(timezone.now())
        assert {f.state for f in before if f.title == "Round trip"} == {"unknown"}
        run()
        asked = len(well.requests)
        (found,) = [f for f in doctor.known(timezone.now()) if f.title == "Round trip"]
        assert (found.state, len(well.requests)) == ("fine", asked)
        assert found.at

    def test_the_demo_asks_nobody(self, db: None):
        is_well, said = run()
        assert is_well
        assert "DEMO" in row("Mode and keys", said)
        assert "In the demo there is no Stripe to ask: whether an event" in said


@pytest.mark.once
class TestTheEndpoint:
    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"status": "disabled"}, "it is disabled"),
            ({"enabled_events": endpoint.EVENTS[1:]}, f"it lacks {endpoint.EVENTS[0]}."),
            ({"api_version": OLDER}, f"it sends API version {OLDER}"),
            ({"url": "https://old.example/stripe/webhook/"}, "one at https://old.example/str"),
        ],
    )
    def test_that_is_not_as_it_should_be_is_named_with_what_to_do(
        self, still: StandIn, changes: dict[str, Any], words: str
    ):
        only_endpoint(still, **changes)
        is_well, said = run()
        assert not is_well
        assert words in row("Webhook endpoint", said)
        assert "`manage.py stripe_setup" in row("Webhook endpoint", said)

    def test_that_is_missing_is_named(self, still: StandIn):
        still.dispatcher.remove(next(iter(still.endpoints)))
        assert "has no endpoint with the address http" in row("Webhook endpoint", run()[1])

    def test_that_is_there_twice_is_named(self, still: StandIn):
        still.add_endpoint(endpoint.address().rstrip("/"), ["*"])
        assert "2 endpoints have the address" in row("Webhook endpoint", run()[1])

    @pytest.mark.parametrize(
        "changes",
        [
            {"enabled_events": ["*"]},
            {"api_version": None},
            {"enabled_events": [*endpoint.EVENTS, "payout.paid"]},
        ],
    )
    def test_may_do_more_than_it_has_to(self, still: StandIn, changes: dict[str, Any]):
        only_endpoint(still, **changes)
        assert run()[0]

    def test_beyond_the_first_page_is_found(self, still: StandIn):
        for number in range(15):
            still.add_endpoint(f"https://other.example/{number}")
        with patch("checkout.gateway.accounts.PAGE_SIZE", 3):
            assert row("Webhook endpoint", run()[1]).startswith("✓")


@pytest.mark.once
class TestTheRoundTrip:
    def test_finds_a_wrong_secret(self, well: StandIn, settings: Settings):
        settings.STRIPE_WEBHOOK_SECRET = "whsec_of_another_endpoint"
        trip = row("Round trip", run()[1])
        assert trip.startswith("✗")
        assert "event came and was refused: the signature does not fit" in trip
        assert "stripe_setup --roll" in trip

    def test_finds_a_secret_that_is_not_set(self, well: StandIn, settings: Settings):
        settings.STRIPE_WEBHOOK_SECRET = ""
        assert "The webhook has no secret" in row("Round trip", run()[1])

    def test_finds_a_wrong_clock(self, well: StandIn, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(signatures, "SIGNATURE_SECONDS", -1)
        trip = row("Round trip", run()[1])
        assert "out of date" in trip
        assert "clock" in trip

    @pytest.mark.parametrize("status", [301, 308, 403, 500])
    def test_finds_what_stands_between(self, elsewhere: Elsewhere, status: int):
        elsewhere.status = status
        assert "address did not take it: a proxy, a redirect" in row("Round trip", run()[1])

    def test_finds_a_server_that_takes_what_is_not_its_own(self, elsewhere: Elsewhere):
        assert "nowhere, or to another server" in row("Round trip", run()[1])

    def test_finds_a_missing_type(self, well: StandIn):
        others = [kind for kind in endpoint.EVENTS if kind != "checkout.session.expired"]
        only_endpoint(well, enabled_events=others)
        assert "no endpoint of this shop takes checkout.session.exp" in row("Round", run()[1])

    def test_an_old_refusal_is_no_news(self, elsewhere: Elsewhere):
        Heartbeat.beat(Heartbeat.Name.REFUSED, timezone.now() - HOUR, "the signature")
        elsewhere.status = 500
        assert "address did not take it" in row("Round trip", run()[1])

    def test_does_not_take_the_worker_for_the_webhook(self, elsewhere: Elsewhere):
        """It applies what could not be delivered, but for a probe."""
        elsewhere.status = 500
        run()
        out = StringIO()
        call_command("reconcile_orders", stdout=out)
        assert "0 undelivered" in out.getvalue()
        assert not StripeEvent.objects.exists()
        assert row("Undelivered events", run()[1]).startswith("✓")

    def test_needs_no_right_to_read_events(self, well: StandIn):
        well.forbid(["rak_event_read"])
        said = run()[1]
        assert row("Round trip", said).startswith("✓")
        assert "[not allowed to look]" in row("Undelivered events", said)

    def test_without_that_right_says_what_it_can(self, elsewhere: Elsewhere, well: StandIn):
        well.forbid(["rak_event_read"])
        assert "did not arrive within 1 seconds" in row("Round trip", run()[1])


@pytest.mark.once
class TestWhatStripeSays:
    @pytest.fixture(autouse=True)
    def nobody_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is sent here arrives nowhere."""
        monkeypatch.setattr(round_trip, "PATIENCE", 0.0)

    @pytest.mark.parametrize(
        ("state", "tax", "title", "words"),
        [
            ({"charges": False}, "off", "Account", "may take no payments: requirements.past_due"),
            ({"currency": "eur"}, "off", "Account", "Prices are in USD: Stripe converts"),
            ({"tax": "no_head_office"}, "off", "Tax", "TAX is off"),
            ({"tax": "no_head_office"}, "inclusive", "Tax", "it lacks head_office"),
            ({"tax": "not_activated"}, "exclusive", "Tax", "defaults.tax_code, head_office"),
            ({"tax": "not_activated"}, "exclusive", "Opening", "activate Stripe Tax at https"),
            ({"registrations": []}, "inclusive", "Tax", "registered nowhere: all tax is 0"),
            ({"registrations": ["DE", "AT"]}, "inclusive", "Tax", "collected in AT, DE"),
        ],
    )
    def test_of_account_and_tax(
        self,
        account: StandIn,
        settings: Settings,
        state: dict[str, Any],
        tax: str,
        title: str,
        words: str,
    ):
        settings.TAX = tax
        account.configure(**state)
        assert words in row(title, run()[1])

    @pytest.mark.parametrize(
        ("permission", "title", "words"),
        [
            ("rak_webhook_read", "Webhook endpoint", "Webhook Endpoints: read"),
            ("rak_accounts_kyc_basic_read", "Account", "Account: read"),
            ("tax_read", "Tax", "Tax: read"),
        ],
    )
    def test_what_the_key_may_not_read_is_no_fault(
        self, account: StandIn, settings: Settings, permission: str, title: str, words: str
    ):
        settings.TAX = "inclusive"
        account.forbid([permission])
        said = run()[1]
        assert row(title, said).startswith("–")
        assert words in row(title, said)

    def test_a_key_that_may_not_open_payments_is_one(self, account: StandIn):
        account.forbid(["rak_checkout_session_write"])
        is_well, said = run()
        assert not is_well
        assert "Checkout Sessions: write" in row("Opening a payment", said)
        assert row("Round trip", said).startswith("?")

    @pytest.mark.parametrize(
        ("fault", "mark", "words"),
        [
            ({"status": 401}, "✗", "Stripe does not take the shop's key"),
            ({"status": 429}, "?", "asked too much"),
            ({"status": 500, "times": 2}, "?", "status.stripe.com"),
            ({"drop": True, "times": 2}, "?", "Stripe did not answer"),
        ],
    )
    def test_no_answer_is_asked_for_once(
        self, account: StandIn, fault: dict[str, Any], mark: str, words: str
    ):
        account.fault("GET", "/v1/account", **fault)
        is_well, said = run()
        assert is_well == (mark == "?")
        assert row("Account", said).startswith(mark)
        assert words in row("Account", said)
        assert "Stripe was not asked, see above." in row("Round trip", said)
        assert {request.path for request in account.requests} == {"/v1/account"}

    def test_what_was_not_delivered_and_is_not_here(
        self, account: StandIn, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        ada.buys()
        account.lose()
        account.pay(str(ada.order.session_id))
        account.deliver_normally()
        assert "not delivered and not here: 1" in row("Undelivered", run()[1])
        call_command("reconcile_orders", older_than=0, stdout=StringIO())
        assert "the worker fetched of the last 30 days: 1" in row("Undelivered", run()[1])


class TestWhatTheShopKnowsItself:
    @pytest.fixture(autouse=True)
    def unasked(self, account: StandIn) -> Iterator[None]:
        with patch.object(doctor.at_stripe, "examine", return_value=[]):
            yield

    @pytest.mark.parametrize(
        ("changes", "title", "words"),
        [
            ({"STRIPE_LIVE_MODE": True}, "Mode and keys", "LIVE"),
            ({"STRIPE_LIVE_MODE": True}, "Address", "nor can Stripe"),
            ({"STRIPE_WEBHOOK_SECRET": ""}, "Webhook secret", "no payment can be confirmed"),
            ({"STRIPE_WEBHOOK_SECRET": "whsec_a,whsec_b"}, "Webhook secret", "2 are set"),
            ({"MAILERS": {}}, "Mail", "MAIL_URL is not set"),
            ({"MERCHANT_MAIL": ""}, "Mail", "and you are not"),
            ({"SITE_URL": ""}, "Address", "SITE_URL is not set"),
            ({"DEBUG": True, "IS_PUBLIC": True}, "Address", "DEBUG is on"),
            ({"IS_PUBLIC": True, "PERSISTENT_DISK": True}, "Static files", "collectstatic"),
        ],
    )
    def test_of_its_settings(
        self, settings: Settings, changes: dict[str, Any], title: str, words: str
    ):
        for name, value in changes.items():
            setattr(settings, name, value)
        assert words in row(title, run()[1])

    def test_of_a_refused_webhook_until_one_is_believed(self, account: StandIn):
        Heartbeat.beat(Heartbeat.Name.REFUSED, note="the signature does not fit")
        assert row("Last refused", run()[1]).startswith("✗")
        Heartbeat.objects.filter(name="refused").update(at=timezone.now() - 49 * HOUR)
        assert row("Last refused", run()[1]).startswith("✓")
        Heartbeat.objects.filter(name="refused").update(at=timezone.now() - HOUR)
        StripeEvent.objects.create(event_id="evt_1", type="charge.refunded", outcome="ignored")
        assert row("Last refused", run()[1]).startswith("✓")

    @pytest.mark.parametrize(
        ("status", "hours", "words"),
        [
            (Order.Status.PENDING, 1, "None waits longer"),
            (Order.Status.PENDING, 2, "longer than a payment can take: 1"),
            (Order.Status.PROCESSING, 24, "None waits longer"),
            (Order.Status.PROCESSING, 24 * 16, "for a bank for more than 15 days: 1"),
        ],
    )
    def test_of_orders_that_wait(
        self, pending_order: Order, status: Order.Status, hours: int, words: str
    ):
        at = timezone.now() - hours * HOUR
        Order.objects.update(status=status, created_at=at)
        assert words in row("Orders that wait", run()[1])

    @pytest.mark.parametrize(
        ("name", "note", "hours", "title", "words"),
        [
            ("round", "", 1, "Worker", "✗ Worker: No worker has looked after the orders since"),
            ("backup", "", 24, "Backup", "✓ Backup: It was saved. (1"),
            ("backup", "", 49, "Backup", "✗ Backup: The last one is old. (2"),
            ("books", "books and Stripe differ in 1", 1, "Books", "✗"),
            ("no fees", "PermissionError 403", 1, "Stripe's fees", "– Stripe's fees [not allowed"),
            ("no fees", "PermissionError 403", 49, "Stripe's fees", "✓"),
            ("books", "books and Stripe agree: 1 payment", 1, "Books", "✓"),
        ],
    )
    def test_of_what_happens_again_and_again(
        self, name: str, note: str, hours: int, title: str, words: str
    ):
        Heartbeat.objects.filter(name=name).delete()
        Heartbeat.beat(name, timezone.now() - hours * HOUR, note)
        assert row(title, run()[1]).startswith(words)

    @pytest.mark.parametrize(
        ("message", "words"),
        [
            ({"tries": 1, "error": "the server is away"}, "put off: The server is away."),
            ({"due_at": timezone.now() - HOUR}, "longer than 15 minutes: 1"),
            ({"claimed_at": timezone.now() - HOUR}, "they were sent: 1"),
        ],
    )
    def test_of_messages(self, message: dict[str, Any], words: str):
        Message.objects.create(kind="merchant_review", key="1", to="a@shop.example", **message)
        assert words in row("Messages", run()[1])

    def test_of_a_database_that_is_away(self):
        with patch.object(at_home, "look", side_effect=OperationalError("no such table")):
            is_well, said = run()
        assert not is_well
        assert "lacks its tables (no such table)" in said

    def test_of_migrations(self):
        with patch.object(at_home, "are_migrations_pending", return_value=True):
            assert "migrations wait" in row("Database", run()[1])
        assert not health.are_migrations_pending()


class TestMail:
    def test_is_tried_on_demand(self, still: StandIn, mails: list[EmailMessage]):
        assert run()[0]
        assert mails == []
        is_well, said = run("--mail")
        assert is_well
        assert "handed over for merchant@shop.example" in row("Test mail", said)
        (mail,) = mails
        assert mail.to == ["merchant@shop.example"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"MERCHANT_MAIL": ""}, "nobody to send it to"),
            ({"MAILERS": {}}, "no way to send it"),
            (
                {
                    "MAILERS": {
                        "default": {
                            "BACKEND": "storefront.ops.mailing.MailServer",
                            "OPTIONS": {"host": "127.0.0.1", "port": 9},
                        }
                    }
                },
                "takes no mail",
            ),
        ],
    )
    def test_that_can_not_leave_is_wrong(
        self, still: StandIn, settings: Settings, changes: dict[str, Any], words: str
    ):
        for name, value in changes.items():
            setattr(settings, name, value)
        is_well, said = run("--mail")
        assert not is_well
        assert words in row("Test mail", said)
