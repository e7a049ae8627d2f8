"""Real browsers, and shops in processes of their own: one in demo mode, one before Stripe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserType, expect
from pytest_playwright.pytest_playwright import CreateContextCallback

from tests.browser.console import Console
from tests.browser.merchant import Merchant
from tests.browser.shopper import Shopper
from tools import chromium
from tools.shop_process import ShopProcess, new_database
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET

NewShopper = Callable[..., Shopper]

TRACED = "retain-on-failure"

# A busy machine is slow now and then; what is expected is seen as soon as it is there.
expect.set_options(timeout=15_000)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Trace what is tried again: to trace everything takes a third of the browsers' time."""
    is_second = getattr(item, "execution_count", 1) > 1
    if item.config.option.tracing in ("off", TRACED):
        item.config.option.tracing = TRACED if is_second else "off"


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any]
) -> dict[str, Any]:
    if browser_type.name != "chromium":
        return browser_type_launch_args
    executable = next(chromium.candidates(browser_type), None)
    return {**browser_type_launch_args, **chromium.launch_options(executable)}


@pytest.fixture(scope="session")
def base_url() -> str:
    """Nothing: there are two shops, and each shopper knows which is meant."""
    return ""


# The shops


@pytest.fixture(scope="session")
def demo_shop(
    tmp_path_factory: pytest.TempPathFactory, as_in_production: dict[str, str]
) -> Iterator[ShopProcess]:
    with running_shop(tmp_path_factory.mktemp("demo"), as_in_production) as shop:
        yield shop


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    with StandIn(secret=SECRET) as stand_in:
        yield stand_in


@pytest.fixture(scope="session")
def real_shop(
    tmp_path_factory: pytest.TempPathFactory,
    as_in_production: dict[str, str],
    stand_in: StandIn,
) -> Iterator[ShopProcess]:
    environment = {
        "STRIPE_PUBLISHABLE_KEY": "pk_test_shop",
        "STRIPE_SECRET_KEY": "sk_test_shop",
        "STRIPE_WEBHOOK_SECRET": SECRET,
        # Another site than the shop's 127.0.0.1, as Stripe is: it decides about cookies.
        "STRIPE_API_BASE": f"http://localhost:{stand_in.port}",
    }
    folder = tmp_path_factory.mktemp("real")
    with running_shop(folder, {**as_in_production, **environment}) as shop:
        stand_in.webhook_url = shop.webhook_url
        yield shop


@contextmanager
def running_shop(folder: Path, environment: dict[str, Any]) -> Iterator[ShopProcess]:
    with new_database(folder) as database_url:
        shop = ShopProcess(database_url, log=folder / "log", **environment)
        with shop.prepare():
            yield shop


@pytest.fixture
def shop(real_shop: ShopProcess) -> ShopProcess:
    """The shop of the test; the demo's tests say so."""
    return real_shop


@pytest.fixture
def stripe(stand_in: StandIn, real_shop: ShopProcess) -> Iterator[StandIn]:
    """Stripe, played for the real shop, with nothing in its books."""
    stand_in.reset()
    yield stand_in
    stand_in.reset()


@pytest.fixture
def merchant(shop: ShopProcess) -> Iterator[Merchant]:
    merchant = Merchant(shop)
    yield merchant
    merchant.clears_the_shelf()


# The shoppers


@pytest.fixture(autouse=True)
def console() -> Console:
    """What the browsers of this test report; no message is allowed that isn't expected."""
    return Console()


@pytest.fixture
def new_shopper(
    shop: ShopProcess, new_context: CreateContextCallback, console: Console
) -> Iterator[NewShopper]:
    def _new_shopper(**options: Any) -> Shopper:
        # Not where motion is asked for: to show it triples what the next page takes.
        context = new_context(**{"reduced_motion": "reduce", **options})
        console.listen(context)
        return Shopper(shop, context)

    yield _new_shopper
    console.check()


@pytest.fixture
def ada(new_shopper: NewShopper) -> Shopper:
    return new_shopper()
