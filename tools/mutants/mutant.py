"""A mutant: a patch that takes one guard out of the shop, and the tests that should notice."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Stale(Exception):
    """The mutant does not fit the code any more; the text says why."""


@dataclass
class Swap:
    """Put `new` where `old` stands, which is in exactly one place; or take whole lines out."""

    file: str
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)

    def apply(self, text: str) -> str:
        old = "\n".join(self.old) + ("" if self.new else "\n")
        count = text.count(old)
        if count != 1:
            raise Stale("\n    - ".join([f"{self.file} has this {count} times:", *self.old]))
        return text.replace(old, "\n".join(self.new))


@dataclass
class DropConstraint:
    """Take the constraint of this name out of a model, or out of the migration that makes it."""

    file: str
    name: str

    def apply(self, text: str) -> str:
        calls = [node for node in ast.walk(ast.parse(text)) if self._is_it(node)]
        if len(calls) != 1:
            raise Stale(f"{self.file} has {len(calls)} constraints called {self.name}.")
        constraint = ast.get_source_segment(text, calls[0]) or ""
        return text.replace(constraint, "*()")

    def _is_it(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and any(
            word.arg == "name"
            and isinstance(word.value, ast.Constant)
            and word.value.value == self.name
            and ast.unparse(node.func).endswith("Constraint")
            for word in node.keywords
        )


@dataclass
class Mutant:
    """`tests` are the files of which one test should fail; `where` is its place in the table."""

    name: str
    tests: list[str]
    where: str = ""
    patches: list[Swap | DropConstraint] = field(default_factory=list)
    needs_postgresql: bool = False

    def patched(self, root: Path) -> dict[str, str]:
        """Return the files as the patches leave them. Raises Stale."""
        texts: dict[str, str] = {}
        for patch in self.patches:
            text = texts.get(patch.file) or _read(root / patch.file)
            texts[patch.file] = patch.apply(text)
        return texts


def stale(mutants: Iterable[Mutant], root: Path = ROOT) -> list[str]:
    """Say of each mutant that does not fit the code what is wrong with it."""
    found = []
    for mutant in mutants:
        try:
            _refuse_what_cannot_run(mutant, root)
        except (Stale, SyntaxError) as trouble:
            found.append(f"{mutant.where}: {mutant.name}\n    {trouble}")
    return found


def _refuse_what_cannot_run(mutant: Mutant, root: Path) -> None:
    patched = mutant.patched(root)
    if all(text == _read(root / file) for file, text in patched.items()):
        raise Stale("It changes nothing.")
    for file, text in patched.items():
        ast.parse(text, file)
    for tests in mutant.tests:
        if not (root / tests).exists():
            raise Stale(f"{tests} is missing.")


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
