"""How the shop's processes end."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tools.shop_process import ShopProcess, new_database

pytestmark = pytest.mark.once

# Threads of the pool that were not ended hold a process up for twenty.
AT_ONCE_SECONDS = 15


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopProcess]:
    with new_database(tmp_path) as database_url:
        shop = ShopProcess(database_url, log=tmp_path / "log").prepare()
        with ExitStack() as end:
            end.push(shop)
            yield shop


class TestTheEndOfAProcess:
    def test_an_idle_shop_stops_at_once(self, shop: ShopProcess):
        """A PaaS kills after 30 s what it asked to stop, whether or not it still has work."""
        shop.start()
        began = time.monotonic()
        shop.stop()
        assert time.monotonic() - began < AT_ONCE_SECONDS

    def test_a_text_that_fails_in_its_shell_is_named(self, shop: ShopProcess):
        shop.runs("from storefront.models import Product; Product.objects.create(price_cents=1)")
        with pytest.raises(RuntimeError, match="failed at:\nno_such_name"):
            shop.runs("no_such_name")

    def test_a_command_ends_when_its_work_is_done(self, shop: ShopProcess):
        began = time.monotonic()
        shop.manage("shell", "--command", "Product.objects.count()")
        assert time.monotonic() - began < AT_ONCE_SECONDS
