"""`manage.py stripe_setup` makes, mends and rolls the webhook endpoint, by a key that is typed."""

import getpass
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from checkout.doctor import endpoint
from storefront.ops import environment
from tests.checkout.test_doctor import OLDER, impatient, row, run
from tests.log_capture import Log
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.shapes import API_VERSION

pytestmark = pytest.mark.django_db

__all__ = ["impatient"]
KEY = "rk_test_typed"
LINE = "STRIPE_WEBHOOK_SECRET="
URL = "https://shop.example/stripe/webhook/"


@pytest.fixture(autouse=True)
def address(stripe: StandIn, settings: Settings) -> None:
    settings.SITE_URL = "https://shop.example"


def set_up(*arguments: str, key: str = KEY) -> tuple[str, str]:
    """Return what is said on standard output, and on the other."""
    out, err = StringIO(), StringIO()
    with patch.object(getpass, "getpass", return_value=key):
        call_command("stripe_setup", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refusal(*arguments: str, key: str = KEY) -> str:
    with pytest.raises(CommandError) as refused:
        set_up(*arguments, key=key)
    return str(refused.value)


def changes(stripe: StandIn) -> list[str]:
    return [request.method for request in stripe.requests if request.method != "GET"]


@pytest.mark.once
class TestWithoutAnEndpoint:
    def test_makes_one_and_prints_one_line(self, stripe: StandIn):
        out, err = set_up()
        (made,) = stripe.endpoints.values()
        assert out == f"{LINE}{made['secret']}\n"
        assert (made["url"], made["api_version"]) == (URL, API_VERSION)
        assert made["enabled_events"] == list(endpoint.EVENTS)
        assert made["metadata"]["storefront"] == "https://shop.example"
        assert made["secret"] not in err
        assert made["secret"] not in str(made["metadata"])

    @pytest.mark.parametrize(
        "near",
        [
            "https://shop.example/stripe/webhooks/",
            "https://www.shop.example/stripe/webhook/",
            "http://shop.example/stripe/webhook/",
            "https://old.example/stripe/webhook",
        ],
    )
    def test_tells_which_address_is_nearly_the_shops_and_leaves_it(
        self, stripe: StandIn, near: str
    ):
        stripe.add_endpoint(near)
        stripe.add_endpoint("https://other.example/hook")
        _, err = set_up()
        assert f"other addresses: {near}\n" in err
        assert [one["url"] for one in stripe.endpoints.values()][-1] == URL
        assert len(stripe.endpoints) == 3

    def test_does_not_make_the_seventeenth(self, stripe: StandIn):
        for number in range(16):
            stripe.add_endpoint(f"https://other.example/{number}")
        assert "Delete one that nobody needs" in refusal()
        assert changes(stripe) == []

    @pytest.mark.parametrize("fault", [{"status": 500, "times": 2}, {"status": 429}])
    def test_takes_a_list_that_failed_for_no_list(self, stripe: StandIn, fault: dict[str, Any]):
        stripe.fault("GET", "/v1/webhook_endpoints", **fault)
        assert "Run this again" in refusal()
        assert stripe.endpoints == {}


@pytest.mark.once
class TestWithAnEndpoint:
    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({}, "nothing to mend"),
            ({"enabled_events": ["*"]}, "nothing to mend"),
            ({"enabled_events": endpoint.EVENTS[2:]}, f"added {', '.join(endpoint.EVENTS[:2])}."),
            ({"status": "disabled"}, "switched on"),
            ({"api_version": OLDER}, f"It sends API version {OLDER}"),
        ],
    )
    def test_mends_what_can_be_mended(self, stripe: StandIn, changed: dict[str, Any], words: str):
        stripe.add_endpoint(**{"url": URL.rstrip("/"), "enabled_events": endpoint.EVENTS} | changed)
        out, err = set_up()
        (there,) = stripe.endpoints.values()
        assert words in err
        assert out == ""
        assert endpoint.missing_events(there) == []
        assert there["status"] == "enabled"

    def test_keeps_the_events_that_somebody_added(self, stripe: StandIn):
        stripe.add_endpoint(URL, ["payout.paid"])
        set_up()
        (there,) = stripe.endpoints.values()
        assert there["enabled_events"] == ["payout.paid", *endpoint.EVENTS]

    def test_says_that_its_secret_is_not_set(self, stripe: StandIn, settings: Settings):
        set_up()
        assert "is not this endpoint's" in set_up()[1]
        settings.STRIPE_WEBHOOK_SECRET = next(iter(stripe.endpoints.values()))["secret"]
        assert "is not this endpoint's" not in set_up()[1]


