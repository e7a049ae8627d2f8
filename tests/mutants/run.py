"""Applies a mutant in a copy of the project and runs the tests there."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutant import SUITE, Mutant

ROOT = Path(__file__).parents[2]
SECONDS = 900
"""A run that takes longer hangs: even on a busy machine the whole suite needs a third of it."""

# A drawing that differs proves nothing about the shop.
PICTURE = "tests/checkout/test_lifecycle.py::test_the_picture_in_the_readme_is_the_table"
PYTEST = (
    *(sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider"),
    *("-m", "not browser", "--deselect", PICTURE, "--basetemp=temporary"),
)
POSTGRESQL = (sys.executable, "-m", "tests.postgresql")


class Unusable(Exception):
    """The tests could not be run at all, so nothing is known; the text says why."""


@dataclass(frozen=True)
class Result:
    """What came of a mutant; `caught_by` is empty if it survived."""

    mutant: Mutant
    caught_by: str


def hunt(mutant: Mutant) -> Result:
    """Run the tests against the mutant. Raises Stale or Unusable."""
    patched = mutant.patched(ROOT)
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy_to(Path(folder))
        for file, text in patched.items():
            (Path(folder) / file).write_text(text)
        stages = [(f"tests/{mutant.at}.py",)] if mutant.at else []
        for tests in [*stages, mutant.tests]:
            failed = first_failure(Path(folder), tests, on_postgresql=mutant.needs_postgresql)
            if failed:
                return Result(mutant, failed)
    return Result(mutant, "")


def failure_without_a_mutant(*, on_postgresql: bool) -> str:
    """Return the first test that fails as the shop is: it would seem to catch everything."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy_to(Path(folder))
        return first_failure(Path(folder), SUITE, on_postgresql=on_postgresql)


def copy_to(folder: Path) -> None:
    """Copy what git has, and what it would have."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def first_failure(folder: Path, tests: Sequence[str], *, on_postgresql: bool) -> str:
    """Return the test that fails first, or nothing if all pass. Raises Unusable."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    with subprocess.Popen(
        [*(POSTGRESQL if on_postgresql else ()), *PYTEST, *tests],
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
