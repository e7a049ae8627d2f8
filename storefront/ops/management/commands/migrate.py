"""Django's `migrate`, one at a time: a platform may start two releases at the same moment."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite
from django.db.backends.utils import CursorWrapper

# Any number that nothing else uses for an advisory lock in this database.
LOCK = 7_318_349_394_477_056_361
PATIENCE_SECONDS = 600


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        make_file(connections[options["database"]])  # Django's checks ask the database already
        return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        with migration_lock(connections[options["database"]]):
            super().handle(*args, **options)


def make_file(connection: BaseDatabaseWrapper) -> None:
    """Make an empty SQLite file if there is none: nothing but this may begin with one."""
    if isinstance(connection, SQLite) and not connection.is_in_memory_db():
        Path(connection.settings_dict["NAME"]).touch()


def migration_lock(connection: BaseDatabaseWrapper) -> AbstractContextManager[None]:
    """Wait until no other process migrates this database, and keep others waiting.

    A lock ends with its process at the latest, so one that died blocks no other.
    """
    if connection.vendor == "postgresql":
        return _advisory_lock(connection)
    if isinstance(connection, SQLite) and not connection.is_in_memory_db():
        return folder_lock(Path(connection.settings_dict["NAME"]).resolve().parent)
    return nullcontext()


@contextmanager
def _advisory_lock(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Lock within a transaction of a connection of its own: that holds through PgBouncer too.

    It is asked for again and again: a query that waits would keep an index from being built
    concurrently, and so the one that it waits for from its end.
    """
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            while not _has_advisory_lock(cursor):
                time.sleep(0.1)
            yield
            cursor.execute("COMMIT")
    finally:
        other.close()


def _has_advisory_lock(cursor: CursorWrapper) -> bool:
    cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
    return bool(cursor.fetchone()[0])


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lock the folder of an SQLite file: that leaves no file behind and needs no right to write.

    The file itself won't do: closing it here would end the locks that SQLite has on it.
    """
    if sys.platform == "win32":  # for developing alone, and it locks no folders
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _is_locked_by(handle):
            if time.monotonic() > deadline:
                raise CommandError(f"Another process has locked {folder}, and doesn't end.")
            time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def _is_locked_by(handle: int) -> bool:
    import fcntl  # which Windows doesn't have

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
