"""Connections to the database: how long one is waited for, and when one is given up."""

import os
from typing import Any
from weakref import WeakSet

from django.core.checks import CheckMessage, Warning, register
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

# The role may not write any more: providers take that right away when a plan's limit is reached.
NO_RIGHT_TO_WRITE = "42501"

# Long for the shop's queries, and short for the shoppers who wait while all threads do.
LIMITS = {"statement_timeout": "10s", "lock_timeout": "3s"}
# What the role says itself stays. Through PgBouncer a setting would reach other clients, and the
# number of the process that serves is not the one that was told on connecting.
SET_LIMITS = """
    SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS ours (name, value)
    WHERE current_setting(name) = '0' AND pg_backend_pid() = %s
"""
limited: WeakSet[Any] = WeakSet()


def is_outage(error: BaseException | None) -> bool:
    """Whether the database does not answer or refuses to write, which is no fault of the shop's.

    After a failover PostgreSQL is read-only, a disk may be full or broken, a lock held for long.
    """
    if isinstance(error, OperationalError | InterfaceError | InternalError):
        return True
    # For a damaged file SQLite has no class of its own.
    is_damaged = type(error) is DatabaseError
    return is_damaged or getattr(error and error.__cause__, "sqlstate", "") == NO_RIGHT_TO_WRITE


def give_up() -> None:
    """Close the connection for good: a pool would lend it again, to a server that has no say."""
    if connection.in_atomic_block:
        return
    if connection.connection is not None:
        connection.connection.close()
    connection.close()


def limit_waiting(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Let no query hold a server's thread for long, once for each connection to PostgreSQL."""
    session = connection.connection
    if connection.vendor != "postgresql" or session in limited:
        return
    with connection.wrap_database_errors:
        parameters = [[*LIMITS], [*LIMITS.values()], session.info.backend_pid]
        session.execute(SET_LIMITS, parameters).close()
    limited.add(session)


@register(deploy=True)
def waiting(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """Warn where the shop can't limit by itself how long a lock is waited for."""
    if connection.vendor != "postgresql":
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid(), current_setting('lock_timeout'), current_user")
            process, limit, role = cursor.fetchone()
            is_pooled = process != cursor.connection.info.backend_pid
    except DatabaseError:  # it may be out of reach where the shop is built
        return []
    if limit != "0" or not is_pooled:
        return []
    return [
        Warning(
            "The database is behind a pool, and a lock there would be waited for without end.",
            hint=f"Let the role say it: ALTER ROLE {role} SET lock_timeout = '3s';",
            id="storefront.W003",
        )
    ]


def remember_file(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    if connection.vendor == "sqlite":
        connection.file_id = _id_of(connection)  # type: ignore[attr-defined]


def close_lost_file(**kwargs: Any) -> None:
    """Close a file that was deleted or replaced: what is written there is gone."""
    is_open = connection.vendor == "sqlite" and connection.connection is not None
    if not is_open or connection.in_atomic_block:
        return
    if getattr(connection, "file_id", None) != _id_of(connection):
        connection.close()


def _id_of(connection: BaseDatabaseWrapper) -> tuple[int, int] | None:
    try:
        found = os.stat(connection.settings_dict["NAME"])
    except OSError:
        return None
    return found.st_dev, found.st_ino
