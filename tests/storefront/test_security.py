"""What protects every address, found by walking the resolver, so that none can forget it."""

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from storefront.models import Product
from storefront.security import HEALTH
from tests.cast import Shopper
from tests.routes import ADDRESSES, WEBHOOKS

pytestmark = pytest.mark.django_db

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "(same-origin|no-referrer)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": r".*camera=\(\).*",
    "Strict-Transport-Security": "max-age=31536000",
    "Content-Security-Policy": "default-src 'none';.*frame-ancestors 'none';.*",
}


@pytest.fixture
def shopper(ada: Shopper, mouse: Product, settings: Settings) -> Client:
    """Somebody with a cart, on https."""
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    ada.puts(mouse, 1)
    client = Client(raise_request_exception=False)
    client.cookies = ada.browser.cookies
    return client


def test_the_walk_finds_the_routes_of_shop_and_admin():
    assert {"/", "/cart/1/", "/orders/", "/create-checkout-session/", *WEBHOOKS} <= {*ADDRESSES}
    assert "/admin/checkout/order/" in ADDRESSES


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_has_the_headers(shopper: Client, address: str, method: str):
    answer = shopper.generic(method, address, secure=True)
    assert {name: answer.get(name, "") for name in HEADERS} == {
        name: Matching(pattern) for name, pattern in HEADERS.items()
    }
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert all(cookie_is_safe(answer, name) for name in answer.cookies)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("address", [*{*ADDRESSES} - WEBHOOKS - {*HEALTH, "/nothing/at/all/"}])
def test_no_address_takes_a_form_of_another_site(shopper: Client, address: str, site: str):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = shopper.generic(method, address, secure=True, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403


def test_the_shops_own_forms_are_taken(shopper: Client, mouse: Product):
    for site in ("same-origin", "none"):
        headers = {"Sec-Fetch-Site": site}
        answer = shopper.post(f"/cart/{mouse.pk}/", {"quantity": 2}, secure=True, headers=headers)
        assert answer.status_code == 303


def test_the_webhook_asks_for_a_signature_instead(shopper: Client, settings: Settings):
    settings.STRIPE_WEBHOOK_SECRET = "whsec_test"
    for address in WEBHOOKS:
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert shopper.post(address, b"{}", "application/json", headers=headers).status_code == 400


def test_a_cookie_without_a_flag_would_be_noticed():
    answer = HttpResponse()
    answer.set_cookie("bad", "1", secure=True, httponly=True)
    assert not cookie_is_safe(answer, "bad")


@pytest.mark.parametrize("address", HEALTH)
def test_a_health_check_may_use_any_name_of_the_host(address: str, settings: Settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get(address, headers={"Host": "10.0.0.7:8000"})
    assert answer.status_code == 200
    assert Client().post(address).status_code == 405


def cookie_is_safe(answer: Any, name: str) -> bool:
    cookie = answer.cookies[name]
    return bool(
        cookie["secure"]
        and cookie["httponly"]
        and cookie["samesite"] in ("Lax", "Strict")
        and cookie["path"] == "/"
        and not cookie["domain"]
    )


class Matching:
    """Equals each text that the pattern describes as a whole."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __eq__(self, text: object) -> bool:
        return bool(re.fullmatch(self.pattern, str(text)))

    def __repr__(self) -> str:
        return repr(self.pattern)
