"""A real browser and a real server for the tests in this folder."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserType, Playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests import chromium


@pytest.fixture(scope="session")
def browser_type_launch_args(
    browser_type: BrowserType, browser_type_launch_args: dict[str, Any]
) -> dict[str, Any]:
    if browser_type.name != "chromium":
        return browser_type_launch_args
    executable = next(chromium.candidates(browser_type), None)
    return {**browser_type_launch_args, **chromium.launch_options(executable)}


@pytest.fixture(scope="session")
def playwright(django_db_setup: None, playwright: Playwright) -> Iterator[Playwright]:
    """Let Django's ORM work beside Playwright's event loop, for as long as that loop exists.

    The database is made before it and removed after it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield playwright


@pytest.fixture(scope="session")
def base_url(live_server: LiveServer) -> str:
    return live_server.url


@pytest.fixture(autouse=True)
def site_url(settings: Settings, live_server: LiveServer) -> None:
    """Send shoppers back to the live server, not to the address of the other tests."""
    settings.SITE_URL = live_server.url
