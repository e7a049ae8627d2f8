"""Reads the environment: a value that can't be read stops the start, and says what is allowed."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url
from babel.numbers import list_currencies
from django.core.exceptions import ImproperlyConfigured
from environs import Env

COLOUR = re.compile(r"#([0-9a-fA-F]{3}){1,2}")
# A leading dot means its subdomains as well; an asterisk alone means every host.
HOST = re.compile(r"\*|\.?[\w.-]+|\[[0-9a-fA-F:.]+\]", re.ASCII)
LINKS = ("https://", "http://", "mailto:")

env = Env()

# Values to be shown to no one; error_pages.py removes them from the page for developers.
SECRETS: set[str] = set()


def read_dot_env(folder: Path) -> None:
    """Load `.env` if there is one; the real environment wins."""
    if flag("READ_DOT_ENV", default=True):
        env.read_env(str(folder / ".env"), recurse=False)


def text(name: str, default: str = "") -> str:
    """Return the value without surrounding blanks; an empty one counts as not set."""
    return (env.str(name, "") or "").strip() or default


def secret(name: str, default: str = "") -> str:
    """Return the value as `text` does, and hide it from error pages."""
    value = text(name, default)
    hide(value, *value.split(","))
    return value


def hide(*values: str) -> None:
    """Hide values from error pages; short ones are no secrets, and stand in other words as well."""
    SECRETS.update(value for value in values if len(value) > 7)


def comma_separated(name: str) -> list[str]:
    """Return the comma-separated values."""
    return [value.strip() for value in text(name).split(",") if value.strip()]


def flag(name: str, *, default: bool = False) -> bool:
    return bool(_parsed(name, env.bool, "true or false")) if text(name) else default


def choice(name: str, default: str, allowed: Sequence[str]) -> str:
    value = text(name, default).lower()
    if value not in allowed:
        raise refusal(name, ", ".join(allowed))
    return value


def number(name: str, default: int, *, least: int, most: int) -> int:
    allowed = f"a whole number from {least} to {most}"
    value = int(_parsed(name, env.int, allowed)) if text(name) else default
    if not least <= value <= most:
        raise refusal(name, allowed)
    return value


def origin(name: str) -> str:
    """Return a scheme and host like `https://shop.example`, without the trailing slash."""
    value = text(name).rstrip("/")
    if value and not _is_origin(value):
        raise refusal(name, "an address like https://shop.example, without a path")
    return value


def origins(name: str) -> list[str]:
    """Return comma-separated values of the kind that `origin` returns."""
    values = [value.rstrip("/") for value in comma_separated(name)]
    if not all(map(_is_origin, values)):
        raise refusal(name, "addresses like https://pay.shop.example, without paths")
    return values


def hosts(name: str) -> list[str]:
    """Return host names as Django's ALLOWED_HOSTS takes them."""
    values = comma_separated(name)
    if not all(map(HOST.fullmatch, values)):
        raise refusal(name, "names like shop.example, without scheme and port, commas between")
    return values


def currency(name: str, default: str) -> str:
    """Return an ISO 4217 code in lower case, as Stripe writes it."""
    code = text(name, default)
    if code.upper() not in list_currencies():
        raise refusal(name, "a currency code of three letters, such as usd, eur or jpy")
    return code.lower()


def colour(name: str) -> str:
    """Return a colour like #0b6e4f, or nothing."""
    value = text(name)
    if value and not COLOUR.fullmatch(value):
        raise refusal(name, "a colour like #0b6e4f")
    return value


def links(name: str) -> dict[str, str]:
    """Return addresses by title, in the order given: `Imprint=https://…, Terms=https://…`."""
    pairs = [pair.partition("=") for pair in comma_separated(name)]
    found = {title.strip(): address.strip() for title, _, address in pairs}
    if not all(title and address.startswith(LINKS) for title, address in found.items()):
        raise refusal(name, "Imprint=https://your.site/imprint, more of them with commas between")
    return found


def static_file(name: str, folder: Path, default: str) -> str:
    """Return the path of a file in `folder`, as templates write it."""
    value = text(name, default)
    if ".." in value or value.startswith("/") or not (folder / value).is_file():
        raise refusal(name, "the path of a file below static/, such as icon.svg")
    return value


def database(name: str, folder: Path) -> dict[str, Any]:
    """Return Django's settings for a `sqlite:` or `postgresql:` URL; files are in `folder`."""
    url = secret(name, "sqlite:///db.sqlite3")
    allowed = "postgresql://user:password@host:5432/name or sqlite:///file.sqlite3"
    if not url.startswith(("sqlite:", "postgres:", "postgresql:")):
        raise refusal(name, allowed)
    try:
        parsed = dict(dj_database_url.parse(url))
    except ValueError:
        raise refusal(name, allowed) from None
    if not parsed["NAME"]:
        raise refusal(name, allowed)
    hide(str(parsed["PASSWORD"]))
    return parsed | (_sqlite(parsed, folder) if url.startswith("sqlite") else _postgresql(parsed))


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


def refusal(name: str, allowed: str) -> ImproperlyConfigured:
    """Name the variable but not its value: it may be a secret, and this ends up in logs."""
    return ImproperlyConfigured(f"{name} can't be read. Allowed: {allowed}.")


def _parsed(name: str, parse: Callable[[str], Any], allowed: str) -> Any:
    try:
        return parse(name)
    except ValueError:
        raise refusal(name, allowed) from None


def _is_origin(value: str) -> bool:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and value == f"{parts.scheme}://{parts.netloc}"
        and "@" not in parts.netloc
    )


def _is_redis(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    is_number = not parts.path.strip("/") or parts.path.strip("/").isdecimal()
    return parts.scheme in ("redis", "rediss") and bool(parts.hostname) and is_number


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
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        },
    }


def _postgresql(parsed: dict[str, Any]) -> dict[str, Any]:
    # Health checks: without them each pooled connection fails one request after a restart.
    pool = {"min_size": 1, "max_size": 8, "timeout": 5}
    return {
        "CONN_HEALTH_CHECKS": True,
        # PgBouncer lends a connection for one transaction, and a server-side cursor is lost with
        # it. Nothing here reads so much that it needs one.
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {"pool": pool, **parsed.get("OPTIONS", {})},
    }
