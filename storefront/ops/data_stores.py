"""Reads where the shop keeps its data: DATABASE_URL and CACHE_URL."""

import re
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url

from storefront.ops.environment import hide, refusal, secret

# Django takes these out of the options before libpq sees them.
DJANGOS_OPTIONS = frozenset(["assume_role", "isolation_level", "pool", "server_side_binding"])
# What libpq would refuse when it connects, and not before; the shop has to write.
CHOICES = (
    ("sslmode", "prefer", "disable", "allow", "require", "verify-ca", "verify-full"),
    ("channel_binding", "prefer", "disable", "require"),
    ("gssencmode", "prefer", "disable", "require"),
    ("target_session_attrs", "any", "read-write", "primary"),
)
NUMBERS = "connect_timeout keepalives_idle keepalives_interval keepalives_count tcp_user_timeout"


class ExistingFile(sqlite3.Connection):
    """Opens a file that is there; SQLite itself would put an empty one in its place.

    `migrate` and `restore` make the file that they need.
    """

    def __init__(self, database: str, **options: Any) -> None:
        if not database.startswith((":memory:", "file:")):
            file = Path(database).absolute()
            if not file.exists():
                raise sqlite3.OperationalError(f"{file} is not there: manage.py migrate makes it")
            database = f"{file.as_uri()}?mode=rw"
        super().__init__(database, **options)


def database(name: str, folder: Path) -> dict[str, Any]:
    """Return Django's settings for a `sqlite:` or `postgresql:` URL; files are in `folder`."""
    url = secret(name, "sqlite:///db.sqlite3")
    allowed = "postgresql://user:password@host:5432/name or sqlite:///file.sqlite3"
    if not url.startswith(("sqlite:", "postgres:", "postgresql:")):
        raise refusal(name, allowed)
    try:
        parsed: dict[str, Any] = {**dj_database_url.parse(url)}
    except ValueError:
        raise refusal(name, allowed) from None
    hide(str(parsed.get("PASSWORD", "")))
    if url.startswith("sqlite"):
        if not parsed["NAME"] or parsed.get("OPTIONS"):
            raise refusal(name, allowed)
        return parsed | _sqlite(parsed, folder)
    if not _is_database_name(parsed):
        raise refusal(name, allowed)
    if not _has_known_options(parsed.get("OPTIONS", {})):
        raise refusal(name, "after the ?, what libpq knows, such as sslmode=require")
    return parsed | _postgresql(parsed)


def cache(name: str) -> dict[str, Any]:
    """Return Django's settings for a `redis:` URL; without one each process has its own cache."""
    url = secret(name)
    if not url:
        # At some 300 bytes each it stays below 10 MB; when it is full, a third of it goes.
        backend = "django.core.cache.backends.locmem.LocMemCache"
        return {"BACKEND": backend, "OPTIONS": {"MAX_ENTRIES": 30_000}}
    if not _is_redis(url):
        raise refusal(name, "redis://host:6379/0, or rediss:// for an encrypted connection")
    hide(unquote(urlsplit(url).password or ""))
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": [url],
        "KEY_PREFIX": "storefront",
        # No shopper waits longer for the cache than for the page without it.
        "OPTIONS": {"socket_connect_timeout": 0.3, "socket_timeout": 0.3},
    }


def _is_database_name(parsed: dict[str, Any]) -> bool:
    """Whether the host and the name aren't what follows a / or an @ in a password."""
    name, host = parsed["NAME"], parsed["HOST"]
    return bool(name) and not re.search(r'[/@"]', name) and not re.search(r'[\s@"]', host)


def _has_known_options(options: dict[str, Any]) -> bool:
    """Ask libpq, which connects to nothing for that; Django has options of its own."""
    import psycopg
    from psycopg.conninfo import make_conninfo

    try:
        make_conninfo(**{name: options[name] for name in options.keys() - DJANGOS_OPTIONS})
    except psycopg.Error:
        return False
    return (
        not any(isinstance(value, list) for value in options.values())  # said twice
        and all(isinstance(options.get(name, 0), int) for name in NUMBERS.split())
        and all(str(options.get(name, first)) in (first, *more) for name, first, *more in CHOICES)
    )


def _is_redis(url: str) -> bool:
    """Ask the client, which connects later: it knows the options that may follow a `?`."""
    import redis

    try:
        host, path = urlsplit(url).hostname, urlsplit(url).path.strip("/")
        redis.ConnectionPool.from_url(url).make_connection()
    except (ValueError, TypeError, redis.RedisError):
        return False
    return bool(host) and (not path or path.isdecimal())


def _sqlite(parsed: dict[str, Any], folder: Path) -> dict[str, Any]:
    name = parsed["NAME"]
    return {
        "NAME": name if name == ":memory:" else str(folder / name),
        # Opening the file takes longer than most queries, so each thread keeps it open. Not for
        # long: a merchant who puts another file in its place wants the shop to use that one.
        "CONN_MAX_AGE": 5,
        # IMMEDIATE: a transaction waits for the write lock at its start. With SQLite's default,
        # one that reads first and then writes fails at once under load.
        # FULL: with WAL's usual NORMAL a power cut may lose an event that Stripe was told is
        # stored, and Stripe never sends it again.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 5,
            "factory": ExistingFile,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        },
    }


def _postgresql(parsed: dict[str, Any]) -> dict[str, Any]:
    # Health checks: without them each pooled connection fails one request after a restart.
    pool = {"min_size": 1, "max_size": 8, "timeout": 5}
    # A server that is gone without a word is noticed within seconds, and not within minutes.
    patience = {
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
    return {
        "CONN_HEALTH_CHECKS": True,
        # PgBouncer lends a connection for one transaction, and a server-side cursor is lost with
        # it. Nothing here reads so much that it needs one.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"pool": pool, **patience, **parsed.get("OPTIONS", {})},
    }
