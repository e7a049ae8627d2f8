"""migrate: releases that begin at the same moment run it one after the other."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from storefront.ops.management.commands import migrate
from tools.shop_process import ShopProcess, new_database

AT_ONCE = 2
OURS = ("migrate", "--no-input")
CONTROL = "import django.core.management.commands.migrate as m; call_command(m.Command())"
WITHOUT_LOCK = (
    "shell",
    "--no-imports",
    "--command",
    f"from django.core.management import call_command; {CONTROL}",
)


def failures_of(command: tuple[str, ...], folder: Path) -> list[str]:
    """Run the command in two processes at once on an empty database.

    One of them migrates. Return what the other says, unless it finds nothing to do.
    """
    with new_database(folder) as url, ThreadPoolExecutor(AT_ONCE) as pool:
        shop = ShopProcess(url)
        releases = [pool.submit(shop.manage, *command) for _ in range(AT_ONCE)]
        said = [str(release.exception() or release.result()) for release in releases]
        return [words for words in said if "No migrations to apply" not in words][1:]


def test_releases_that_begin_at_once_all_succeed(tmp_path: Path):
    assert failures_of(OURS, tmp_path) == []


def test_without_the_lock_one_of_them_fails(tmp_path: Path):
    assert any(failures_of(WITHOUT_LOCK, tmp_path) for _ in range(5))


def test_a_release_that_failed_blocks_no_other_and_leaves_nothing_behind(tmp_path: Path):
    with new_database(tmp_path) as url, ExitStack() as end:
        end.push(shop := ShopProcess(url))
        with pytest.raises(RuntimeError, match="no_such_app"):
            shop.calls(*OURS, "no_such_app")
        assert "Applying contenttypes" in shop.calls(*OURS, "contenttypes")
    assert [file for file in tmp_path.iterdir() if file.suffix != ".sqlite3"] == []


def test_a_release_that_waits_too_long_says_for_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(migrate, "PATIENCE_SECONDS", 0)
    again = migrate.folder_lock(tmp_path)
    with migrate.folder_lock(tmp_path), pytest.raises(CommandError, match="has locked"), again:
        pass
