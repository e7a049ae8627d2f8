"""The list of mutants fits the code: each patch finds its place and leaves Python behind."""

import ast
from pathlib import Path

import pytest

from tests.mutants import MUTANTS
from tests.mutants.mutant import Mutant, Stale, mutant

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_not_stale(mutant: Mutant):
    for file, text in mutant.patched(ROOT).items():
        assert text != (ROOT / file).read_text()
        if file.endswith(".py"):
            ast.parse(text)
    assert not mutant.at or (ROOT / "tests" / f"{mutant.at}.py").exists()


def test_no_two_have_one_name():
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("old", ["def move", "no such text"])
def test_a_stale_one_says_so(tmp_path: Path, old: str):
    (tmp_path / "models.py").write_text("def move(): ...\ndef move(): ...\n")
    stale = mutant("a move moves", ("models.py", old, ""))
    with pytest.raises(Stale, match='The mutant "a move moves" is stale: its old text stands'):
        stale.patched(tmp_path)
