"""Stripe's own command line is a second client: it was written for the real API alone."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.tests.shop import Json

CLI = Path(__file__).resolve().parents[3] / ".venv/node/node_modules/.bin/stripe"
SESSIONS = ("checkout", "sessions")
PRICE = "[0][price_data]"
TEA = {
    "line_items[0][quantity]": 2,
    f"line_items{PRICE}[currency]": "eur",
    f"line_items{PRICE}[unit_amount]": 1000,
    f"line_items{PRICE}[product_data][name]": "Tea",
    "mode": "payment",
    "success_url": "https://shop.example/",
}
RATE = "shipping_options[0][shipping_rate_data]"
DELIVERY = {
    "shipping_address_collection[allowed_countries][0]": "DE",
    f"{RATE}[display_name]": "Parcel",
    f"{RATE}[type]": "fixed_amount",
    f"{RATE}[fixed_amount][amount]": 490,
    f"{RATE}[fixed_amount][currency]": "eur",
    f"{RATE}[delivery_estimate][minimum][unit]": "business_day",
    f"{RATE}[delivery_estimate][minimum][value]": 2,
    f"{RATE}[metadata][rate]": "7",
}

pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(
        not CLI.exists(),
        reason="Stripe's CLI is not here: install Node 20 or newer, then run make test.",
    ),
]


class Terminal:
    """Somebody who types commands, with a home of their own and no account at Stripe."""

    def __init__(self, s: StandIn, home: Path) -> None:
        self._reach = ["--api-base", s.url, "--api-key", "sk_test_1234567890"]
        self._environment = {
            **os.environ,
            **{"HOME": str(home), "XDG_CONFIG_HOME": str(home)},
            **{"NO_PROXY": "127.0.0.1", "STRIPE_CLI_TELEMETRY_OPTOUT": "1"},
        }

    def types(self, *words: str, **data: Any) -> Json:
        options = [f"--data={name}={value}" for name, value in data.items()]
        result = subprocess.run(
            [CLI, *words, *self._reach, *options],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        answer: Json = json.loads(result.stdout or result.stderr)
        return answer


@pytest.fixture
def bo(s: StandIn, tmp_path: Path) -> Terminal:
    return Terminal(s, tmp_path)


def test_it_opens_a_session_with_delivery_and_codes(s: StandIn, bo: Terminal) -> None:
    coupon = bo.types("coupons", "create", percent_off=10, name="Ten")
    code = bo.types(
        "promotion_codes",
        "create",
        **{"code": "TEN", "promotion[type]": "coupon", "promotion[coupon]": coupon["id"]},
    )
    session = bo.types(*SESSIONS, "create", **TEA, **DELIVERY, allow_promotion_codes="true")
    assert (session["amount_subtotal"], session["amount_total"]) == (2000, 2490)
    rate = bo.types("shipping_rates", "retrieve", session["shipping_cost"]["shipping_rate"])
    assert (rate["display_name"], rate["metadata"]) == ("Parcel", {"rate": "7"})
    assert rate["delivery_estimate"]["minimum"] == {"unit": "business_day", "value": 2}
    paid = s.pay(session["id"], code="ten")
    assert paid["amount_total"] == 2290
    assert paid["discounts"] == [{"coupon": coupon["id"], "promotion_code": code["id"]}]
    assert bo.types("promotion_codes", "list")["data"][0]["times_redeemed"] == 1


def test_it_lists_and_expires(s: StandIn, bo: Terminal) -> None:
    ids = [bo.types(*SESSIONS, "create", **TEA)["id"] for _ in range(2)]
    assert [each["id"] for each in bo.types(*SESSIONS, "list")["data"]] == ids[::-1]
    assert bo.types(*SESSIONS, "expire", ids[0])["status"] == "expired"
    assert bo.types(*SESSIONS, "list", status="open")["data"][0]["id"] == ids[1]
    assert s.session(ids[0])["status"] == "expired"


def test_it_is_refused_in_stripes_words(s: StandIn, bo: Terminal) -> None:
    s.configure(tax="no_head_office", terms=False)
    taxes = {"automatic_tax[enabled]": "true", f"line_items{PRICE}[tax_behavior]": "exclusive"}
    said = bo.types(*SESSIONS, "create", **TEA, **taxes)["error"]["message"]
    assert said.startswith("You must have a valid head office address to enable automatic tax")
    terms = {"consent_collection[terms_of_service]": "required"}
    said = bo.types(*SESSIONS, "create", **TEA, **terms)["error"]["message"]
    assert said.startswith("You cannot collect consent to your terms of service unless a URL")
    unknown = {"shipping_address_collection[allowed_countries][0]": "KP"}
    assert bo.types(*SESSIONS, "create", **TEA, **unknown)["error"]["param"] in unknown
