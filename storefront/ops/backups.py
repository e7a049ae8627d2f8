"""Saves the whole database while the shop is open, and restores it."""

import os
import re
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection

SQLITE_HEADER = b"SQLite format 3\0"
POSTGRESQL_HEADER = b"PGDMP"
# pg_dump writes the time of a backup into the file. SQLite leaves room for a number there, too
# small for seconds since 1970 from the year 2038 on.
SECONDS_SINCE = datetime(2000, 1, 1, tzinfo=UTC)
PG_DUMP_BEGAN = re.compile(r"^; Archive created at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC$", re.M)


class BackupFailed(Exception):
    """Nothing was saved or restored; the text says why, and what to do."""


def suffix() -> str:
    return ".sqlite3" if connection.vendor == "sqlite" else ".dump"


def save(file: Path) -> None:
    """Copy the database, as it is at one moment, into a new file.

    Raises BackupFailed; then there is no such file.
    """
    if file.exists():
        raise BackupFailed(f"{file} is there already. Choose another name, or remove it first.")
    unfinished = file.with_name(f"{file.name}.unfinished")
    now = datetime.now(UTC)
    try:
        unfinished.touch(mode=0o600)  # it has shoppers' e-mail addresses in it
        if connection.vendor == "sqlite":
            _copy(str(connection.settings_dict["NAME"]), str(unfinished))
            _write_moment(unfinished, now)
        else:
            _run("pg_dump", "--format=custom", "--no-owner", f"--file={unfinished}")
        # So a file of this name is always complete.
        unfinished.replace(file)
    except OSError as error:
        raise BackupFailed(f"{file} can't be written: {error.strerror}.") from None
    finally:
        unfinished.unlink(missing_ok=True)


def restore(file: Path) -> None:
    """Replace everything in the database by what the file holds.

    Raises BackupFailed; the database is then as it was.
    """
    try:
        with file.open("rb") as copy:
            header = copy.read(len(SQLITE_HEADER))
    except OSError as error:
        raise BackupFailed(f"{file} can't be read: {error.strerror}.") from None
    is_sqlite = connection.vendor == "sqlite"
    if not header.startswith(SQLITE_HEADER if is_sqlite else POSTGRESQL_HEADER):
        raise BackupFailed(f"{file} is not a backup of a {connection.vendor} database.")
    connection.close()
    if is_sqlite:
        _check(file)
        _copy(str(file), str(connection.settings_dict["NAME"]))
    else:
        options = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
        _run("pg_restore", *options, f"--dbname={_postgresql()['PGDATABASE']}", str(file))


def moment_of(file: Path) -> datetime | None:
    """Return when a backup was begun; None if the file doesn't say it."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy:
            [[seconds]] = copy.execute("PRAGMA user_version").fetchall()
        return SECONDS_SINCE + timedelta(seconds=seconds) if seconds > 0 else None
    found = PG_DUMP_BEGAN.search(_run("pg_restore", "--list", str(file)))
    return datetime.fromisoformat(f"{found[1]}+00:00") if found else None


def _write_moment(file: Path, now: datetime) -> None:
    seconds = int((now - SECONDS_SINCE).total_seconds())
    with closing(sqlite3.connect(file)) as copy:
        copy.execute(f"PRAGMA user_version = {seconds}")


def _copy(source: str, target: str) -> None:
    """Let SQLite copy: a transaction that runs meanwhile is in the copy whole, or not at all."""
    try:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
    except sqlite3.Error as error:
        raise BackupFailed(f"SQLite could not copy {source} to {target}: {error}.") from None


def _check(file: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy:
            [[result]] = copy.execute("PRAGMA integrity_check(1)").fetchall()
    except sqlite3.Error as error:
        result = str(error)
    if result != "ok":
        raise BackupFailed(f"{file} is damaged: {result}. Use another backup.")


def _run(*command: str) -> str:
    environment = os.environ | _postgresql() | {"TZ": "UTC", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 (no shell, and a command of ours)
            command, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise BackupFailed(
            f"{command[0]} is not installed. Install PostgreSQL's client programs "
            "(on Debian: apt-get install postgresql-client), not older than the server."
        ) from None
    if done.returncode:
        raise BackupFailed(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout


def _postgresql() -> dict[str, str]:
    """Return the connection for libpq's environment: any user can read a command line."""
    names: Sequence[tuple[str, Any]] = (
        ("PGHOST", connection.settings_dict["HOST"]),
        ("PGPORT", connection.settings_dict["PORT"]),
        ("PGUSER", connection.settings_dict["USER"]),
        ("PGPASSWORD", connection.settings_dict["PASSWORD"]),
        ("PGDATABASE", connection.settings_dict["NAME"]),
        ("PGSSLMODE", connection.settings_dict["OPTIONS"].get("sslmode")),
    )
    return {name: str(value) for name, value in names if value}
