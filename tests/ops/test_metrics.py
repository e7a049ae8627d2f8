"""/metrics: what all workers have answered, for a client that has the token."""

import os
import select
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from storefront.models import Product
from tests.log_capture import figure
from tools.shop_process import ShopProcess, new_database
from tools.stage import real_mode_with
from tools.waiting import PATIENCE_SECONDS, wait_until

TOKEN = "a-token-of-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape() -> str:
    return Client().get("/metrics", headers=BEARER).text


def requests(method: str, route: str, status: str) -> float:
    return figure(scrape(), "shop_requests_total", method=method, route=route, status=status)


@pytest.mark.django_db
class TestTheToken:
    def test_opens_it(self, token: None):
        answer = Client().get("/metrics", headers=BEARER)
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "no-store" in answer["Cache-Control"]

    @pytest.mark.parametrize(
        "given", ["", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ", "Bearer é"]
    )
    def test_is_asked_for_if_it_is_missing_or_wrong(self, token: None, given: str):
        answer = Client().get("/metrics", headers={"Authorization": given})
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
        assert "shop_" not in answer.text

    @pytest.mark.parametrize("given", [{}, BEARER, {"Authorization": "Bearer "}])
    def test_that_is_not_set_leaves_nothing_there(self, given: dict[str, str]):
        assert Client().get("/metrics", headers=given).status_code == 404

    def test_is_enough_by_any_name_of_the_host_and_without_https(
        self, token: None, settings: Settings
    ):
        settings.SECURE_SSL_REDIRECT = True
        headers = BEARER | {"Host": "10.0.0.7:8000"}
        assert Client().get("/metrics", headers=headers).status_code == 200

    def test_changes_nothing_by_a_form(self, token: None):
        assert Client().post("/metrics", headers=BEARER).status_code == 405


@pytest.mark.django_db
@pytest.mark.usefixtures("token")
class TestRequests:
    @pytest.mark.parametrize(
        ("method", "path", "counted"),
        [
            ("GET", "/products/mouse/", ("GET", "/products/<slug:slug>/", "200")),
            ("GET", "/products/none/", ("GET", "/products/<slug:slug>/", "404")),
            ("GET", "/healthz", ("GET", "/healthz", "200")),
            ("GET", "/no/such/page", ("GET", "unmatched", "404")),
            ("POST", "/", ("POST", "/", "405")),
            ("BREW", "/", ("other", "/", "405")),
        ],
    )
    def test_are_counted_by_method_route_and_status(
        self, mouse: Product, method: str, path: str, counted: tuple[str, str, str]
    ):
        before = requests(*counted)
        for _ in range(3):
            Client().generic(method, path)
        assert requests(*counted) == before + 3

    def test_are_timed_by_route(self, mouse: Product):
        count, total = ("shop_request_duration_seconds_" + end for end in ("count", "sum"))
        before = [figure(scrape(), name, route="/") for name in (count, total)]
        Client().get("/")
        after = [figure(scrape(), name, route="/") for name in (count, total)]
        assert after[0] == before[0] + 1
        assert before[1] < after[1] < before[1] + 30

    def test_are_timed_in_steps_from_5_ms_to_10_s(self, mouse: Product):
        Client().get("/")
        name = "shop_request_duration_seconds_bucket"
        steps = [figure(scrape(), name, route="/", le=step) for step in ("0.005", "10.0", "+Inf")]
        assert steps == sorted(steps)
        assert steps[-1] > 0


@pytest.fixture(scope="class")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopProcess]:
    with new_database(tmp_path_factory.mktemp("metrics")) as url:
        # Only a webhook that has its secret reads what is sent.
        real_mode = real_mode_with("http://127.0.0.1:9")
        shop = ShopProcess(url, workers=2, METRICS_TOKEN=TOKEN, **real_mode)
        with shop.prepare():
            yield shop


@pytest.mark.once
class TestTwoWorkers:
    def test_count_together_since_the_server_began_and_go_on_when_one_is_replaced(
        self, shop: ShopProcess
    ):
        visits_until_both_count(shop)
        folder = folder_of(shop)
        shop.stop()
        assert not folder.exists()
        shop.start()
        before = visits_until_both_count(shop)
        assert visits_reported(shop) == {before}
        files = sorted(folder_of(shop).iterdir())
        assert len(files) == 6
        os.kill(workers_of(shop)[0], signal.SIGKILL)
        after = visits_until_both_count(shop)
        assert visits_reported(shop) == {before + after}
        assert sorted(folder_of(shop).iterdir()) == files

    def test_leave_nothing_for_good_when_all_are_killed(self, shop: ShopProcess):
        visits_until_both_count(shop)
        left = folder_of(shop)
        with ShopProcess(shop.environment["DATABASE_URL"]):
            assert left.exists()
        workers = [os.pidfd_open(pid) for pid in workers_of(shop)]
        shop.kill()
        for worker in workers:
            assert select.select([worker], [], [], PATIENCE_SECONDS)[0]
            os.close(worker)
        shop.start()
        wait_until(lambda: not left.exists())  # a server of another test may be at it

    def test_forget_what_one_was_doing_when_it_was_killed(self, shop: ShopProcess):
        head = f"POST /stripe/webhook/ HTTP/1.1\r\nHost: 127.0.0.1:{shop.port}\r\n"
        with socket.create_connection(("127.0.0.1", shop.port)) as connection:
            connection.sendall(f"{head}Content-Length: 9\r\n\r\n".encode())
            wait_until(lambda: figure(scraped(shop), "shop_busy_threads") == 2)
            for pid in workers_of(shop):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: shop.is_ready() and len(workers_of(shop)) == 2)
        visits_until_both_count(shop)
        assert figure(scraped(shop), "shop_busy_threads") == 1


def visits_until_both_count(shop: ShopProcess) -> int:
    """Visit, each time over a connection of its own, until each worker has taken one."""
    for visits in range(1, 3_000):
        urllib.request.urlopen(f"{shop.url}/robots.txt", timeout=30).close()
        # The gauge's is there first: a request has begun.
        if [len(files_of(pid)) for pid in workers_of(shop)] == [3, 3]:
            return visits
        time.sleep(0.01)
    raise AssertionError("One of the workers counts nothing.")


def visits_reported(shop: ShopProcess) -> set[float]:
    """How many visits one worker or the other says there were."""
    return {
        figure(scraped(shop), "shop_requests_total", route="/robots.txt", status="200")
        for _ in range(20)
    }


def scraped(shop: ShopProcess) -> str:
    request = urllib.request.Request(f"{shop.url}/metrics", headers=BEARER)
    with urllib.request.urlopen(request, timeout=30) as answer:
        text: str = answer.read().decode()
    return text


def workers_of(shop: ShopProcess) -> list[int]:
    children = Path(f"/proc/{shop.group}/task/{shop.group}/children")
    if not children.exists():
        pytest.skip("This system does not list the children of a process.")
    return [int(pid) for pid in children.read_text().split()]


def folder_of(shop: ShopProcess) -> Path:
    """Where the workers count: the folder of the files that they have open."""
    [folder] = {file.parent for pid in workers_of(shop) for file in files_of(pid)}
    return folder


def files_of(pid: int) -> set[Path]:
    """Which files a worker counts in; none if it has just died."""
    try:
        paths = Path(f"/proc/{pid}/maps").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return {Path(path) for path in paths if "storefront-metrics-" in path}
