"""docs/threat-model.md names, for each threat, tests that are there."""

import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)+)`")
# Without the heading of the table and those of its parts, which have no test of their own.
THREATS = [
    line
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| threat", "| ---", "| **"))
]


def is_there(test: str) -> bool:
    file, *names = test.split("::")
    if not (ROOT / file).exists():
        return False
    found: ast.AST = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for name in names:
        inside = {
            node.name: node
            for node in ast.iter_child_nodes(found)
            if isinstance(node, ast.ClassDef | ast.FunctionDef)
        }
        if name not in inside:
            return False
        found = inside[name]
    return isinstance(found, ast.FunctionDef) and found.name.startswith("test_")


def test_every_threat_has_a_test():
    assert len(THREATS) > 30
    assert [line for line in THREATS if not NAMED.search(line.rpartition(" | ")[2])] == []


@pytest.mark.parametrize("test", sorted({*NAMED.findall(PAGE)}))
def test_each_test_that_is_named_is_there(test: str):
    assert is_there(test)


def test_one_that_is_not_would_be_noticed():
    own = "tests/test_threat_model.py"
    assert is_there(f"{own}::test_every_threat_has_a_test")
    for wrong in ("tests/no.py::test_a", f"{own}::test_a", f"{own}::is_there", f"{own}::A::test_a"):
        assert not is_there(wrong)


def test_every_chapter_is_spoken_of():
    chapters = {int(number) for number in re.findall(r"\bV(\d+)\b", PAGE)}
    for first, last in re.findall(r"\bV(\d+) to V(\d+)\b", PAGE):
        chapters |= {*range(int(first), int(last) + 1)}
    assert chapters == {*range(1, 18)}
