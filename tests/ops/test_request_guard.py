"""What protects every route: the walk through the resolver leaves none out."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from storefront.models import Product
from storefront.ops.health import HOST_CHECK_EXEMPT
from tests.cast import Shopper, deliver, event_about, product
from tests.log_capture import Log
from tests.routes import ADDRESSES, WEBHOOKS
from tools.stripe_stand_in import StandIn

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# All but the login and the translations of its scripts, which are public.
DESK = {address for address in ADDRESSES if address.startswith("/admin/")}
DESK -= {"/admin/login/", "/admin/jsi18n/"}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "(same-origin|no-referrer)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": r".*camera=\(\).*",
    "Cache-Control": ".*(no-store|public).*",
    "Strict-Transport-Security": "max-age=31536000",
    "Content-Security-Policy": "default-src 'none'; script-src 'self';.*frame-ancestors 'none'; "
    "form-action 'self' https://checkout.stripe.com",
}


FOR_FORMS = sorted({*ADDRESSES} - WEBHOOKS - {*HOST_CHECK_EXEMPT, "/nothing/at/all/"})


@pytest.fixture
def shopper(ada: Shopper, mouse: Product, settings: Settings) -> Client:
    """A shopper with a cart, on https."""
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
@pytest.mark.parametrize("address", FOR_FORMS)
def test_no_address_takes_a_form_of_another_site(shopper: Client, address: str, site: str):
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = shopper.generic(method, address, secure=True, headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403


def test_the_shops_own_forms_are_taken(shopper: Client, mouse: Product):
    for site in ("same-origin", "none"):
        headers = {"Sec-Fetch-Site": site}
        answer = shopper.post(f"/cart/{mouse.pk}/", {"quantity": 2}, secure=True, headers=headers)
        assert answer.status_code == 303


class TestAFormWhoseOriginIsNotNamed:
    """As browsers send it where a router adds `Referrer-Policy: no-referrer`."""

    @pytest.fixture
    def browser(self, settings: Settings) -> Client:
        settings.ALLOWED_HOSTS = ["testserver"]
        browser = Client(enforce_csrf_checks=True)
        browser.get("/", secure=True)
        return browser

    def sends(self, browser: Client, mouse: Product, token: str = "", **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        token = token or browser.cookies["csrftoken"].value
        form = {"quantity": "2", "csrfmiddlewaretoken": token}
        return browser.post(f"/cart/{mouse.pk}/", form, secure=True, headers=named)

    @pytest.mark.parametrize("origin", [{"Origin": "null"}, {}], ids=["null", "none"])
    def test_is_taken_if_the_browser_says_that_it_is_the_shops(
        self, browser: Client, mouse: Product, origin: dict[str, str]
    ):
        answer = self.sends(browser, mouse, Sec_Fetch_Site="same-origin", **origin)
        assert answer.status_code == 303

    @pytest.mark.parametrize(
        ("headers", "reason"),
        [
            ({"Origin": "null"}, "Origin checking failed - null"),
            ({"Origin": "null", "Sec_Fetch_Site": "none"}, "Origin checking failed - null"),
            ({"Origin": "null", "Sec_Fetch_Site": "cross-site"}, "Sec-Fetch-Site it is cross-site"),
            (
                {"Origin": "https://evil.example", "Sec_Fetch_Site": "same-origin"},
                "Origin checking failed - https://evil.example",
            ),
            ({}, "Referer checking failed - no Referer"),
            (
                {"Origin": "null", "Sec_Fetch_Site": "same-origin", "token": "x" * 32},
                "CSRF token from POST incorrect",
            ),
        ],
    )
    def test_is_refused_otherwise_and_the_log_says_why(
        self, browser: Client, mouse: Product, log: Log, headers: dict[str, str], reason: str
    ):
        assert self.sends(browser, mouse, **headers).status_code == 403
        [line] = [line for line in log.lines() if line["level"] == "WARNING"]
        assert reason in line["message"]


class TestAPageThatIsFetchedBeforeItIsAskedFor:
    """A router may tell browsers to; the cart on it would be the one of then."""

    @pytest.mark.parametrize("purpose", ["prefetch", "prefetch;prerender"])
    @pytest.mark.parametrize("name", ["Sec-Purpose", "Purpose"])
    def test_is_refused_so_that_the_browser_asks_again(
        self, shopper: Client, name: str, purpose: str
    ):
        for address in ("/", "/products/mouse/", "/orders/"):
            answer = shopper.get(address, secure=True, headers={name: purpose})
            assert answer.status_code == 403
            assert "no-store" in answer["Cache-Control"]
            assert shopper.get(address, secure=True).status_code == 200


class TestAnotherNameOfTheShop:
    WWW = {"Host": "www.shop.example"}

    @pytest.fixture(autouse=True)
    def at_the_apex(self, settings: Settings) -> None:
        settings.SITE_URL = "https://shop.example"
        settings.ALLOWED_HOSTS = ["shop.example", "www.shop.example", "10.0.0.7"]
        settings.SECURE_SSL_REDIRECT, settings.SECURE_SSL_HOST = True, "shop.example"

    @pytest.mark.parametrize("host", ["www.shop.example", "www.shop.example:8443", "10.0.0.7"])
    def test_leads_to_the_one_of_site_url(self, db: None, host: str):
        for is_secure in (False, True):
            answer = Client().get("/orders/?a=%20b", headers={"Host": host}, secure=is_secure)
            assert answer.status_code == 301
            assert answer["Location"] == "https://shop.example/orders/?a=%20b"
            assert answer["Cache-Control"] == "no-store"

    def test_leads_to_no_other_site(self, db: None):
        path = "//evil.example/\r\nx"
        answer = Client().get("/?y", headers=self.WWW, secure=True, PATH_INFO=path)
        assert answer["Location"] == "https://shop.example//evil.example/%0D%0Ax?y"

    @pytest.mark.parametrize("host", ["shop.example", "shop.example:8000", "SHOP.example:443"])
    def test_is_not_the_same_name_with_the_routers_port(self, db: None, host: str):
        assert Client().get("/", headers={"Host": host}, secure=True).status_code == 200
        answer = Client().get("/", headers={"Host": host})
        assert answer["Location"] == "https://shop.example/"

    def test_is_not_what_the_router_alone_asks_by(self, db: None, settings: Settings):
        settings.TRUST_PROXY = True
        asked = {"Host": "10.0.0.7", "X-Forwarded-Host": "shop.example"}
        assert Client().get("/", headers=asked, secure=True).status_code == 200
        asked["X-Forwarded-Host"] = "www.shop.example"
        assert Client().get("/", headers=asked, secure=True).status_code == 301

    def test_is_no_other_address_for_stripe_and_for_who_asks_how_the_shop_is(
        self, db: None, settings: Settings
    ):
        settings.STRIPE_WEBHOOK_SECRET, settings.METRICS_TOKEN = "whsec_test", "a token"
        for address in WEBHOOKS:
            assert Client().get(address, headers=self.WWW, secure=True).status_code == 405
            assert Client().post(address, headers=self.WWW, secure=True).status_code == 400
        statuses = [Client().get(address, headers=self.WWW) for address in HOST_CHECK_EXEMPT]
        assert [answer.status_code for answer in statuses] == [200, 200, 401]

    def test_takes_no_name_that_is_not_the_shops(self, db: None):
        answer = Client().get("/", headers={"Host": "evil.example"}, secure=True)
        assert answer.status_code == 400


def test_the_webhook_asks_for_a_signature_instead(shopper: Client, settings: Settings):
    settings.STRIPE_WEBHOOK_SECRET = "whsec_test"
    for address in WEBHOOKS:
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert shopper.post(address, b"{}", "application/json", headers=headers).status_code == 400


class TestTheMerchantsDesk:
    @pytest.fixture
    def merchant(self, admin_user: User) -> Client:
        client = Client()
        form = {"username": "admin", "password": "password"}
        answer = client.post("/admin/login/?next=/admin/", form, secure=True)
        assert answer["Location"] == "/admin/"
        return client

    def test_asks_for_the_password_every_day(self, merchant: Client):
        assert merchant.cookies["sessionid"]["max-age"] == 12 * 60 * 60

    def test_is_left_for_good(self, merchant: Client):
        stolen = Client()
        stolen.cookies["sessionid"] = merchant.cookies["sessionid"].value
        assert stolen.get("/admin/").status_code == 200
        merchant.post("/admin/logout/")
        assert stolen.get("/admin/").status_code == 302

    def test_never_leads_to_another_site(self, admin_user: User):
        form = {"username": "admin", "password": "password"}
        answer = Client().post("/admin/login/?next=https://evil.example/", form)
        assert answer["Location"] == "/admin/"

    def test_opens_to_no_shopper(self, ada: Shopper):
        for address in DESK - {"/admin/logout/"}:
            assert ada.get(address)["Location"].startswith("/admin/login/"), address

    def test_is_never_kept_by_a_browser(self, merchant: Client):
        for address in DESK:
            answer = merchant.get(address)
            if answer.status_code in (200, 302):
                assert "no-store" in answer["Cache-Control"], address

    def test_takes_no_short_password(self):
        with pytest.raises(ValidationError, match="at least 15 characters"):
            validate_password("Kq7-vR2mXw9Kd4")
        validate_password("Kq7-vR2mXw9Kd4 or so")


OF_AN_ORDER = ("change", "shipment", "slip", "refund")


def test_text_from_outside_is_text_and_no_code(stripe: StandIn, ada: Shopper, admin_client: Client):
    code = '"><script>alert(1)</script>'
    ada.puts(product(name=code, description=code, slug="code"), 1)
    ada.buys()
    person = {"email": code, "phone": code}
    address = {"shipping_details": {"name": code, "address": {"line1": code, "country": code}}}
    deliver(
        event_about(
            ada.order,
            customer_details=person,
            collected_information=address,
            payment_intent=code,
        )
    )
    order = f"/orders/{ada.order.pk}/"
    ada.browser.post(f"{order}link/")
    pages = [ada.get(address) for address in ("/", order, f"/products/code/?seen={code}")]
    pages += [ada.get(f"/?order={code}"), ada.get(f"/{code}/")]
    of_it = [f"checkout/order/{ada.order.pk}/{what}/" for what in OF_AN_ORDER]
    desk = ("storefront/product/", "checkout/order/", "to-ship/", *of_it)
    pages += [admin_client.get(f"/admin/{address}") for address in desk]
    assert all(code not in page.text for page in pages)
    assert sum("&lt;script&gt;alert(1)&lt;/script&gt;" in page.text for page in pages) >= 8


def test_a_cookie_without_a_flag_would_be_noticed():
    answer = HttpResponse()
    answer.set_cookie("bad", "1", secure=True, httponly=True)
    assert not cookie_is_safe(answer, "bad")


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
    """Equals every text that the whole pattern matches."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __eq__(self, text: object) -> bool:
        return bool(re.fullmatch(self.pattern, str(text)))

    def __repr__(self) -> str:
        return repr(self.pattern)
