"""Secrets are planted, and then looked for wherever the shop says something."""

import logging
import os
import pprint
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as shop_settings
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from pytest_django import Settings

from checkout.gateway import calls
from checkout.models import Order
from storefront.models import Product
from tests.cast import Shopper, deliver, event_about
from tests.routes import ADDRESSES
from tools.environment import NAMES
from tools.postgresql import free_port
from tools.stripe_stand_in import StandIn

ROOT = Path(__file__).parents[2]

SETTINGS_FILE = ROOT / "storefront" / "settings.py"
SETTINGS = compile(SETTINGS_FILE.read_text(encoding="utf-8"), SETTINGS_FILE, "exec")

PLANT = "planted"
PLANTED = {
    "SECRET_KEY": f"{PLANT}-for-signing-cookies",
    "STRIPE_PUBLISHABLE_KEY": "pk_test_public",
    "STRIPE_SECRET_KEY": f"sk_test_{PLANT}",
    "STRIPE_WEBHOOK_SECRET": f"whsec_{PLANT}_new,whsec_{PLANT}_old",
    "DATABASE_URL": f"postgresql://shop:{PLANT}-password@127.0.0.1:{{port}}/shop",
    "CACHE_URL": f"redis://:{PLANT}-password@127.0.0.1:{{port}}/0",
    "METRICS_TOKEN": f"{PLANT}-for-prometheus",
}
EMAIL = f"{PLANT}@example.com"
NAME, STREET, CITY, PHONE = f"{PLANT} name", f"{PLANT} street", f"{PLANT} city", f"+49 30 {PLANT}"
ADDRESS = {"line1": STREET, "city": CITY, "country": "FR"}
PERSON: dict[str, Any] = {
    "customer_details": {"email": EMAIL, "phone": PHONE},
    "collected_information": {"shipping_details": {"name": NAME, "address": ADDRESS}},
    "amount_subtotal": 2_999,
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
}
# A new name like these has to be planted here.
SECRET_NAMES = re.compile(r"SECRET|TOKEN|PASSWORD|_KEY$|^(DATABASE|CACHE)_URL$")


def test_every_name_that_is_a_secret_is_planted():
    assert {name for name in NAMES if SECRET_NAMES.search(name)} == PLANTED.keys()


def planted_in(text: str) -> list[str]:
    return [line for line in text.splitlines() if PLANT in line.lower()]


