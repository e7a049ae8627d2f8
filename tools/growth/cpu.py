"""What used the processors meanwhile, by Linux' own accounting."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Meter:
    """Reads what processes and all that they started have used, in seconds."""

    def __init__(self, **roots: int) -> None:
        self.roots = roots
        self.used: dict[str, float] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        before, mine = self._read(), time.process_time()
        yield
        self.used = {name: value - before[name] for name, value in self._read().items()}
        self.used["generator"] = time.process_time() - mine

    def _read(self) -> dict[str, float]:
        parents = _parents()
        used = {name: _used(root, parents) for name, root in self.roots.items()}
        return used | {"machine": _busy()}


def _parents() -> dict[int, int]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if fields := _stat(int(folder.name)):
            found[int(folder.name)] = int(fields[1])
    return found


def _used(root: int, parents: dict[int, int]) -> float:
    family = {root}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    # Its own time, and that of children that have ended.
    return sum(sum(map(int, fields[11:15])) for pid in family if (fields := _stat(pid))) / TICKS


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _busy() -> float:
    """All processors together: what is neither idle nor waiting."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(fields[i]) for i in (0, 1, 2, 5, 6, 7)) / TICKS
