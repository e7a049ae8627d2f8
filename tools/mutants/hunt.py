"""Runs the tests against mutants, in copies of the project."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import cache_from_source
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

from tools.mutants.mutant import ROOT, Mutant

COPIES = min(os.cpu_count() or 1, 8)
SECONDS = 600
"""A run that takes longer hangs: even on a busy machine the longest needs half of it."""

# A drawing that differs proves nothing about the shop.
PICTURE = "tests/checkout/test_lifecycle.py::test_the_picture_in_the_docs_is_the_table"
PYTEST = (
    *(sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"),
    *("--deselect", PICTURE, "--basetemp=temporary"),
)
POSTGRESQL = (sys.executable, "-m", "tools.postgresql")
# Copies are used again and again, so their bytecode saves half of the time that a run needs.
UNSET = ("DATABASE_URL", "PYTHONDONTWRITEBYTECODE")


class Unusable(Exception):
    """The tests could not be run at all, so nothing is known; the text says why."""


def hunt(mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, str]]:
    """Yield each mutant with the test that caught it, or "" if it survived. Raises Unusable."""
    tried = [*_unpatched(mutants), *mutants]
    copies = SimpleQueue[Path]()
    with TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(COPIES) as pool:
        for number in range(COPIES):
            copies.put(_copy_to(Path(folder) / str(number)))
        caught = pool.map(lambda mutant: _hunt_in_one_of(copies, mutant), tried)
        for mutant, test in zip(tried, caught, strict=True):
            if mutant.patches:
                yield mutant, test


def _unpatched(mutants: Sequence[Mutant]) -> Iterator[Mutant]:
    """Yield the shop as it is, once for each database, with all the tests of the mutants."""
    for on_postgresql in sorted({mutant.needs_postgresql for mutant in mutants}):
        found = [mutant.tests for mutant in mutants if mutant.needs_postgresql == on_postgresql]
        tests = sorted(set(chain.from_iterable(found)))
        yield Mutant("none", tests, needs_postgresql=on_postgresql)


def _hunt_in_one_of(copies: SimpleQueue[Path], mutant: Mutant) -> str:
    copy = copies.get()
    try:
        with _patched(copy, mutant):
            test = _first_failure(copy, mutant)
    finally:
        copies.put(copy)
    if test and not mutant.patches:
        raise Unusable(f"{test} fails without any mutant: fix that first.")
    return test


def _copy_to(folder: Path) -> Path:
    """Copy what git has, and what it would have."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@contextmanager
def _patched(folder: Path, mutant: Mutant) -> Iterator[None]:
    patched = mutant.patched(folder)
    originals = {file: (folder / file).read_text() for file in patched}
    try:
        _write(folder, patched)
        yield
    finally:
        _write(folder, originals)


def _write(folder: Path, texts: dict[str, str]) -> None:
    """Write the files without their bytecode, which would pass for that of another text."""
    for file, text in texts.items():
        (folder / file).write_text(text)
        Path(cache_from_source(folder / file)).unlink(missing_ok=True)


def _first_failure(folder: Path, mutant: Mutant) -> str:
    """Return the test that fails first, or "" if all pass. Raises Unusable."""
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    with subprocess.Popen(
        [*(POSTGRESQL if mutant.needs_postgresql else ()), *PYTEST, *mutant.tests],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            _end(process)
            return f"the time limit of {SECONDS} s alone"
    return "" if process.returncode == 0 else _named_in(output)


def _end(process: subprocess.Popen[str]) -> None:
    """End it with all that it started; a PostgreSQL of its own gets the time to stop."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def _named_in(output: str) -> str:
    lines = [line.split(" - ")[0] for line in output.splitlines()]
    for line in lines:
        if line.startswith(("FAILED tests/", "ERROR tests/")) and "::" in line:
            return line.split(" ", 1)[1]
    raise Unusable(f"The tests could not be run:\n{output[-2_000:]}")
