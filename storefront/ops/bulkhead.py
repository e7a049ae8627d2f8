"""Keeps a slow neighbour, such as a payment provider, from taking all of a server's threads.

Of eight threads five may be at it, three are always free. A neighbour that was slow several times
in a row is left alone for a while, and then tried by one call.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

logger = logging.getLogger(__name__)

# The second click of two waits for the first one's answer, which usually takes less.
PATIENCE_SECONDS = 2.0
SLOW_SECONDS, SLOW_CALLS, REST_SECONDS = 4.0, 3, 10.0


class Refused(Exception):
    """The call is not made."""


class Full(Refused):
    """So many are at the neighbour as may."""


class Taken(Refused):
    """A call about the same thing is under way."""


class Resting(Refused):
    """The neighbour is too slow at the moment."""


class Bulkhead:
    """The places of those who call one neighbour; without `threads` there is no limit."""

    def __init__(self, neighbour: str, threads: int) -> None:
        self._neighbour = neighbour
        self._is_limited = threads > 0
        self._places = max(1, threads * 5 // 8)
        self._changed = Condition()
        self._calls: list[str] = []
        self._waiting: list[str] = []
        self._slow_in_a_row = 0
        self._rests_until = 0.0

    @property
    def is_tripped(self) -> bool:
        """Whether the neighbour was slow so often that it is left alone, or tried by one call."""
        return self._slow_in_a_row >= SLOW_CALLS

    @contextmanager
    def place(self, about: str = "") -> Iterator[None]:
        """Hold a place for a call, the only one `about` this. Raises Full, Taken or Resting."""
        if not self._is_limited:
            yield
            return
        with self._changed:
            self._take_place(about)
        began = time.monotonic()
        try:
            yield
        finally:
            with self._changed:
                self._leave(about, time.monotonic() - began)

    def _take_place(self, about: str) -> None:
        if self._is_taken(about) and self._has_room() and about not in self._waiting:
            self._wait_for_the_first(about)
        if self._is_resting():
            raise Resting(f"{self._neighbour} was slow, and is left alone for some seconds")
        if self._is_taken(about):
            raise Taken(f"{self._neighbour} is being asked about this already")
        if not self._has_room():
            raise Full(f"{self._places} others are at {self._neighbour}")
        self._calls.append(about)

    def _wait_for_the_first(self, about: str) -> None:
        self._waiting.append(about)
        self._changed.wait_for(
            lambda: self._is_resting() or not self._is_taken(about), PATIENCE_SECONDS
        )
        self._waiting.remove(about)

    def _has_room(self) -> bool:
        return len(self._calls) + len(self._waiting) < self._places

    def _is_taken(self, about: str) -> bool:
        return bool(about) and about in self._calls

    def _is_resting(self) -> bool:
        return self.is_tripped and (bool(self._calls) or time.monotonic() < self._rests_until)

    def _leave(self, about: str, seconds: float) -> None:
        self._calls.remove(about)
        self._slow_in_a_row = self._slow_in_a_row + 1 if seconds >= SLOW_SECONDS else 0
        if self.is_tripped:
            self._rests_until = time.monotonic() + REST_SECONDS
            words = "%s was slow %d times in a row, so it is left alone for %d seconds."
            logger.error(words, self._neighbour, self._slow_in_a_row, REST_SECONDS)
        self._changed.notify_all()
