"""Saves the whole database while the shop is open, and restores it."""

import os
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connection

SQLITE_HEADER = b"SQLite format 3\0"
POSTGRESQL_HEADER = b"PGDMP"


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
    try:
        unfinished.touch(mode=0o600)  # it has shoppers' e-mail addresses in it
        if connection.vendor == "sqlite":
            _copy(str(connection.settings_dict["NAME"]), str(unfinished))
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


def _run(*command: str) -> None:
    environment = os.environ | _postgresql()
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
