"""What all tests share: the database, plain static files, and the browser tests at the end."""

import fcntl
import functools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from math import inf
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hypothesis
import pytest
import stripe as sdk
from django.conf import settings as shop_settings
from django.core import mail
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.db import connections
from django.test import override_settings
from pytest_django import Settings

from checkout.models import Order
from storefront.models import Product, Shop, shop
from tests.cast import Shopper, product
from tests.log_capture import Log, capture_log
from tools.shop_process import PROJECT
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET

CLOSING_LINE = "closing line"
TESTS = Path(__file__).parent
BROWSER_TESTS = TESTS / "browser"
SLOW_TESTS = [TESTS / name for name in ("proof", "races", "scaling", "test_growth_tools.py")]

# A busy machine is slow now and then, which is no failure.
hypothesis.settings.register_profile("shop", deadline=None)
hypothesis.settings.load_profile("shop")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Any:
    """Run all tests above one frame that is wide enough for Python to keep room for the others.

    CPython keeps frames in pieces of 16 KiB, and maps and unmaps one whenever a call crosses the
    end of the last, which a loop at that depth does thousands of times.
    """
    this = sys.modules[__name__]
    others = config.pluginmanager.subset_hook_caller("pytest_cmdline_main", [this])
    return others(config=config)


# In words of 8 bytes: more than half of the megabyte that is mapped for it, whose rest stays free.
WIDE = 70_000
pytest_cmdline_main.__code__ = pytest_cmdline_main.__code__.replace(co_stacksize=WIDE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the browser tests and run them last: Playwright's event loop stays until the end.

    Files that take long come first, of the browsers' those with the most tests: where several
    processes share the files, none is left with a long one when the others are done.
    """
    for item in filter(is_browser_test, items):
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.flaky(reruns=1))
        if not item.get_closest_marker("purchase"):
            item.add_marker(pytest.mark.once)
    tests_in = Counter(item.path for item in items)
    items.sort(key=lambda item: (is_browser_test(item), *haste(item, tests_in[item.path])))


def haste(item: pytest.Item, tests_in_file: int) -> tuple[bool, int]:
    is_slow = is_in(item.path, *SLOW_TESTS)
    return not is_slow, -tests_in_file if is_browser_test(item) else 0


def is_browser_test(item: pytest.Item) -> bool:
    return is_in(item.path, BROWSER_TESTS)


@functools.cache
def is_in(file: Path, *places: Path) -> bool:
    return any(place in (file, *file.parents) for place in places)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the tests' closing lines, and name those that passed only when tried again."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for line in [value for name, value in report.user_properties if name == CLOSING_LINE]:
                terminalreporter.write_line(line)
    first, *others = (
        {report.nodeid for report in terminalreporter.getreports(outcome)}
        for outcome in ("rerun", "failed", "error")
    )
    for name in sorted(first.difference(*others)):
        terminalreporter.write_line(f"flaky: {name}")


@pytest.fixture
def at_the_end(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says a line below all results, also from a test that runs in another process."""
    return partial(record_property, CLOSING_LINE)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keep SQLite's test database in a file, and each process's apart from the others'.

    In memory, all threads of the live server share one connection with the test, and one
    another's transactions. In a file each has its own, locks as in production, and WAL.
    """
    for connection in connections.all():
        if connection.vendor == "sqlite":
            folder = tmp_path_factory.mktemp("database")
            connection.settings_dict["TEST"]["NAME"] = str(folder / "test.sqlite3")


@pytest.fixture(scope="session")
def as_in_production(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Collect the static files, once for all processes; the environment to serve them with.

    As a platform's build does it, which knows no secrets.
    """
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    environment = {
        "DJANGO_SETTINGS_MODULE": "tools.production",
        "STATIC_ROOT": str(folder / "static"),
    }
    with (folder / "static.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not lock.tell():
            subprocess.run(
                [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"],
                cwd=PROJECT,
                env={"PATH": os.environ["PATH"], "READ_DOT_ENV": "false", **environment},
                check=True,
            )
            lock.write("collected")
    return environment


@pytest.fixture(scope="session", autouse=True)
def plain_static_files() -> Iterator[None]:
    """Serve static files from where they are, so that tests need no collectstatic."""
    storage = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    with override_settings(
        STORAGES={**shop_settings.STORAGES, "staticfiles": storage},
        WHITENOISE_AUTOREFRESH=True,
        WHITENOISE_USE_FINDERS=True,
    ):
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Spend no quarter of a second on each merchant's password, as a shop does on purpose."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_retries() -> Iterator[None]:
    """Ask Stripe again at once, where a shop waits for half a second first."""
    with patch.object(sdk.RequestsClient, "_sleep_time_seconds", return_value=0):
        yield


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def shop_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The merchant has not said anything yet, and nobody has to ask for it."""
    monkeypatch.setattr(shop, "FOLLOWS_WITHIN", inf)
    monkeypatch.setattr(shop._last, "known", shop.Known(Shop(), 0))


@pytest.fixture(scope="session")
def running_stand_in() -> Iterator[StandIn]:
    with StandIn(secret=SECRET) as stand_in:
        yield stand_in


@pytest.fixture
def stripe(running_stand_in: StandIn, settings: Settings) -> StandIn:
    """The stand-in for Stripe, with the shop in real mode against it."""
    running_stand_in.serve_who_came()
    running_stand_in.reset()
    settings.STRIPE_PUBLISHABLE_KEY = "pk_test_shop"
    settings.STRIPE_SECRET_KEY = "sk_test_shop"
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    settings.STRIPE_API_BASE = running_stand_in.url
    settings.CHECKOUT_ORIGINS = [running_stand_in.url]
    settings.STRIPE_KEY_PRESENT, settings.STRIPE_DEMO_MODE = True, False
    return running_stand_in


@pytest.fixture
def mails(settings: Settings) -> list[EmailMessage]:
    """What the shop has mailed; with this, it can."""
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    sent: list[EmailMessage] = mail.outbox
    return sent


@pytest.fixture
def log() -> Iterator[Log]:
    with capture_log() as log:
        yield log


@pytest.fixture
def ada(db: None) -> Shopper:
    return Shopper()


@pytest.fixture
def bo(db: None) -> Shopper:
    return Shopper()


@pytest.fixture
def mouse(db: None) -> Product:
    return product("Mouse", 2_999)


@pytest.fixture
def laptop(db: None) -> Product:
    return product("Laptop", 99_999)


@pytest.fixture
def pending_order(stripe: StandIn, ada: Shopper, mouse: Product) -> Order:
    """Ada has pressed Buy for a mouse and is at Stripe's page."""
    ada.puts(mouse, 1)
    ada.buys()
    return ada.order
