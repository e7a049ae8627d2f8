"""Backups: saved from a shop that is open, and restored whole or not at all."""

import os
import re
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tools.shop_process import ShopProcess, new_database

SEEDED = [99_999, 2_999, 7_999]


LOOKS = """
from django.test import Client
browser = Client(SERVER_NAME="127.0.0.1")
for width in (480, 960, 1_600):
    assert browser.get(f"/pictures/{digest}-{{width}}.webp").getvalue()[8:12] == b"WEBP"
assert "{digest}" in browser.get("/").text
"""


@contextmanager
def empty_shop(folder: Path) -> Iterator[ShopProcess]:
    """Give a shop that is not running, and has no tables."""
    with new_database(folder) as url, ExitStack() as end:
        shop = ShopProcess(url)
        end.push(shop)
        yield shop


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("backups")


@pytest.fixture(scope="module")
def shop(folder: Path) -> Iterator[ShopProcess]:
    with empty_shop(folder) as shop:
        yield shop.prepare()


@pytest.fixture(scope="module")
def backup(shop: ShopProcess, folder: Path) -> Path:
    file = folder / "backup"
    assert f"Saved {file}" in shop.calls("backup", str(file))
    return file


def has_prices(shop: ShopProcess, prices: list[int]) -> None:
    shop.runs(
        "from storefront.models import Product;"
        "found = Product.objects.values_list('price_cents', flat=True);"
        f"assert [*found] == {prices}, found"
    )


def set_prices(shop: ShopProcess, cents: int) -> None:
    shop.runs(f"from storefront.models import Product;Product.objects.update(price_cents={cents})")


def test_what_was_saved_comes_back(shop: ShopProcess, backup: Path):
    set_prices(shop, 1)
    has_prices(shop, [1, 1, 1])
    before = datetime.fromtimestamp(backup.stat().st_mtime - 60, tz=UTC)
    printed = shop.calls("restore", "--replace", str(backup))
    assert "python manage.py migrate\n" in printed
    [moment] = re.findall(r"python manage.py reconcile_orders --since (\S+)\n", printed)
    assert before < datetime.fromisoformat(moment) <= before + timedelta(seconds=61)
    has_prices(shop, SEEDED)


def test_it_comes_back_into_an_empty_database_with_its_pictures(shop: ShopProcess, tmp_path: Path):
    digest, file = shop.adds_picture("red"), tmp_path / "with-a-picture"
    shop.calls("backup", str(file))
    with empty_shop(tmp_path) as empty:
        empty.calls("restore", str(file))
        has_prices(empty, SEEDED)
        empty.runs(LOOKS.format(digest=digest))
        assert "No migrations to apply" in empty.calls("migrate", "--no-input")


def test_a_shop_that_has_something_is_not_overwritten_by_mistake(shop: ShopProcess, backup: Path):
    with pytest.raises(RuntimeError, match=r"not empty.*add --replace"):
        shop.calls("restore", str(backup))


def test_one_of_an_earlier_release_comes_back_and_does_not_say_when_it_was_saved(
    shop: ShopProcess, backup: Path, tmp_path: Path
):
    file = tmp_path / "earlier"
    shutil.copy(backup, file)
    if not file.read_bytes().startswith(b"SQLite"):
        pytest.skip("pg_dump has always written it down.")
    with closing(sqlite3.connect(file)) as copy:
        copy.execute("PRAGMA user_version = 0")
        copy.execute("DROP TABLE checkout_message")
    printed = shop.calls("restore", "--replace", str(file))
    assert "saved at a moment unknown" in printed
    assert "reconcile_orders --since MOMENT\n" in printed


@pytest.mark.parametrize("content", [b"", b"something else", b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_backup_changes_nothing(shop: ShopProcess, tmp_path: Path, content: bytes):
    file = tmp_path / "no-backup"
    file.write_bytes(content)
    with pytest.raises(RuntimeError, match=r"is not a backup|is damaged"):
        shop.calls("restore", "--replace", str(file))
    has_prices(shop, SEEDED)


def test_a_damaged_backup_changes_nothing(shop: ShopProcess, backup: Path, tmp_path: Path):
    file = tmp_path / "damaged"
    content = backup.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(RuntimeError, match=r"is damaged|pg_restore failed"):
        shop.calls("restore", "--replace", str(file))
    has_prices(shop, SEEDED)


def test_a_backup_is_never_overwritten(shop: ShopProcess, backup: Path):
    before = backup.read_bytes()
    with pytest.raises(RuntimeError, match="is there already"):
        shop.calls("backup", str(backup))
    assert backup.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(shop: ShopProcess, tmp_path: Path):
    with pytest.raises(RuntimeError, match="can't be written: No such file"):
        shop.calls("backup", str(tmp_path / "nowhere" / "backup"))


def test_a_backup_is_for_its_owner_alone(backup: Path):
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_nothing_unfinished_is_left(backup: Path):
    assert [name for name in os.listdir(backup.parent) if "unfinished" in name] == []