@pytest.mark.once
class TestAShopWithNothingThatWorks:
    """The database and the cache are away, and with `broken` each view fails."""

    def walked(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        port = str(free_port())
        planted = {name: value.format(port=port) for name, value in PLANTED.items()}
        return subprocess.run(
            [sys.executable, "-m", "tests.walk", *arguments],
            cwd=ROOT,
            env={
                "PATH": os.environ["PATH"],
                "DJANGO_SETTINGS_MODULE": "storefront.settings",
                "READ_DOT_ENV": "false",
                "SITE_URL": "http://testserver",
                **planted,
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        )

    @pytest.mark.parametrize("debug", ["false", "true"])
    def test_answers_and_logs_without_its_secrets(self, debug: str):
        process = self.walked(DEBUG=debug)
        assert "The database did not answer" in process.stderr
        assert "The cache does not answer" in process.stderr
        assert f"GET / {503}" in process.stdout
        assert planted_in(process.stdout + process.stderr) == []

    @pytest.mark.parametrize("debug", ["false", "true"])
    def test_fails_without_its_secrets(self, debug: str):
        process = self.walked("broken", DEBUG=debug)
        assert "GET / 500" in process.stdout
        assert "settings and" in process.stderr
        # Developers see the values at each line of code; shoppers see none.
        assert ("pk_test_public" in process.stdout) == (debug == "true")
        assert planted_in(process.stdout + process.stderr) == []


@pytest.mark.once
@pytest.mark.parametrize("name", NAMES)
def test_a_value_that_stops_the_start_is_not_repeated(name: str, monkeypatch: pytest.MonkeyPatch):
    plants = [
        f"{PLANT}",
        f"http://{PLANT}:{PLANT}@{PLANT}:port/{PLANT}",
        f"mysql://{PLANT}@{PLANT}/",
        f"postgresql://{PLANT}:{PLANT}@[{PLANT}",
        f"postgresql://{PLANT}:{PLANT}@host/",
        f"redis://:{PLANT}@host:{PLANT}",
        f"sk_live_{PLANT}",
        f"pk_live_{PLANT}",
    ]
    for plant in plants:
        monkeypatch.setenv(name, plant)
        try:
            exec(SETTINGS, {"__name__": "settings", "__file__": str(SETTINGS_FILE)})
        except ImproperlyConfigured as refused:
            message = "".join(traceback.format_exception(refused))
            assert name in message or "STRIPE" in name
            assert planted_in(message) == []


def without_the_person(text: str) -> str:
    for known in (EMAIL, NAME, STREET, CITY, PHONE):
        text = text.replace(known, "of whom the merchant knows, and the shopper of herself")
    return text


@pytest.mark.django_db
class TestAShopThatWorks:
    @pytest.fixture(autouse=True)
    def planted(self, settings: Settings, stripe: StandIn) -> None:
        settings.SECRET_KEY = PLANTED["SECRET_KEY"]
        settings.STRIPE_SECRET_KEY = PLANTED["STRIPE_SECRET_KEY"]
        settings.STRIPE_WEBHOOK_SECRET += f",{PLANTED['STRIPE_WEBHOOK_SECRET']}"

    @pytest.fixture(autouse=True)
    def log(self, planted: None) -> Iterator[list[str]]:
        """All lines of all loggers, with their tracebacks."""
        lines: list[str] = []
        handler = logging.Handler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
        handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
        loggers = [logging.getLogger(name) for name in ("", "storefront", "checkout", "django")]
        stripe = logging.getLogger("stripe")
        level = stripe.level
        stripe.setLevel(logging.DEBUG)
        for logger in loggers:
            logger.addHandler(handler)
        yield lines
        stripe.setLevel(level)
        for logger in loggers:
            logger.removeHandler(handler)

    @pytest.fixture
    def paid_order(self, ada: Shopper, mouse: Product) -> Order:
        """Paid, to be sent where it was not offered to, and reviewed for another amount."""
        ada.puts(mouse, 1)
        ada.buys()
        order = ada.order
        Order.objects.update(country="DE", offer={"shipping": [{"name": "Parcel", "cents": 0}]})
        for session in ({"payment_status": "unpaid"}, {}, {"amount_total": 1}):
            deliver(event_about(order, **PERSON, **session))
        order.refresh_from_db()
        assert (order.email, order.shipping_name, order.phone) == (EMAIL, NAME, PHONE)
        return order

    def test_answers_without_its_secrets(self, paid_order: Order, ada: Shopper, log: list[str]):
        merchant = Client(raise_request_exception=False)
        merchant.force_login(User.objects.create_superuser("merchant", password=PLANT))
        ada.browser.raise_request_exception = False
        for address in {*ADDRESSES, f"/orders/{paid_order.pk}/"}:
            for method in ("GET", "POST"):
                shown = ada.browser.generic(method, address)
                hers = str(paid_order.pk) in address
                text = without_the_person(shown.text) if hers else shown.text
                assert planted_in(f"{shown.headers} {text}") == []
                desk = merchant.generic(method, address)
                assert planted_in(f"{desk.headers} {without_the_person(desk.text)}") == []
        for words in ("the address is in another country", "the total is"):
            assert any(words in line for line in log)
        assert planted_in("\n".join(log)) == []

    def test_does_not_log_a_key_that_stripe_refuses(
        self, ada: Shopper, mouse: Product, settings: Settings, log: list[str]
    ):
        settings.STRIPE_SECRET_KEY = f"sk_live_{PLANT}"
        ada.puts(mouse, 1)
        answer = ada.is_refused(ada.buys())
        assert any("AuthenticationError 401" in line for line in log)
        assert any("stripe" in line for line in log)
        assert planted_in("\n".join([answer.text, *log])) == []

    def test_does_not_log_the_body_of_a_forged_webhook(self, log: list[str]):
        assert deliver({"email": PLANT}, header="t=1,v1=planted").status_code == 400
        assert any("Refused a webhook" in line for line in log)
        assert planted_in("\n".join(log)) == []

    def test_has_nothing_to_hide_in_the_names_of_things(self, paid_order: Order):
        things = [
            paid_order,
            *paid_order.items.all(),
            *paid_order.events.all(),
            calls.client(),
            shop_settings,
        ]
        assert planted_in(pprint.pformat([*things, *map(str, things)])) == []
        notes = [*paid_order.events.values_list("note", "deferred"), paid_order.review_reason]
        assert planted_in(pprint.pformat(notes)) == []


def test_a_planted_value_would_be_found():
    assert planted_in(f"all is well\nkey={PLANTED['STRIPE_SECRET_KEY']}")
