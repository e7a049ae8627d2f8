"""No shopper can do so much, or send so much at once, that others are served worse."""

import contextlib
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import Mock

import pytest
from django.conf import settings as shop_settings
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from pytest_django import Settings

from storefront.models import Product
from storefront.ops import addresses, rate_limits
from storefront.ops.health import HOST_CHECK_EXEMPT
from storefront.ops.rate_limits import times_this_hour
from storefront.urls import urlpatterns as shop_urls
from tests.cast import Shopper
from tests.log_capture import Log
from tests.routes import ADDRESSES, WEBHOOKS

pytestmark = [pytest.mark.django_db, pytest.mark.once]

# Answered before a view is looked for: nothing there changes anything.
VIEWLESS = {*HOST_CHECK_EXEMPT, "/nothing/at/all/"}
FORM_BYTES = 256 * 1024
BUY = "/create-checkout-session/"
UNLIMITED = (0, 0)


@pytest.fixture(autouse=True)
def passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Begin with a whole minute; no time passes unless the test says so."""
    now = time.time() // 60 * 60 + 600

    def pass_by(seconds: int) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("time.time", lambda: now)
    monkeypatch.setattr(rate_limits, "_paused_until", 0.0)
    return pass_by


@pytest.fixture
def budgets(settings: Settings) -> dict[str, tuple[int, int]]:
    """By what a shopper may do, and an address; nothing is limited unless the test says so."""
    budgets = dict.fromkeys(shop_settings.BUDGETS, UNLIMITED)
    settings.BUDGETS = budgets
    return budgets


def is_limited(address: str, method: str = "POST", **options: Any) -> bool:
    """Whether the second request of a minute is one too many."""
    client = Client(raise_request_exception=False)
    first, second = (client.generic(method, address, **options) for _ in range(2))
    assert first.status_code != 429
    return bool(second.status_code == 429)


class TestEveryRoute:
    @pytest.fixture(autouse=True)
    def one_a_minute(self, budgets: dict[str, tuple[int, int]]) -> None:
        budgets |= dict.fromkeys(budgets, (1, 1))

    @pytest.mark.parametrize("address", sorted({*ADDRESSES} - WEBHOOKS - VIEWLESS))
    def test_takes_no_more_changes_than_the_budget(self, address: str):
        assert is_limited(address)
        assert is_limited(address, "DELETE", REMOTE_ADDR="192.0.2.1")

    @pytest.mark.parametrize("address", sorted({*ADDRESSES} - WEBHOOKS - VIEWLESS))
    def test_may_be_looked_at_as_often_as_one_likes(self, address: str):
        assert not is_limited(address, "GET")

    @pytest.mark.parametrize("address", sorted(WEBHOOKS))
    def test_but_the_webhook_which_asks_for_a_signature(self, address: str):
        assert not is_limited(address)

    @pytest.mark.urls("tests.ops.test_rate_limits")
    def test_one_that_is_not_limited_would_be_noticed(self):
        assert is_limited("/usual/")
        assert not is_limited("/exempt/", REMOTE_ADDR="192.0.2.1")


def view(request: object) -> HttpResponse:
    return HttpResponse()


urlpatterns = [*shop_urls, path("usual/", view), path("exempt/", csrf_exempt(view))]


class TestAShopper:
    @pytest.fixture(autouse=True)
    def three_a_minute(self, budgets: dict[str, tuple[int, int]]) -> None:
        budgets["changes"] = (3, 0)

    def test_reads_that_nothing_was_changed_and_when_to_go_on(
        self, ada: Shopper, mouse: Product, passes: Callable[[int], None]
    ):
        passes(18)
        answers = [ada.puts(mouse, quantity) for quantity in (1, 2, 3, 4, 5)]
        # The first one came without a cookie.
        assert [answer.status_code for answer in answers] == [303, 303, 303, 303, 429]
        assert answers[-1]["Retry-After"] == "42"
        assert "Nothing was changed" in answers[-1].text
        assert "in 42 seconds" in answers[-1].text
        assert answers[-1]["Cache-Control"] == "no-store"
        assert ada.cart == {"Mouse": 4}

    def test_goes_on_in_the_next_minute(
        self, ada: Shopper, mouse: Product, passes: Callable[[int], None]
    ):
        last = [ada.puts(mouse, 1) for _ in range(5)][-1]
        passes(int(last["Retry-After"]) - 1)
        assert ada.puts(mouse, 2).status_code == 429
        passes(1)
        assert ada.puts(mouse, 2).status_code == 303

    def test_is_nobody_else(self, ada: Shopper, bo: Shopper, mouse: Product):
        assert [ada.puts(mouse, 1).status_code for _ in range(5)][-1] == 429
        assert [bo.puts(mouse, 1).status_code for _ in range(4)][-1] == 303

    def test_cannot_use_up_anothers_budget_by_a_made_up_cookie(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        forger = Client()
        forger.cookies[shop_settings.SHOPPER_COOKIE_NAME] = f"{ada.id}:made:up"
        for _ in range(5):
            forger.post(f"/cart/{mouse.pk}/", {"quantity": 1})
        assert ada.puts(mouse, 2).status_code == 303

    def test_is_not_counted_for_what_another_site_sends(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        for _ in range(5):
            answer = ada.browser.post(BUY, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status_code == 403
        assert ada.puts(mouse, 2).status_code == 303


class TestBuy:
    def test_has_a_stricter_budget_of_its_own(
        self, budgets: dict[str, tuple[int, int]], ada: Shopper, mouse: Product
    ):
        budgets |= {"changes": (9, 0), "checkout:checkout-session": (2, 0)}
        ada.puts(mouse, 1)
        assert [ada.buys().status_code for _ in range(3)] == [303, 303, 429]
        assert ada.puts(mouse, 2).status_code == 303

    def test_is_refused_in_json_if_it_was_json(
        self, budgets: dict[str, tuple[int, int]], ada: Shopper
    ):
        budgets["checkout:checkout-session"] = (0, 1)
        ada.buys_by_json({"items": []})
        answer = ada.buys_by_json({"items": []})
        assert answer.status_code == 429
        assert answer.json()["error"].startswith("Too many requests within a minute.")
        assert 0 < int(answer["Retry-After"]) <= 60


def test_passwords_cannot_be_guessed_by_trying(
    budgets: dict[str, tuple[int, int]], admin_user: Any, passes: Callable[[int], None]
):
    budgets["admin:login"] = (0, 3)
    client = Client()
    tries = [{"username": "admin", "password": word} for word in ("a", "b", "c", "password")]
    answers = [client.post("/admin/login/?next=/admin/", form) for form in tries]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    passes(60)
    assert client.post("/admin/login/?next=/admin/", tries[-1]).status_code == 302


class TestAnAddress:
    @pytest.fixture(autouse=True)
    def one_a_minute(self, budgets: dict[str, tuple[int, int]]) -> None:
        budgets["changes"] = (0, 1)

    def sends(self, address: str, **headers: str) -> int:
        answer = Client().post("/cart/1/", REMOTE_ADDR=address, headers=headers)
        return int(answer.status_code)

    def test_counts_requests_without_a_cookie(self):
        assert [self.sends("192.0.2.1") for _ in range(2)] == [404, 429]
        assert self.sends("192.0.2.2") == 404

    def test_of_ipv6_is_the_network_of_one_customer(self):
        assert self.sends("2001:db8:1:2::1") == 404
        assert self.sends("2001:db8:1:2:ffff::2") == 429
        assert self.sends("2001:db8:1:3::1") == 404

    def test_of_ipv6_is_the_larger_network_too_that_a_customer_may_have(self):
        networks = [f"2001:db8:1:2{number:02x}::1" for number in range(3)]
        assert [self.sends(network) for network in networks] == [404, 404, 429]
        assert self.sends("2001:db8:1:300::1") == 404

    def test_of_ipv4_is_the_same_on_an_ipv6_socket(self):
        assert self.sends("::ffff:192.0.2.1") == 404
        assert self.sends("192.0.2.1") == 429
        assert self.sends("::ffff:192.0.2.2") == 404

    def test_is_what_the_router_wrote_and_not_what_the_client_claims(self, settings: Settings):
        settings.TRUST_PROXY = True
        assert self.sends("10.0.0.1", **{"X-Forwarded-For": "192.0.2.7, 192.0.2.1"}) == 404
        assert self.sends("10.0.0.1", **{"X-Forwarded-For": "192.0.2.8, 192.0.2.1"}) == 429
        assert self.sends("10.0.0.1", **{"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}) == 404

    def test_is_the_connections_own_where_no_router_is_trusted(self):
        assert self.sends("192.0.2.1", **{"X-Forwarded-For": "192.0.2.7"}) == 404
        assert self.sends("192.0.2.1", **{"X-Forwarded-For": "192.0.2.8"}) == 429

    @pytest.mark.parametrize(
        ("written", "address"),
        [
            ("192.0.2.1:4711", "192.0.2.1"),
            (" 192.0.2.1 ", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ('"[2001:db8::1]:4711"', "2001:db8::1"),
            ("2001:db8:0:0:1:2:3:4:4711", "2001:db8::1"),
            ("2001:db8::1%eth0", "2001:db8::1"),
            ("[2001:db8::1%25eth0]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("[::ffff:192.0.2.1]:4711", "192.0.2.1"),
        ],
    )
    def test_is_read_as_routers_write_it(self, settings: Settings, written: str, address: str):
        settings.TRUST_PROXY = True
        assert self.sends("10.0.0.1", **{"X-Forwarded-For": f"192.0.2.7, {written}"}) == 404
        assert self.sends("10.0.0.1", **{"X-Forwarded-For": "192.0.2.2:4711"}) == 404
        assert self.sends("10.0.0.2", **{"X-Forwarded-For": address}) == 429

    @pytest.mark.parametrize("written", ["", "unknown", "unix:", "192.0.2.1.1:4711", "x" * 5_000])
    def test_that_cannot_be_read_is_the_routers_and_the_log_says_so_once(
        self, settings: Settings, log: Log, written: str
    ):
        settings.TRUST_PROXY = True
        addresses._say_that_no_sender_is_named.cache_clear()
        headers = {"X-Forwarded-For": f"192.0.2.9, {written}"}
        assert [self.sends("10.0.0.1", **headers) for _ in range(2)] == [404, 429]
        assert self.sends("10.0.0.2", **headers) == 404
        assert "X-Forwarded-For" in log.line("storefront.ops.addresses")["message"]
        assert "192.0.2.9" not in log.text

    def test_that_nobody_knows_is_one_of_its_own(self):
        assert [self.sends("") for _ in range(2)] == [404, 429]


class TestACacheThatIsAway:
    @pytest.fixture(autouse=True)
    def without_a_server(self, settings: Settings, budgets: dict[str, tuple[int, int]]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        self.on(port, settings)
        budgets["changes"] = (1, 1)

    def on(self, port: int, settings: Settings) -> None:
        from storefront.ops import data_stores

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CACHE_URL", f"redis://:planted-password@127.0.0.1:{port}/0")
            settings.CACHES = {"default": data_stores.cache("CACHE_URL")}

    def test_limits_nothing_and_says_so_once(self, ada: Shopper, mouse: Product, log: Log):
        assert times_this_hour("orders") == 0
        assert [ada.puts(mouse, 1).status_code for _ in range(4)] == [303] * 4
        assert "Look at CACHE_URL" in log.line("storefront.ops.rate_limits")["message"]

    def test_is_not_quoted_as_it_may_name_its_password(
        self, log: Log, monkeypatch: pytest.MonkeyPatch
    ):
        complaint = ConnectionError("redis://:planted-password@127.0.0.1 does not answer")
        monkeypatch.setattr(rate_limits, "cache", Mock(incr=Mock(side_effect=complaint)))
        assert not is_limited("/cart/1/")
        assert "ConnectionError" in log.line("storefront.ops.rate_limits")["message"]
        assert "planted" not in log.text

    def test_that_is_silent_costs_less_than_a_second(
        self, ada: Shopper, mouse: Product, settings: Settings
    ):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.on(silent.getsockname()[1], settings)
            assert [ada.puts(mouse, 1).status_code for _ in range(4)] == [303] * 4
            # Counted and not timed, as a busy machine is slow by itself.
            assert connections_to(silent) == 1
        assert sum(settings.CACHES["default"]["OPTIONS"].values()) < 1

    def test_is_asked_again_after_a_while(self, settings: Settings, passes: Callable[[int], None]):
        assert not is_limited("/cart/1/")
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
        assert not is_limited("/cart/1/")
        passes(rate_limits.PAUSE_SECONDS)
        assert is_limited("/cart/1/")


def connections_to(server: socket.socket) -> int:
    """Count the connections that wait for the server."""
    server.setblocking(False)
    count = 0
    with ExitStack() as connections, contextlib.suppress(BlockingIOError):
        while True:
            connections.enter_context(server.accept()[0])
            count += 1
    return count


class TestTheSizeOfARequest:
    FORM = "application/x-www-form-urlencoded"
    ADMIN = [address for address in ADDRESSES if address.startswith("/admin/")]
    SHOP = sorted({*ADDRESSES} - {*ADMIN} - WEBHOOKS - VIEWLESS)

    def sends(self, address: str, size: int, kind: str = FORM) -> Any:
        client = Client(raise_request_exception=False)
        return client.post(address, b"a" * size, content_type=kind)

    @pytest.mark.parametrize(
        ("addresses", "size"),
        [(SHOP, FORM_BYTES), (WEBHOOKS, 1024 * 1024), (ADMIN, 2_621_440)],
        ids=["shop", "webhook", "admin"],
    )
    def test_is_limited_at_every_route(self, addresses: list[str], size: int):
        assert addresses
        for address in addresses:
            assert self.sends(address, size).status_code != 413
            assert self.sends(address, size + 1).status_code == 413

    def test_is_refused_in_words(self):
        answer = self.sends(BUY, FORM_BYTES + 1)
        assert "none of it was read" in answer.text
        answer = self.sends(BUY, FORM_BYTES + 1, "application/json")
        assert answer.json() == {"error": "The request is too large. Nothing was charged."}

    def test_holds_for_other_methods_too(self):
        answer = Client().generic("GET", "/", b"a" * (FORM_BYTES + 1))
        assert answer.status_code == 413


def test_what_is_counted_by_the_hour_begins_anew_with_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(time, "time", lambda: 3_600.0)
    assert [times_this_hour("a"), times_this_hour("a"), times_this_hour("b")] == [1, 2, 1]
    monkeypatch.setattr(time, "time", lambda: 7_199.0)
    assert times_this_hour("a") == 3
    monkeypatch.setattr(time, "time", lambda: 7_200.0)
    assert times_this_hour("a") == 1
