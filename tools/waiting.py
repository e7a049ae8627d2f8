"""Waiting for what other processes do."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 60
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.05


def wait_until(is_so: Callable[[], object], otherwise: str = "It did not come to that.") -> None:
    """Ask ever more seldom; AssertionError, with the message, if it takes too long."""
    deadline, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE
    while not is_so():
        assert time.monotonic() < deadline, otherwise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
