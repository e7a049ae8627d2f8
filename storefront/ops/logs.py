"""Log lines: tied together by request, order and event, and without anything personal.

JSON for machines, words for developers. An own formatter, since a ready one writes out whatever
`extra` holds, and Django puts the request there, with its address and cookies.
"""

import io
import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:  # gunicorn's master formats its own lines and needs no Django for it
    from django.http import HttpRequest

# What no line tells need not be found out for each, see "Optimization" in Python's logging HOWTO.
logging.logThreads = logging.logMultiprocessing = False
logging.logAsyncioTasks = False  # type: ignore[attr-defined]

NOTHING: Mapping[str, str] = MappingProxyType({})
AS_JSON = json.JSONEncoder(ensure_ascii=False, default=str)
NO_ROUTE = "unmatched"
# PostgreSQL says which values offend: addresses, e-mail and all.
VALUES = re.compile(r"\nDETAIL: .*?(?=\n\n|\Z)", re.DOTALL)

_context: ContextVar[Mapping[str, str] | None] = ContextVar("log_context", default=None)


@contextmanager
def log_context(**fields: str) -> Iterator[None]:
    """Put these fields, and those that are bound inside, on every line that is made inside."""
    token = _context.set({**(_context.get() or NOTHING), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def bind(**fields: str) -> None:
    """Put these fields on every line from here on, until the `log_context` around it ends.

    Where there is none around, nothing is bound: nobody would take it away again.
    """
    if (known := _context.get()) is not None:
        _context.set({**known, **fields})


def route_of(request: "HttpRequest") -> str:
    """Return the pattern of the address: orders and receipts have secrets in the address itself."""
    match = request.resolver_match
    return f"/{match.route}" if match else NO_ROUTE


class Lines(logging.Formatter):
    """What both forms have in common: the words, and the fields that the shop itself names."""

    def words(self, record: logging.LogRecord) -> str:
        """Return the message, with the route where Django writes the address of a request."""
        words, request = record.getMessage(), _request_of(record)
        if request is None:
            return words
        address = request.path.encode("unicode_escape").decode("ascii")
        return words.replace(address, route_of(request)) if address != "/" else words

    def fields(self, record: logging.LogRecord) -> dict[str, Any]:
        # Django tells of some answers when they have left the middleware.
        request = _request_of(record)
        late = {"request_id": request.META.get("HTTP_X_REQUEST_ID", "")} if request else {}
        return {**late, **(_context.get() or NOTHING), **getattr(record, "fields", NOTHING)}

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        return VALUES.sub("", super().formatException(ei))


class JsonLines(Lines):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.words(record),
            **self.fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return AS_JSON.encode(line)


class ReadableLines(Lines):
    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        record.message = self.words(record)
        words, fields = record.message, self.fields(record).items()
        untold = [f"{name}={value}" for name, value in fields if str(value) not in words]
        return " ".join([super().formatMessage(record), *untold])


def _request_of(record: logging.LogRecord) -> "HttpRequest | None":
    """Return what Django has put there, unless it is the socket that runserver reads from."""
    request = getattr(record, "request", None)
    return request if hasattr(request, "resolver_match") else None


def as_utf8(stream: TextIO) -> TextIO:
    """Let the stream take any text, whatever the machine's own encoding is."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    return stream
