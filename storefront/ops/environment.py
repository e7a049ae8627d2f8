"""Reads the environment: a value that can't be read stops the start, and says what is allowed."""

import ipaddress
import os
import re
import zoneinfo
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import idna
from babel.numbers import list_currencies
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email
from environs import Env

from storefront.ops import dot_env

# Half a character of another encoding, or one that no text has in it.
NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
COLOUR = re.compile(r"#([0-9a-fA-F]{3}){1,2}")
# A leading dot means its subdomains as well; an asterisk alone means every host.
HOST = re.compile(r"\*|\.?[\w.-]+|\[[0-9a-fA-F:.]+\]", re.ASCII)
# What Django and browsers take for the name of a host.
HOST_NAME = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.ASCII)
PORTS = {"http": 80, "https": 443}
LINKS = ("https://", "http://", "mailto:")
PATTERN = re.compile(r"(?P<origin>https://[^/?#{}\s]+)(?P<rest>[/?#]\S{1,400})")
LONGEST_TITLE = 60

env = Env()

# Values to be shown to no one; error_pages.py removes them from the page for developers.
SECRETS: set[str] = set()


def read_dot_env(folder: Path) -> None:
    """Load `.env` if there is one; the real environment wins."""
    if flag("READ_DOT_ENV", default=True):
        for name, value in dot_env.read(folder / ".env", os.environ).items():
            os.environ.setdefault(name, value)


def text(name: str, default: str = "") -> str:
    """Return the value without surrounding blanks; an empty one counts as not set."""
    value = env.str(name, "") or ""
    if NO_TEXT.search(value):
        raise refusal(name, "text in UTF-8, without control characters")
    return value.strip() or default


def words(name: str, default: str = "") -> str:
    """Return the value as one line."""
    return " ".join(text(name, default).split())


def secret(name: str, default: str = "") -> str:
    """Return the value as `text` does, and hide it from error pages."""
    value = text(name, default)
    hide(value, *value.split(","))
    if len(value.splitlines()) > 1:
        raise refusal(name, "one line")
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
    """Return a scheme and host like `https://shop.example`, as browsers write it."""
    value = text(name)
    found = _origin(value)
    if value and not found:
        raise refusal(name, "an address like https://shop.example, without a path")
    return found


def origins(name: str) -> list[str]:
    """Return comma-separated values of the kind that `origin` returns."""
    found = [_origin(value) for value in comma_separated(name)]
    if not all(found):
        raise refusal(name, "addresses like https://pay.shop.example, without paths")
    return found


def hosts(name: str) -> list[str]:
    """Return host names as Django's ALLOWED_HOSTS takes them."""
    values = [_in_ascii(value.removesuffix(".")) for value in comma_separated(name)]
    if not all(map(HOST.fullmatch, values)):
        raise refusal(name, "names like shop.example, without scheme and port, commas between")
    return values


def host_of(parts: SplitResult) -> str:
    """Return the host as browsers name it; nothing for what is none."""
    host = _in_ascii((parts.hostname or "").removesuffix("."))
    if ":" in host:
        return f"[{ipaddress.IPv6Address(host).compressed}]"
    return host if HOST_NAME.fullmatch(host) and len(host) < 254 else ""


def is_local(host: str) -> bool:
    """Whether no one can reach the host from the internet, as far as its name tells."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal", ".test"))


def time_zone(name: str) -> str:
    """Return a zone of the IANA's database, or nothing."""
    value = text(name)
    if value and value not in zoneinfo.available_timezones():
        raise refusal(name, "a name such as UTC, Europe/Berlin or America/New_York")
    return value


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
    found = dict(_titled(name))
    if not all(title and address.startswith(LINKS) for title, address in found.items()):
        raise refusal(name, "Imprint=https://your.site/imprint, more of them with commas between")
    return found


def mail_address(name: str) -> str:
    """Return one e-mail address, or nothing."""
    value = text(name)
    try:
        if value:
            validate_email(value)
    except ValidationError:
        raise refusal(name, "one e-mail address, such as orders@your.shop") from None
    return value


def link_patterns(name: str, hole: str) -> dict[str, str]:
    """Return https addresses by title, as `links` does; each has a hole, to be filled later."""
    found = _titled(name)
    titles = {title.casefold() for title, _ in found}
    if len(titles) < len(found) or not all(
        0 < len(title) <= LONGEST_TITLE and _is_pattern(address, hole) for title, address in found
    ):
        raise refusal(name, f"DHL=https://your.carrier/track?code={hole}, more with commas between")
    return dict(found)


def static_file(name: str, folder: Path) -> str:
    """Return the path of a file in `folder`, as templates write it, or nothing."""
    value = text(name)
    if value and (".." in value or value.startswith("/") or not (folder / value).is_file()):
        raise refusal(name, "the path of a file below static/, such as icon.svg")
    return value


def refusal(name: str, allowed: str) -> ImproperlyConfigured:
    """Name the variable but not its value: it may be a secret, and this ends up in logs."""
    return ImproperlyConfigured(f"{name} can't be read. Allowed: {allowed}.")


def _titled(name: str) -> list[tuple[str, str]]:
    pairs = [pair.partition("=") for pair in comma_separated(name)]
    return [(title.strip(), address.strip()) for title, _, address in pairs]


def _is_pattern(address: str, hole: str) -> bool:
    """Whether it leads to one host by https, whatever fills the hole."""
    found = PATTERN.fullmatch(address)
    return bool(found and _origin(found["origin"]) and found["rest"].count(hole) == 1)


def _parsed(name: str, parse: Callable[[str], Any], allowed: str) -> Any:
    try:
        return parse(name)
    except ValueError:
        raise refusal(name, allowed) from None


def _origin(value: str) -> str:
    """Return the origin that the value means, or nothing."""
    try:
        parts = urlsplit(value)
        host, port = host_of(parts), parts.port
    except ValueError:
        return ""
    has_more = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in PORTS or has_more or port == 0 or not host:
        return ""
    is_default = port in (None, PORTS[parts.scheme])
    return f"{parts.scheme}://{host}" + ("" if is_default else f":{port}")


def _in_ascii(host: str) -> str:
    """Return the name as the internet knows it: `xn--kse-qla.example` for `käse.example`."""
    dot, name = ("." if host.startswith(".") else ""), host.removeprefix(".")
    try:
        return host if host.isascii() else dot + idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return host
