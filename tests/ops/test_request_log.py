"""The request log: one search gives the story of a payment, and nothing about the person."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test import Client
from pytest_django import Settings

from checkout.models import Order
from storefront.models import Product
from storefront.ops import logs, request_log
from tests.cast import Shopper, deliver, event_about, poll_url
from tests.log_capture import Line, Log
from tests.routes import ADDRESSES, SAMPLES
from tools.stripe_stand_in import StandIn

pytestmark = [pytest.mark.django_db, pytest.mark.once]

ROOT = Path(__file__).parents[2]
LOGGER = "storefront.ops.request_log"


@pytest.fixture
def pending_order(stripe: StandIn, ada: Shopper, mouse: Product, log: Log) -> Order:
    ada.puts(mouse, 1)
    ada.buys()
    log.forget()
    return ada.order


@pytest.fixture
def debug_level() -> Iterator[None]:
    """As with LOG_LEVEL=debug."""
    logger = logging.getLogger("storefront")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield
    logger.setLevel(level)


class TestAnAnswer:
    def test_is_a_line_that_says_how_it_went(self, log: Log, mouse: Product):
        Client().get("/products/mouse/")
        line = log.line(LOGGER)
        assert line["time"].endswith("+00:00")
        assert (line["level"], line["method"], line["status"]) == ("INFO", "GET", 200)
        assert line["route"] == "/products/<slug:slug>/"
        assert line["duration_ms"] > 0
        assert line["message"] == f"GET /products/<slug:slug>/: 200 in {line['duration_ms']} ms"

    def test_says_which_order_it_was_about_but_not_its_address(
        self, log: Log, ada: Shopper, pending_order: Order
    ):
        ada.get(f"/orders/{pending_order.pk}/")
        line = log.line(LOGGER)
        assert (line["route"], line["order"]) == ("/orders/<uuid:pk>/", str(pending_order.pk))
        assert "/orders/7" not in log.text
        assert f"/{pending_order.pk}" not in log.text

    def test_at_an_unknown_address_does_not_name_it(self, log: Log):
        Client().get("/orders/my-secret-typed-wrong/")
        assert log.line(LOGGER)["route"] == "unmatched"
        assert "secret" not in log.text

    @pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/icon.svg"])
    def test_that_all_is_well_is_left_out(self, log: Log, path: str):
        answer = Client().get(path)
        if answer.streaming:
            answer.close()
        assert (answer.status_code, log.text) == (200, "")

    def test_to_a_poll_without_an_update_is_left_out(
        self, log: Log, ada: Shopper, pending_order: Order
    ):
        path = poll_url(ada.get(f"/orders/{pending_order.pk}/"))
        log.forget()
        assert ada.asks_by_htmx(path).status_code == 204
        assert log.text == ""

    @pytest.mark.parametrize(
        ("path", "route"), [("/healthz", "/healthz"), ("/static/icon.svg", "/static/")]
    )
    def test_that_was_left_out_is_there_for_debugging(
        self, log: Log, debug_level: None, path: str, route: str
    ):
        Client().get(path).close()
        assert (log.line(LOGGER)["level"], log.line(LOGGER)["route"]) == ("DEBUG", route)

    def test_that_the_shop_is_not_ready_is_not_left_out(
        self, log: Log, monkeypatch: pytest.MonkeyPatch
    ):
        def away(*args: object) -> None:
            raise OperationalError("gone")

        monkeypatch.setattr("storefront.ops.health.MigrationExecutor", away)
        Client().get("/readyz")
        assert log.line(LOGGER)["status"] == 503


class TestARequestsId:
    def test_is_on_every_line_and_in_the_answer(
        self, log: Log, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        log.forget()
        stripe.fault("POST", "/v1/checkout/sessions", status=500, times=9)
        answer = ada.buys()
        lines = log.lines()
        assert {line["logger"] for line in lines} == {"checkout.ordering", LOGGER}
        assert {line["request_id"] for line in lines} == {answer["X-Request-ID"]}
        assert {line["order"] for line in lines[:2]} == {str(ada.order.pk)}

    def test_is_another_one_for_each(self, log: Log):
        answers = [Client().get("/") for _ in range(3)]
        assert len({answer["X-Request-ID"] for answer in answers}) == 3
        assert len({line["request_id"] for line in log.lines(LOGGER)}) == 3

    def test_ends_with_the_request(self, log: Log, ada: Shopper, pending_order: Order):
        ada.get(f"/orders/{pending_order.pk}/")
        log.forget()
        logging.getLogger("storefront").warning("Outside of a request.")
        assert {"request_id", "order"} & log.line("storefront").keys() == set()

    def test_is_needed_to_bind_fields(self, log: Log):
        logs.bind(order="of no request")
        logging.getLogger("storefront").warning("Outside of a request.")
        assert "order" not in log.line("storefront")

    def test_is_the_routers_where_the_router_is_trusted(self, log: Log, settings: Settings):
        settings.TRUST_PROXY = True
        answer = Client().get("/", headers={"X-Request-ID": "8f1e-2_a.b"})
        assert answer["X-Request-ID"] == log.line(LOGGER)["request_id"] == "8f1e-2_a.b"

    def test_is_never_the_shoppers_own(self):
        assert Client().get("/", headers={"X-Request-ID": "mine"})["X-Request-ID"] != "mine"

    @pytest.mark.parametrize("odd", ["", "a b", "x" * 65, 'x","level":"', "é", "a\n"])
    def test_is_a_new_one_if_the_routers_is_odd(self, settings: Settings, odd: str):
        settings.TRUST_PROXY = True
        assert len(Client().get("/", headers={"X-Request-ID": odd})["X-Request-ID"]) == 32


class TestAPayment:
    def test_that_does_not_fit_is_logged_with_event_order_and_request(
        self, log: Log, pending_order: Order
    ):
        event = event_about(pending_order, amount_total=1)
        answer = deliver(event)
        review, answered = log.line("checkout.review"), log.line(LOGGER)
        assert review["level"] == "ERROR"
        for line in (review, answered):
            assert line["event"] == event["id"]
            assert line["order"] == str(pending_order.pk)
            assert line["request_id"] == answer["X-Request-ID"]

    def test_refunded_is_logged_with_event_and_order(
        self, log: Log, stripe: StandIn, pending_order: Order
    ):
        stripe.pay(pending_order.session_id or "")
        for event in stripe.events_of("checkout.session.completed"):
            deliver(event)
        log.forget()
        stripe.refund(pending_order.session_id or "")
        [event, *_] = stripe.events_of("charge.refunded")
        deliver(event)
        line = log.line(LOGGER)
        assert (line["event"], line["order"]) == (event["id"], str(pending_order.pk))

    def test_with_a_forged_signature_leaves_a_warning(self, log: Log, pending_order: Order):
        deliver(event_about(pending_order), header="t=1,v1=2")
        assert log.line("checkout.webhooks")["level"] == "WARNING"
        assert "event" not in log.line(LOGGER)


class TestWhatIsPersonal:
    @pytest.fixture
    def talkative(self, ada: Shopper, pending_order: Order) -> tuple[Client, list[str]]:
        """A browser that reveals a lot, and what of it no line may repeat."""
        browser = Client(
            raise_request_exception=False,
            REMOTE_ADDR="203.0.113.7",
            headers={
                "User-Agent": "planted-browser",
                "Referer": "http://planted-site.example/",
                "Authorization": "Bearer planted-token",
                "X-Forwarded-For": "198.51.100.9",
                "X-Request-ID": "planted-id",
            },
        )
        browser.cookies = ada.browser.cookies
        cookies = [morsel.value for morsel in ada.browser.cookies.values()]
        planted = ["planted", "203.0.113.7", "198.51.100.9", "ada@example.com", *cookies]
        return browser, [*planted, str(ada.id), ada.id.hex, SAMPLES["uuid"], "/mouse"]

    @pytest.mark.parametrize("address", ADDRESSES)
    def test_is_in_no_line_of_any_address(
        self,
        log: Log,
        debug_level: None,
        talkative: tuple[Client, list[str]],
        address: str,
    ):
        browser, secrets = talkative
        body = "email=ada@example.com&quantity=planted"
        content_type = "application/x-www-form-urlencoded"
        for method in ("GET", "POST", "DELETE"):
            browser.generic(method, f"{address}?q=planted", body, content_type)
        assert len(log.lines(LOGGER)) == 3
        assert [secret for secret in secrets if secret in log.text] == []

    def test_is_in_no_line_about_a_payment(self, log: Log, ada: Shopper, pending_order: Order):
        deliver(event_about(pending_order, amount_total=1))
        assert "ada@example.com" not in log.text
        assert str(ada.id) not in log.text

    def test_is_in_no_line_about_what_broke(
        self, log: Log, pending_order: Order, monkeypatch: pytest.MonkeyPatch, ada: Shopper
    ):
        def broken(*args: object, **options: object) -> None:
            values = "DETAIL:  Failing row contains (ada@example.com,\n 12 Road)."
            raise IntegrityError(f"it violates a check\n{values}")

        monkeypatch.setattr("checkout.views.one_order", broken)
        ada.browser.raise_request_exception = False
        assert ada.get(f"/orders/{pending_order.pk}/?seen=x").status_code == 500
        line = log.line("django.request")
        assert line["message"] == "Internal Server Error: /orders/<uuid:pk>/"
        assert "in broken" in line["exception"]
        assert line["exception"].endswith("it violates a check")
        assert f"/{pending_order.pk}" not in log.text

    def test_is_in_no_line_about_a_form_without_a_token(self, log: Log, pending_order: Order):
        Client(enforce_csrf_checks=True).post(f"/orders/{pending_order.pk}/link/")
        line = log.line("django.security.csrf")
        assert line["message"] == "Forbidden (CSRF cookie not set.): /orders/<uuid:pk>/link/"

    def test_is_in_no_line_about_a_database_that_is_away(
        self, log: Log, pending_order: Order, monkeypatch: pytest.MonkeyPatch, ada: Shopper
    ):
        def away(*args: object, **options: object) -> None:
            raise OperationalError("gone")

        monkeypatch.setattr("checkout.views.one_order", away)
        assert ada.get(f"/orders/{pending_order.pk}/?seen=x").status_code == 503
        assert (
            "did not answer /orders/<uuid:pk>/" in log.line("storefront.ops.error_pages")["message"]
        )
        assert f"/{pending_order.pk}" not in log.text


def slow_queries(log: Log) -> list[Line]:
    return [line for line in log.lines(LOGGER) if "sql" in line]


class TestASlowQuery:
    def nap(self, seconds: float) -> None:
        """PostgreSQL has such a function by itself."""
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                connection.connection.create_function("pg_sleep", 1, time.sleep)
            cursor.execute("SELECT pg_sleep(%s)", [seconds])

    def test_is_a_warning_with_its_shape_and_duration(self, log: Log, settings: Settings):
        settings.SLOW_QUERY_SECONDS = 0.05
        self.nap(0.06)
        [line] = slow_queries(log)
        assert line["level"] == "WARNING"
        assert line["sql"] == "SELECT pg_sleep(%s)"
        assert 60 <= line["duration_ms"] < 5_000

    def test_is_none_below_the_threshold(self, log: Log, settings: Settings):
        settings.SLOW_QUERY_SECONDS = 30
        self.nap(0.01)
        assert slow_queries(log) == []

    def test_of_a_request_has_its_id_and_none_of_its_values(
        self, log: Log, settings: Settings, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        log.forget()
        settings.SLOW_QUERY_SECONDS = 0
        answer = ada.get("/")
        assert len(slow_queries(log)) > 1
        assert {line["request_id"] for line in slow_queries(log)} == {answer["X-Request-ID"]}
        assert str(ada.id) not in log.text
        assert ada.id.hex not in log.text

    def test_is_logged_once_however_often_the_database_was_opened(
        self, log: Log, settings: Settings
    ):
        for _ in range(3):
            request_log.time_queries(connection)
        settings.SLOW_QUERY_SECONDS = 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert len(slow_queries(log)) == 1


class TestASlowCallToStripe:
    def test_is_a_warning_with_what_was_asked(
        self, log: Log, settings: Settings, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        settings.SLOW_STRIPE_SECONDS = 0.2
        stripe.fault("POST", "/v1/checkout/sessions", hang=0.3)
        ada.buys()
        line = log.line("checkout.metrics")
        assert (line["level"], line["operation"], line["result"]) == (
            "WARNING",
            "create session",
            "ok",
        )
        assert line["duration_ms"] >= 300
        assert line["order"] == str(ada.order.pk)

    def test_that_fails_says_how(
        self, log: Log, settings: Settings, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        settings.SLOW_STRIPE_SECONDS = 0
        stripe.fault("POST", "/v1/checkout/sessions", status=402)
        ada.buys()
        assert log.line("checkout.metrics")["result"] == "402"

    def test_is_none_below_the_threshold(
        self, log: Log, settings: Settings, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        settings.SLOW_STRIPE_SECONDS = 30
        ada.buys()
        assert stripe.sessions
        assert log.lines("checkout.metrics") == []
