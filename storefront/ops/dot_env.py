"""Reads `.env`: all that people write there, or not at all; no line is passed over.

A line that was left out would be a setting that silently is another one: without its
DATABASE_URL, the shop would take orders into an SQLite file.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured
from dotenv.parser import parse_stream
from dotenv.variables import Variable, parse_variables

NEW_LINE = re.compile(r"\r\n|\n|\r")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
# What a line begins with that sets something, and what it sets.
BEGINNING = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", re.ASCII)
# Within a value of several lines: the end of its quote was forgotten, and it goes on in the next.
# Not the padding that may end a key in such a value.
NEXT_SETTING = re.compile(r"^\s*(?:#|(?:export\s+)?[A-Z_][A-Z0-9_]*\s*=[^=\s])", re.M | re.ASCII)


class Setting(NamedTuple):
    """A name with its value, and where it stands."""

    name: str
    value: str
    line: int


def read(file: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what the file sets; `${NAME}` stands for what is set above it or in `environ`.

    Raises ImproperlyConfigured for what can't be read. It names the line, never the value: that
    may be a secret, and the message ends up in logs.
    """
    found: dict[str, Setting] = {}
    for setting in _settings(_text(file)):
        known = {name: other.value for name, other in found.items()} | dict(environ)
        new = setting._replace(value=_filled_in(setting, known))
        old = found.setdefault(new.name, new)
        if old.value != new.value:
            raise refusal(new.line, new.name, f"is set to something else in line {old.line}")
    return {setting.name: setting.value for setting in found.values()}


def refusal(line: int, name: str, reason: str) -> ImproperlyConfigured:
    where = f"{name} in line {line} of .env" if name else f"Line {line} of .env"
    return ImproperlyConfigured(f"{where} {reason}.")


def _text(file: Path) -> str:
    """Return the file's text; Windows' own editors and shells write UTF-16 as well."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise ImproperlyConfigured(f".env can't be read: {error.strerror}.") from None
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        lines = NEW_LINE.split(content[: error.start].decode("utf-8", "replace"))
        reason = "is not in UTF-8: save the file in that encoding"
        raise refusal(len(lines), _name_in(lines[-1]), reason) from None


def _settings(text: str) -> Iterator[Setting]:
    for key, value, (written, line), is_broken in parse_stream(StringIO(NEW_LINE.sub("\n", text))):
        line += written[: len(written) - len(written.lstrip())].count("\n")  # blank ones above it
        if reason := _wrong_with(key, value, written, is_broken=is_broken):
            raise refusal(line, _name_in(written), reason)
        if key is not None:
            yield Setting(key, value or "", line)


def _name_in(written: str) -> str:
    """Return what the line sets, as far as can be told; nothing else of it is a name."""
    begun = BEGINNING.match(written)
    return begun[1] if begun else ""


def _wrong_with(key: str | None, value: str | None, written: str, *, is_broken: bool) -> str:
    """Say what can't be understood, or nothing."""
    if "\0" in written:
        return "has NUL characters in it: save the file as UTF-8"
    if is_broken:
        return "can't be read: write NAME=value, close what a quote opens, and put nothing after it"
    if key is None:  # a comment
        return ""
    if not NAME.fullmatch(key):
        return "does not begin with a name of letters, digits and underscores"
    if value is None:
        return "has no = in it: write NAME=value, or # before a comment"
    if NEXT_SETTING.search(value.partition("\n")[2]):
        return "opens a quote that is not closed where the line ends"
    return ""


def _filled_in(setting: Setting, known: Mapping[str, str]) -> str:
    parts = list(parse_variables(setting.value))
    missing = [
        part
        for part in parts
        if isinstance(part, Variable) and part.default is None and part.name not in known
    ]
    if missing:
        raise refusal(setting.line, setting.name, "takes a ${…} that is set nowhere above it")
    return "".join(part.resolve(known) for part in parts)
