"""Many at the same moment."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PATIENCE_SECONDS = 30


def at_once[Result](actions: Sequence[Callable[[], Result]]) -> list[Result]:
    """Do all of it at the same moment, each in a thread, and return what came of it."""
    start = threading.Barrier(len(actions), timeout=PATIENCE_SECONDS)

    def after_the_start(action: Callable[[], Any]) -> Any:
        start.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as crowd:
        return list(crowd.map(after_the_start, actions))
