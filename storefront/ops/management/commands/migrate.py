"""Django's `migrate`, one at a time: a platform may start two releases at the same moment."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite

# Any number that nobody else takes for an advisory lock in this database.
LOCK = 7_318_349_394_477_056_361
PATIENCE_SECONDS = 600


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with alone(connections[options["database"]]):
            super().handle(*args, **options)


@contextmanager
def alone(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Wait until no other process migrates this database, and keep others waiting.

    The lock has a connection of its own, and ends with it at the latest: so it holds through
    PgBouncer too, and a process that died holds nobody up.
    """
    if connection.vendor == "postgresql":
        other = connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
                yield
                cursor.execute("COMMIT")
        finally:
            other.close()
    elif isinstance(connection, SQLite) and not connection.is_in_memory_db():
        # Not the shop's own file: what migrates it has another connection than the lock.
        file = connection.settings_dict["NAME"]
        lock = sqlite3.connect(f"{file}-migrating", timeout=PATIENCE_SECONDS, autocommit=True)
        try:
            lock.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            lock.close()
    else:
        yield
