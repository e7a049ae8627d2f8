"""The table of mutants fits the code: `python -m tools.mutants --check` says the same."""

from pathlib import Path

import pytest

from tools.mutants.mutant import stale
from tools.mutants.table import all_mutants, read

pytestmark = pytest.mark.once

TABLE = """
== shop.py: test_shop.py
a guard is gone
    - if guard():
    + if True:
a guard that was renamed is gone
    - if watch():
    + if True:
one of two alike is gone
    - sell()
    + pass
"""


def test_no_mutant_is_stale():
    mutants = all_mutants()
    assert mutants
    if found := stale(mutants):
        pytest.fail("\n".join(["Fit these to the code:", *found]), pytrace=False)


def test_each_that_is_stale_is_named(tmp_path: Path):
    (tmp_path / "shop.py").write_text("if guard():\n    sell()\nsell()\n")
    (tmp_path / "test_shop.py").touch()
    assert stale(read(TABLE, "table.txt"), tmp_path) == [
        "table.txt:6: a guard that was renamed is gone\n"
        "    shop.py has this 0 times:\n"
        "    - if watch():",
        "table.txt:9: one of two alike is gone\n    shop.py has this 2 times:\n    - sell()",
    ]
