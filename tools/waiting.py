"""Waiting for what other processes do."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60


def wait_until(is_so: Callable[[], object], otherwise: str = "It did not come to that.") -> None:
    """Ask again and again; AssertionError, with the message, if it takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)
