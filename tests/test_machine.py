"""`make test` ends well exactly when the tests do, on both databases."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
# Plays npm and all programs of .venv/bin; pytest ends with the code given for its database.
PROGRAM = """#!/bin/sh
case "$*" in
    *tools.postgresql*pytest*) echo "PostgreSQL ends"; exit "$ON_POSTGRESQL" ;;
    *pytest*) [ -z "${DATABASE_URL:-}" ] || exit 9; echo "SQLite ends"; exit "$ON_SQLITE" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy in which everything is installed already, and nothing is really run."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "make.sh", tmp_path / "tools")
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in "python ruff lint-imports djade npm".split():
        (programs / name).write_text(PROGRAM, encoding="utf-8")
        (programs / name).chmod(0o755)
    for name in "requirements.txt requirements-dev.txt".split():
        (tmp_path / name).touch()
        (tmp_path / ".venv" / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("on_postgresql", "on_sqlite", "passes"),
    [(0, 0, True), (0, 1, False), (1, 0, False), (1, 1, False)],
)
def test_both_databases_must_pass(checkout: Path, on_postgresql: int, on_sqlite: int, passes: bool):
    environment = {
        "ON_POSTGRESQL": str(on_postgresql),
        "ON_SQLITE": str(on_sqlite),
        "DATABASE_URL": "postgresql://elsewhere",
        "PATH": f"{checkout}/.venv/bin:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["sh", "tools/make.sh", "test"],
        cwd=checkout,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode == 0) is passes, done.stderr
    assert done.stdout.split("\n") == ["SQLite ends", "PostgreSQL ends", ""]
