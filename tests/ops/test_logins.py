"""Whoever tries passwords makes nobody wait, and does not keep the merchant out."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.test import Client
from pytest_django import Settings

from storefront.ops.logins import SECONDS_TO_WAIT
from tools.waiting import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def tries(browser: Client, password: str = "wrong") -> Any:
    form = {"username": "admin", "password": password}
    return browser.post("/admin/login/?next=/admin/", form)


@pytest.fixture(autouse=True)
def within_one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now)


@pytest.fixture
def merchant(admin_user: object) -> Client:
    """A browser in which the merchant has signed in, and out again."""
    browser = Client()
    assert tries(browser, "password").status_code == 302
    browser.post("/admin/logout/")
    return browser


class TestABrowserThatHasSignedInHere:
    @pytest.fixture(autouse=True)
    def three_a_minute(self, merchant: Client, settings: Settings) -> None:
        settings.BUDGETS = {**settings.BUDGETS, "admin:login": (0, 3)}

    def test_gets_in_while_others_try_from_the_same_address(self, merchant: Client):
        assert [tries(Client()).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert tries(Client(), "password").status_code == 429
        assert tries(merchant, "password").status_code == 302

    def test_tries_no_more_than_any_other(self, merchant: Client):
        assert [tries(merchant).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert tries(Client()).status_code == 200

    def test_is_known_by_a_cookie_that_is_signed(self, merchant: Client):
        forger = Client()
        forger.cookies["desk"] = merchant.cookies["desk"].value.replace(":", "0:", 1)
        assert [tries(forger).status_code for _ in range(4)] == [200, 200, 200, 429]
        assert tries(merchant, "password").status_code == 302

    def test_is_none_whose_password_was_wrong(self):
        browser = Client()
        tries(browser)
        assert "desk" not in browser.cookies

    def test_still_has_to_say_the_password(self, merchant: Client):
        assert merchant.get("/admin/")["Location"].startswith("/admin/login/")


class Checks:
    """Checks of passwords that take until they may end."""

    def __init__(self) -> None:
        self.begun = self.running = self.most = 0
        self.may_end = Event()

    def __call__(self, *args: object, **kwargs: object) -> None:
        self.begun, self.running = self.begun + 1, self.running + 1
        self.most = max(self.most, self.running)
        assert self.may_end.wait(30)
        self.running -= 1


class TestPasswordsThatComeAtOnce:
    @pytest.fixture
    def checks(self, merchant: Client, monkeypatch: pytest.MonkeyPatch) -> Checks:
        checks = Checks()
        monkeypatch.setattr(ModelBackend, "authenticate", checks)
        return checks

    @pytest.fixture
    def at_once(self, checks: Checks) -> Iterator[Callable[[Client], Future[Any]]]:
        with ThreadPoolExecutor(8) as threads:
            yield lambda browser: threads.submit(tries, browser)
            checks.may_end.set()

    def test_are_checked_one_by_one_and_hardly_any_waits(
        self, checks: Checks, at_once: Callable[[Client], Future[Any]], merchant: Client
    ):
        answers = [at_once(Client()) for _ in range(6)]
        wait_until(lambda: sum(answer.done() for answer in answers) == 4)
        refused = [answer.result() for answer in answers if answer.done()]
        assert {answer.status_code for answer in refused} == {429}
        assert {answer["Retry-After"] for answer in refused} == {str(SECONDS_TO_WAIT)}
        known = at_once(merchant)
        with pytest.raises(TimeoutError):
            known.result(timeout=2)
        checks.may_end.set()
        assert known.result().status_code == 200
        assert sorted(answer.result().status_code for answer in answers) == [200] * 2 + [429] * 4
        assert (checks.begun, checks.most) == (3, 1)

    def test_leave_the_next_one_its_turn(self, checks: Checks):
        checks.may_end.set()
        assert [tries(Client()).status_code for _ in range(4)] == [200] * 4
