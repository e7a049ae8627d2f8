"""Lets a test go on as soon as another thread waits for a lock that the test holds."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection

from tools.waiting import PATIENCE_SECONDS, wait_until


def held_up(work: Callable[[], object]) -> threading.Thread:
    """Do the work in a thread of its own; returns once it waits for the caller's transaction."""
    begins = threading.Event()

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith("BEGIN"):  # SQLite has one lock, which this waits for
            begins.set()
        return execute(sql, *rest)

    def run() -> None:
        try:
            with connection.execute_wrapper(note):
                work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    if connection.vendor == "sqlite":
        assert begins.wait(PATIENCE_SECONDS)
    else:
        wait_until(_somebody_waits)
    return thread


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None
