"""The stand-in's own time: the real one, plus what a test skipped."""

import time


class Clock:
    """Runs with real time and can be put forward."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def now(self) -> float:
        """Seconds since 1970 as the stand-in sees it."""
        return time.time() + self.skipped
