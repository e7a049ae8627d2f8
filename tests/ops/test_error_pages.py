"""When something goes wrong, a page in the shop's look says what, and what to do."""

import os
import re
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.http import Http404
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from storefront.models import Product
from storefront.ops.connections import is_outage
from storefront.ops.error_pages import WORDS
from tests.cast import Shopper, deliver, event_about
from tests.log_capture import Log
from tools.at_once import at_once
from tools.http_shopper import HttpShopper
from tools.shop_process import SERVER, ShopProcess, is_postgresql, new_database
from tools.stripe_stand_in import StandIn
from tools.waiting import wait_until

pytestmark = pytest.mark.django_db
HOME = "storefront.views.whole_shelf"


def breaks_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> Client:
    def broken(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(HOME, broken)
    return Client(raise_request_exception=False)


class TestEveryErrorPage:
    @pytest.fixture(
        params=[
            (PermissionDenied(), 403, "not yours to see"),
            (Http404(), 404, "There is no such page"),
            (RuntimeError(), 500, "Something went wrong here"),
            (OperationalError(), 503, "out of order for a moment"),
        ],
        ids=lambda case: str(case[1]),
    )
    def case(self, request: pytest.FixtureRequest) -> tuple[Exception, int, str]:
        case: tuple[Exception, int, str] = request.param
        return case

    def test_is_in_the_shops_look(
        self,
        monkeypatch: pytest.MonkeyPatch,
        settings: Settings,
        case: tuple[Exception, int, str],
    ):
        settings.SHOP_NAME = "Tea & Co"
        error, status, text = case
        answer = breaks_with(monkeypatch, error).get("/")
        assert answer.status_code == status
        assert text in answer.text
        assert "· Tea &amp; Co</title>" in answer.text
        assert answer.text.count("<h1>") == 1
        assert 'href="/">Back to the shop</a>' in answer.text
        assert answer["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Content-Type-Options"] == "nosniff"

    def test_is_short_for_a_client_that_sends_json(
        self, monkeypatch: pytest.MonkeyPatch, case: tuple[Exception, int, str]
    ):
        headers = {"Content-Type": "application/json"}
        answer = breaks_with(monkeypatch, case[0]).get("/", headers=headers)
        assert answer.json() == {"error": WORDS[HTTPStatus(case[1])].error}

    def test_needs_no_query(
        self,
        monkeypatch: pytest.MonkeyPatch,
        case: tuple[Exception, int, str],
        django_assert_num_queries: DjangoAssertNumQueries,
    ):
        client = breaks_with(monkeypatch, case[0])
        with django_assert_num_queries(0):
            client.get("/")


class TestABadRequest:
    def test_for_another_host_is_one_warning_and_no_error(self, log: Log):
        Client().get("/", headers={"Host": "203.0.113.9"})
        [line] = [line for line in log.lines() if line["level"] != "INFO"]
        assert (line["level"], line["logger"]) == ("WARNING", "django.security.DisallowedHost")
        assert "203.0.113.9" in line["message"]
        assert "exception" not in line

    def test_for_another_host_has_the_shops_name_and_not_the_others(self):
        answer = Client().get("/", headers={"Host": "evil.example"})
        assert answer.status_code == 400
        assert "That request can’t be read" in answer.text
        assert "evil" not in answer.text

    def test_with_too_many_fields(self, ada: Shopper, mouse: Product, log: Log):
        form = {f"field{number}": "" for number in range(1_001)}
        answer = ada.browser.post(f"/cart/{mouse.pk}/", form)
        assert answer.status_code == 400
        assert "That request can’t be read" in answer.text
        assert "exception" not in log.text

    @pytest.mark.parametrize("announced", [{"CONTENT_LENGTH": "9"}, {"wsgi.input_terminated": "1"}])
    @pytest.mark.parametrize("address", ["/create-checkout-session/", "/stripe/webhook/"])
    def test_whose_sender_leaves_before_its_end_is_no_error_of_the_shop(
        self, stripe: StandIn, announced: dict[str, str], address: str, log: Log
    ):
        gone = Mock(read=Mock(side_effect=ConnectionResetError))
        environment: dict[str, Any] = {
            "wsgi.input": gone,
            "CONTENT_TYPE": "application/json",
            **announced,
        }
        client = Client(raise_request_exception=False)
        answer = client.generic("POST", address, **environment)
        assert answer.status_code == 400
        assert "exception" not in log.text


class TestAnExpiredForm:
    def test_says_that_nothing_was_charged(self):
        answer = Client(enforce_csrf_checks=True).post("/create-checkout-session/")
        assert answer.status_code == 403
        assert "Nothing was charged" in answer.text

    def test_is_answered_in_json_if_it_was_json(self):
        client = Client(enforce_csrf_checks=True)
        answer = client.post("/create-checkout-session/", "{}", content_type="application/json")
        assert answer.status_code == 403
        assert "CSRF" in answer.json()["error"]


class TestARefusalOfWhatHtmxSends:
    """Its words are shown on the page that is open, and not thrown away."""

    TARGET = '"swap": true, "target": "#too-quick", "select": "#refusal"'

    def shown(self, page: str) -> set[int]:
        """Which answers the page shows so."""
        codes = re.findall(rf'{{"code": "([^"]+)", {self.TARGET}', page)
        return {int(code) for code in "|".join(codes).split("|") if code}

    def test_is_taken_from_the_page_that_says_it(
        self, ada: Shopper, mouse: Product, settings: Settings
    ):
        settings.BUDGETS = {"changes": (0, 1)}
        sends = partial(Client().post, f"/cart/{mouse.pk}/", headers={"HX-Request": "true"})
        other = Client(enforce_csrf_checks=True).post(f"/cart/{mouse.pk}/", REMOTE_ADDR="192.0.2.1")
        large = sends({"quantity": "2" * 300_000}, REMOTE_ADDR="192.0.2.2")
        many = sends(dict.fromkeys(map(str, range(1_001)), ""), REMOTE_ADDR="192.0.2.3")
        # Of three, two are in the same minute.
        quick = max((sends({"quantity": "2"}) for _ in range(3)), key=lambda a: a.status_code)
        answers = [other, large, many, quick]
        assert {answer.status_code for answer in answers} == {400, 403, 413, 429}
        assert all('<p id="refusal">' in answer.text for answer in answers)
        page = ada.get("/").text
        assert self.shown(page) == {400, 403, 413, 429}
        assert '<div id="too-quick"' in page


class TestAnAddressThatTakesFormsAlone:
    @pytest.mark.parametrize("path", ["/create-checkout-session/", "/cart/1/", "/stripe/webhook/"])
    def test_is_a_page_with_a_way_on_when_opened(self, path: str):
        answer = Client().get(path)
        assert (answer.status_code, answer["Allow"]) == (405, "POST")
        assert "Nothing to see at this address" in answer.text

    def test_has_no_page_for_other_methods(self):
        assert Client().delete("/cart/1/").content == b""


class TestAnOutageOfTheDatabase:
    def test_asks_to_come_again(self, monkeypatch: pytest.MonkeyPatch):
        answer = breaks_with(monkeypatch, OperationalError()).get("/")
        assert answer["Retry-After"] == "30"

    def test_is_answered_in_json_if_it_was_json(
        self, monkeypatch: pytest.MonkeyPatch, ada: Shopper
    ):
        def locked(*args: object, **options: object) -> None:
            raise OperationalError("database is locked")

        monkeypatch.setattr("checkout.views.buy", locked)
        answer = ada.buys_by_json({"items": []})
        assert answer.status_code == 503
        assert "out of order" in answer.json()["error"]

    def test_lets_stripe_send_again(
        self,
        stripe: StandIn,
        ada: Shopper,
        mouse: Product,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ):
        ada.puts(mouse, 1)
        ada.buys()
        event = event_about(ada.order)

        def locked(*args: object) -> None:
            raise OperationalError("database is locked")

        monkeypatch.setattr("checkout.events.receive", locked)
        assert deliver(event).status_code == 500
        assert "The database did not store the event; Stripe sends it again." in caplog.text
        monkeypatch.undo()
        assert deliver(event).text == "applied\n"

    def test_is_in_the_log(self, monkeypatch: pytest.MonkeyPatch, log: Log):
        breaks_with(monkeypatch, OperationalError("locked")).get("/")
        line = log.line("storefront.ops.error_pages")
        assert line["message"] == "The database did not answer /."
        assert "locked" in line["exception"]


class TestADatabaseThatTakesNoChanges:
    """As after a failover, or when a provider has closed it for more."""

    @pytest.fixture
    def read_only(self, db: None) -> Iterator[Callable[[], None]]:
        """Close the database to the tests' own transaction, which nothing opens again."""

        def close() -> None:
            connection.check_constraints()  # at the end it would be too late
            is_sqlite = connection.vendor == "sqlite"
            switch = "PRAGMA query_only = on" if is_sqlite else "SET transaction_read_only = on"
            with connection.cursor() as cursor:
                cursor.execute(switch)

        yield close
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA query_only = off")

    def test_is_an_outage_in_words_and_still_shows_its_pages(
        self, ada: Shopper, mouse: Product, read_only: Callable[[], None], log: Log
    ):
        read_only()
        assert ada.get("/").status_code == 200
        answer = ada.buys_by_json({"items": [{"product_id": mouse.pk, "quantity": 1}]})
        assert answer.json() == {"error": WORDS[HTTPStatus.SERVICE_UNAVAILABLE].error}
        answer = ada.puts(mouse, 1)
        assert (answer.status_code, answer["Retry-After"]) == (503, "30")
        assert "The shop is out of order for a moment" in answer.text
        assert "The database did not answer /cart/<int:pk>/." in log.text

    def test_is_not_ready(self, read_only: Callable[[], None]):
        read_only()
        answer = Client().get("/readyz")
        assert (answer.status_code, answer.text) == (503, "the database takes no changes\n")

    def test_lets_stripe_send_again(
        self,
        stripe: StandIn,
        ada: Shopper,
        mouse: Product,
        read_only: Callable[[], None],
        log: Log,
    ):
        ada.puts(mouse, 1)
        ada.buys()
        event = event_about(ada.order)
        read_only()
        assert deliver(event).status_code == 500
        assert "Stripe sends it again" in log.line("checkout.webhooks")["message"]

    def test_keeps_a_merchant_out_in_words(self, read_only: Callable[[], None]):
        User.objects.create_superuser("merchant", password="for this test")
        read_only()
        form = {"username": "merchant", "password": "for this test"}
        client = Client(raise_request_exception=False)
        answer = client.post("/admin/login/", form)
        assert answer.status_code == 503
        assert "The shop is out of order for a moment" in answer.text


@pytest.mark.parametrize(
    ("raised", "because", "is_one"),
    [
        (OperationalError, sqlite3.OperationalError("database or disk is full"), True),
        (OperationalError, sqlite3.OperationalError("database is locked"), True),
        (DatabaseError, sqlite3.DatabaseError("database disk image is malformed"), True),
        (IntegrityError, sqlite3.IntegrityError("UNIQUE constraint failed"), False),
        (OperationalError, psycopg.errors.AdminShutdown(), True),
        (OperationalError, psycopg.errors.DiskFull(), True),
        (InternalError, psycopg.errors.ReadOnlySqlTransaction(), True),
        (ProgrammingError, psycopg.errors.InsufficientPrivilege(), True),
        (ProgrammingError, psycopg.errors.SyntaxError(), False),
        (DataError, psycopg.errors.NumericValueOutOfRange(), False),
    ],
)
def test_an_outage_is_what_the_shop_can_do_nothing_about(
    raised: type[DatabaseError], because: Exception, is_one: bool
):
    error = raised()
    error.__cause__ = because
    assert is_outage(error) is is_one


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[tuple[str, psycopg.Connection[Any]]]:
    """The URL of a new database, and a connection to break it with."""
    if not is_postgresql(os.environ.get("DATABASE_URL", "")):
        pytest.skip("This needs PostgreSQL: python -m tools.postgresql pytest ...")
    with new_database(tmp_path) as url:
        ShopProcess(url).prepare()
        with psycopg.connect(url, autocommit=True) as server:
            yield url, server


def test_it_sells_again_once_it_may_write_again(postgresql: tuple[str, psycopg.Connection[Any]]):
    url, server = postgresql
    name = server.info.dbname
    with ShopProcess(url) as shop:
        ada = HttpShopper(shop.url)
        assert ada.puts(1, 1).status == 303
        server.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
        end_connections(server, name)
        wait_until(lambda: ada.puts(1, 2).status == 503, "It takes changes.")
        assert status_of(shop, "/readyz") == (503, "the database takes no changes\n")
        server.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
        wait_until(lambda: ada.puts(1, 2).status == 303, "It stays read-only.")
        wait_until(lambda: status_of(shop, "/readyz")[0] == 200, "It is not ready.")


def test_a_locked_table_holds_nobody_for_long(postgresql: tuple[str, psycopg.Connection[Any]]):
    url, server = postgresql
    with ShopProcess(url) as shop, server.transaction():
        server.execute("LOCK TABLE storefront_product")
        started = time.monotonic()
        answers = at_once([lambda: status_of(shop, "/")] * 8)
        assert [status for status, _ in answers] == [503] * 8
        assert status_of(shop, "/healthz") == (200, "ok\n")
        assert time.monotonic() - started < 20  # it was the lock's whole time


@pytest.mark.once
def test_a_file_that_is_deleted_is_missed_at_once_and_not_made_anew(tmp_path: Path):
    file = tmp_path / "shop.sqlite3"
    with ShopProcess(f"sqlite:///{file}").prepare() as shop:
        ada = HttpShopper(shop.url)
        assert ada.puts(1, 1).status == 303
        file.rename(tmp_path / "away")
        assert ada.puts(1, 2).status == 503
        assert status_of(shop, "/readyz") == (503, "the database does not answer\n")
        assert not file.exists()
        with pytest.raises(RuntimeError, match=r"is not there: manage\.py migrate makes it"):
            shop.manage("seed_products")
        assert "no issues" in shop.manage("check")
        (tmp_path / "away").rename(file)
        assert ada.puts(1, 2).status == 303


@contextmanager
def shop_with_a_database_to_break(
    folder: Path,
) -> Iterator[tuple[ShopProcess, Callable[[], object], Callable[[], object]]]:
    """Give a running shop, and what takes its database away and brings it back."""
    if is_postgresql(os.environ.get("DATABASE_URL", "")):
        with new_database(folder) as url, ShopProcess(url).prepare() as shop:
            yield (
                shop,
                partial(allow_connections, url, False),
                partial(allow_connections, url, True),
            )
        return
    (folder / "data").mkdir()
    with ShopProcess(f"sqlite:///{folder / 'data' / 'shop.sqlite3'}").prepare() as shop:
        yield (
            shop,
            lambda: (folder / "data").rename(folder / "away"),
            lambda: (folder / "away").rename(folder / "data"),
        )


def allow_connections(url: str, allowed: bool) -> None:
    name = urlsplit(url).path.removeprefix("/")
    with psycopg.connect(SERVER, autocommit=True) as server:
        server.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {allowed}'.encode())
        end_connections(server, name)


def end_connections(server: psycopg.Connection[Any], name: str) -> None:
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    server.execute(f"{end} AND pid <> pg_backend_pid()".encode(), [name])


def when(shop: ShopProcess, *, is_well: bool) -> tuple[int, str]:
    """Ask until the home page is well, or isn't: connections live on for some seconds."""
    deadline = time.monotonic() + 60
    while ((answer := status_of(shop, "/"))[0] == 200) != is_well:
        assert time.monotonic() < deadline, shop.log_tail()
        time.sleep(0.1)
    return answer


def status_of(shop: ShopProcess, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(shop.url + path, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_shop_whose_database_goes_away_says_so_and_goes_on_when_it_is_back(tmp_path: Path):
    with shop_with_a_database_to_break(tmp_path) as (shop, take_away, bring_back):
        assert status_of(shop, "/")[0] == 200
        take_away()
        status, page = when(shop, is_well=False)
        assert status == 503
        assert "The shop is out of order for a moment" in page
        assert status_of(shop, "/admin/login/")[0] in (200, 503)
        # Each thread keeps its own connection to the file for some seconds.
        unready = (503, "the database does not answer\n")
        wait_until(lambda: status_of(shop, "/readyz") == unready, "It is ready without a database.")
        assert status_of(shop, "/healthz") == (200, "ok\n")
        bring_back()
        when(shop, is_well=True)
        assert status_of(shop, "/readyz")[0] == 200
