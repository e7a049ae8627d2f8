"""Formats log lines: tied together by request, order and event, and with nothing personal.

JSON for machines, plain lines for developers. The formatters are our own, since a ready one
writes all that `extra` holds, and Django puts the request there, with its address and cookies.
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

# No line shows these, so none has to find them out: "Optimization" in Python's logging HOWTO.
logging.logThreads = logging.logMultiprocessing = False
logging.logAsyncioTasks = False  # type: ignore[attr-defined]

NO_FIELDS: Mapping[str, str] = MappingProxyType({})
JSON = json.JSONEncoder(ensure_ascii=False, default=str)
UNMATCHED = "unmatched"
# PostgreSQL quotes the offending values: addresses, e-mail and all.
DETAIL = re.compile(r"\nDETAIL: .*?(?=\n\n|\Z)", re.DOTALL)

_context: ContextVar[Mapping[str, str] | None] = ContextVar("log_context", default=None)


@contextmanager
def log_context(**fields: str) -> Iterator[None]:
    """Add these fields, and those bound inside, to every line that is logged inside."""
    token = _context.set({**(_context.get() or NO_FIELDS), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def bind(**fields: str) -> None:
    """Add these fields to every line from here to the end of the `log_context` around it.

    Outside of one nothing is bound, since nothing would remove it again.
    """
    if (outer := _context.get()) is not None:
        _context.set({**outer, **fields})


def route_of(request: "HttpRequest") -> str:
    """Return the route and not the path: those of orders and receipts have secrets in them."""
    match = request.resolver_match
    return f"/{match.route}" if match else UNMATCHED


class ShopFormatter(logging.Formatter):
    """What both formats share: the message, and the fields that the shop itself names."""

    def message_of(self, record: logging.LogRecord) -> str:
        """Return the message, with the route where Django writes the path of a request."""
        message, request = record.getMessage(), _request_of(record)
        if request is None:
            return message
        path = request.path.encode("unicode_escape").decode("ascii")
        return message.replace(path, route_of(request)) if path != "/" else message

    def fields_of(self, record: logging.LogRecord) -> dict[str, Any]:
        # Django logs some answers after they have left the middleware, and its context.
        request = _request_of(record)
        late = {"request_id": request.META.get("HTTP_X_REQUEST_ID", "")} if request else {}
        return {**late, **(_context.get() or NO_FIELDS), **getattr(record, "fields", NO_FIELDS)}

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        return DETAIL.sub("", super().formatException(ei))


class JsonFormatter(ShopFormatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self.message_of(record),
            **self.fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return JSON.encode(line)


class ReadableFormatter(ShopFormatter):
    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        record.message = message = self.message_of(record)
        fields = self.fields_of(record).items()
        missing = [f"{name}={value}" for name, value in fields if str(value) not in message]
        return " ".join([super().formatMessage(record), *missing])


class NoErrorOfOurs(logging.Filter):
    """Makes one warning of what Django takes for an attack, such as a scanner's made-up host."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security.") and record.levelno > logging.WARNING:
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
        return True


def _request_of(record: logging.LogRecord) -> "HttpRequest | None":
    """Return the request that Django adds; runserver adds a socket by the same name."""
    request = getattr(record, "request", None)
    return request if hasattr(request, "resolver_match") else None


def as_utf8(stream: TextIO) -> TextIO:
    """Let the stream take any text, whatever the machine's own encoding is."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    return stream
