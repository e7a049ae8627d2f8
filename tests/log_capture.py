"""What the shop says while it works: its log lines and its metrics, as machines read them."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from storefront.ops.logs import JsonFormatter

Line = dict[str, Any]


class Log:
    """Lines as they are written in production."""

    def __init__(self) -> None:
        self._out = StringIO()
        self.handler = logging.StreamHandler(self._out)
        self.handler.setFormatter(JsonFormatter())

    @property
    def text(self) -> str:
        return self._out.getvalue()

    def lines(self, logger: str = "") -> list[Line]:
        lines = [json.loads(line) for line in self.text.splitlines()]
        return [line for line in lines if line["logger"].startswith(logger)]

    def line(self, logger: str) -> Line:
        [line] = self.lines(logger)
        return line

    def forget(self) -> None:
        self._out.seek(0)
        self._out.truncate()


@contextmanager
def capture_log() -> Iterator[Log]:
    log, root = Log(), logging.getLogger()
    root.addHandler(log.handler)
    try:
        yield log
    finally:
        root.removeHandler(log.handler)


def figure(text: str, name: str, **labels: str) -> float:
    """Add up the samples of that name and these labels in what /metrics says."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