class TestRolling:
    def test_leaves_no_gap(self, live_server: LiveServer, stripe: StandIn, settings: Settings):
        settings.SITE_URL = live_server.url
        settings.STRIPE_WEBHOOK_SECRET = set_up()[0].removeprefix(LINE).strip()
        old = settings.STRIPE_WEBHOOK_SECRET
        assert row("Round trip", run()[1]).startswith("✓")

        both = set_up("--roll")[0].removeprefix(LINE).strip()
        assert both.split(",")[1:] == [old]
        assert "is not in STRIPE_WEBHOOK_SECRET" in refusal("--finish")
        assert len(stripe.endpoints) == 2
        settings.STRIPE_WEBHOOK_SECRET = both
        assert row("Round trip", run()[1]).startswith("✓")

        new = set_up("--finish")[0].removeprefix(LINE).strip()
        assert new == both.split(",")[0]
        settings.STRIPE_WEBHOOK_SECRET = new
        assert [one["secret"] for one in stripe.endpoints.values()] == [new]
        said = run()[1]
        assert row("Round trip", said).startswith("✓")
        assert row("Webhook endpoint", said).startswith("✓")

    def test_is_not_begun_twice(self, stripe: StandIn):
        set_up()
        set_up("--roll")
        assert "Run this with --finish" in refusal("--roll")
        assert len(stripe.endpoints) == 2

    def test_is_not_finished_with_an_endpoint_that_lacks_something(
        self, stripe: StandIn, settings: Settings
    ):
        set_up()
        settings.STRIPE_WEBHOOK_SECRET = set_up("--roll")[0].removeprefix(LINE).strip()
        newest = list(stripe.endpoints)[-1]
        stripe.dispatcher.added[newest]["status"] = "disabled"
        stripe.dispatcher.added[newest]["created"] += 1
        assert "is not complete: it is disabled" in refusal("--finish")
        assert len(stripe.endpoints) == 2

    def test_never_deletes_for_one_that_was_made_by_hand(self, stripe: StandIn):
        set_up()
        stripe.advance(60)
        stripe.add_endpoint(URL)
        assert "made by hand" in refusal("--finish")
        assert len(stripe.endpoints) == 2

    def test_that_was_not_begun_has_nothing_to_finish(self, stripe: StandIn):
        set_up()
        assert "nothing to finish" in set_up("--finish")[1]


@pytest.mark.once
class TestTheKey:
    def test_is_asked_for_used_and_shown_to_nobody(self, stripe: StandIn, log: Log):
        stripe.forbid(["rak_webhook_read"], key="sk_test_shop")
        out, err = set_up()
        assert KEY not in out + err + log.text
        assert KEY in environment.SECRETS
        assert len(stripe.endpoints) == 1

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("", "no secret key"),
            ("pk_test_typed", "no secret key"),
            ("sk_test_51H…x9", "no secret key"),
            ("rk_live_typed", "of test mode, and this one is not"),
            ("sk_test_another", "of another account (acct_1Another00000000) than the shop's"),
        ],
    )
    def test_that_does_not_fit_changes_nothing(self, stripe: StandIn, key: str, words: str):
        said = refusal(key=key)
        assert words in said
        assert not (key and key in said)
        assert changes(stripe) == []

    @pytest.mark.parametrize(
        ("permission", "whose", "words"),
        [
            ("rak_webhook_write", KEY, "Let it write Webhook Endpoints"),
            ("rak_webhook_read", KEY, "Let it write Webhook Endpoints"),
            ("rak_accounts_kyc_basic_read", "", ""),
        ],
    )
    def test_that_may_not_is_told_what_it_lacks(
        self, stripe: StandIn, permission: str, whose: str, words: str
    ):
        """Whose a key is, its refusal says as well."""
        stripe.forbid([permission], key=whose)
        if words:
            assert words in refusal()
            assert stripe.endpoints == {}
        else:
            set_up()
            assert len(stripe.endpoints) == 1

    @pytest.mark.parametrize(
        ("fault", "words"),
        [
            ({"status": 401}, "does not know the shop's own key"),
            ({"status": 403}, "Stripe does not say which account"),
            ({"drop": True, "times": 2}, "Stripe did not answer"),
        ],
    )
    def test_of_which_nothing_is_known_changes_nothing(
        self, stripe: StandIn, fault: dict[str, Any], words: str
    ):
        stripe.fault("GET", "/v1/account", **fault)
        assert words in refusal()
        assert changes(stripe) == []

    def test_is_not_asked_for_in_the_demo_or_without_an_address(self, settings: Settings):
        settings.SITE_URL, settings.ALLOWED_HOSTS = "", []
        assert "Set SITE_URL first" in refusal()
        settings.STRIPE_DEMO_MODE = True
        assert "Set both first" in refusal()

    def test_needs_a_terminal(self):
        with patch.object(getpass, "getpass", side_effect=EOFError), pytest.raises(CommandError):
            call_command("stripe_setup")

    def test_that_stripe_refuses_the_address_for_is_told_so(self, stripe: StandIn):
        stripe.fault("POST", "/v1/webhook_endpoints", status=400)
        assert "use `stripe listen`" in refusal()
