"""migrate: releases that begin at the same moment run it one after the other."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from storefront.ops.management.commands import migrate
from tools.shop_process import ShopProcess, new_database

AT_ONCE = 3
OURS = ("migrate", "--no-input")
CONTROL = "import django.core.management.commands.migrate as m; call_command(m.Command())"
WITHOUT_LOCK = (
    "shell",
    "--no-imports",
    "--command",
    f"from django.core.management import call_command; {CONTROL}",
)


def failures_of(command: tuple[str, ...], folder: Path) -> list[str]:
    """Run the command in several processes at once on an empty database; return how they failed."""
    with new_database(folder) as url, ThreadPoolExecutor(AT_ONCE) as pool:
        shop = ShopProcess(url)
        releases = [pool.submit(shop.manage, *command) for _ in range(AT_ONCE)]
        errors = [str(error) for release in releases if (error := release.exception())]
        if not errors:
            assert "No migrations to apply" in shop.manage("migrate", "--no-input")
        return errors


def test_releases_that_begin_at_once_all_succeed(tmp_path: Path):
    assert failures_of(OURS, tmp_path) == []


def test_without_the_lock_one_of_them_fails(tmp_path: Path):
    assert any(failures_of(WITHOUT_LOCK, tmp_path) for _ in range(5))


def test_a_release_that_failed_blocks_no_other(tmp_path: Path):
    with new_database(tmp_path) as url:
        shop = ShopProcess(url)
        with pytest.raises(RuntimeError, match="no_such_app"):
            shop.manage(*OURS, "no_such_app")
        assert "Applying contenttypes" in shop.manage(*OURS, "contenttypes")


def test_a_release_that_waits_too_long_says_for_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(migrate, "PATIENCE_SECONDS", 0)
    again = migrate.folder_lock(tmp_path)
    with migrate.folder_lock(tmp_path), pytest.raises(CommandError, match="has locked"), again:
        pass


@pytest.mark.once
def test_a_release_leaves_nothing_beside_the_database(tmp_path: Path):
    with new_database(tmp_path) as url:
        ShopProcess(url).manage(*OURS, "contenttypes")
    assert [file for file in tmp_path.iterdir() if file.suffix != ".sqlite3"] == []
