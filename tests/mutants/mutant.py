"""A mutant: a patch that takes one guard out of the shop, and where that should be noticed."""

import ast
from dataclasses import dataclass
from pathlib import Path

SUITE = ("tests/checkout", "tests/storefront")


class Stale(Exception):
    """The patch does not fit the code any more; the text says which and why."""


@dataclass(frozen=True)
class Swap:
    """Put `new` where `old` stands, which is in exactly one place."""

    file: str
    old: str
    new: str

    def apply(self, text: str) -> str:
        count = text.count(self.old)
        if count != 1:
            raise Stale(f"its old text stands {count} times in {self.file}: {self.old!r}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class DropConstraint:
    """Take the constraint of this name out of a model, or out of the migration that makes it."""

    file: str
    name: str

    def apply(self, text: str) -> str:
        calls = [node for node in ast.walk(ast.parse(text)) if self._is_it(node)]
        if len(calls) != 1:
            raise Stale(f"{self.file} has {len(calls)} constraints called {self.name}")
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


Patch = Swap | DropConstraint


@dataclass(frozen=True)
class Mutant:
    """`at` is the file of tests to try first, so that catching is quick; then comes `tests`."""

    name: str
    patches: tuple[Patch, ...]
    at: str = ""
    tests: tuple[str, ...] = SUITE
    needs_postgresql: bool = False

    def patched(self, root: Path) -> dict[str, str]:
        """Return the files as the patches leave them. Raises Stale."""
        texts: dict[str, str] = {}
        for patch in self.patches:
            text = texts.get(patch.file) or (root / patch.file).read_text()
            try:
                texts[patch.file] = patch.apply(text)
            except Stale as stale:
                raise Stale(f'The mutant "{self.name}" is stale: {stale}.') from None
        return texts


def mutant(
    name: str, *swaps: tuple[str, str, str], at: str = "", postgresql: bool = False
) -> Mutant:
    return Mutant(name, tuple(Swap(*swap) for swap in swaps), at, needs_postgresql=postgresql)


def without_constraint(app: str, name: str, at: str = "") -> Mutant:
    files = (f"{app}/models.py", f"{app}/migrations/0001_initial.py")
    patches = tuple(DropConstraint(file, name) for file in files)
    return Mutant(f"the database does not know: {name.replace('_', ' ')}", patches, at)
