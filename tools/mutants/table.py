"""Reads the table of mutants, which is in the .txt files beside this module.

# A comment.

== checkout/payments.py: tests/checkout/test_stock.py
the name of a mutant of payments.py, which a test of test_stock.py should notice
    - what stands in the code, in one place only: a part of a line, or several lines
    + what takes its place; without it, whole lines go
    in checkout/models.py
    - what stands in another file
    + what takes its place there
the name of the next one
    without checkout.the_name_of_a_constraint
    on PostgreSQL
"""

from pathlib import Path

from tools.mutants.mutant import ROOT, DropConstraint, Mutant, Swap

INDENT = "    "


def all_mutants() -> list[Mutant]:
    mutants = []
    for file in sorted(Path(__file__).parent.glob("*.txt")):
        mutants += read(file.read_text(), name=str(file.relative_to(ROOT)))
    return mutants


def read(table: str, name: str) -> list[Mutant]:
    """Return the mutants of a table. Raises ValueError at a line of none of its forms."""
    reader = Reader()
    for number, line in enumerate(table.splitlines(), 1):
        try:
            reader.take(line, where=f"{name}:{number}")
        except (IndexError, ValueError) as error:
            raise ValueError(f"{name}:{number} cannot be read: {line}") from error
    return reader.mutants


class Reader:
    """Takes a table line by line."""

    def __init__(self) -> None:
        self.mutants: list[Mutant] = []
        self._file, self._tests = "", ""

    def take(self, line: str, where: str) -> None:
        if line.startswith("== "):
            self._file, self._tests = line.removeprefix("== ").split(": ")
        elif line.startswith(INDENT):
            word, _, rest = line.removeprefix(INDENT).partition(" ")
            self._take_patch(self.mutants[-1], word, rest)
        elif line and not line.startswith("#"):
            self.mutants.append(Mutant(line, self._tests.split(), where))
            self._swap = Swap(self._file)

    def _take_patch(self, mutant: Mutant, word: str, rest: str) -> None:
        match word:
            case "-":
                self._take_old(mutant, rest)
            case "+":
                self._swap.new.append(rest)
            case "in":
                self._swap = Swap(rest)
            case "without":
                mutant.patches += drops(rest)
            case "on":
                mutant.needs_postgresql = True
            case _:
                raise ValueError(word)

    def _take_old(self, mutant: Mutant, old: str) -> None:
        if self._swap.new:
            self._swap = Swap(self._swap.file)
        if not self._swap.old:
            mutant.patches.append(self._swap)
        self._swap.old.append(old)


def drops(rest: str) -> list[DropConstraint]:
    """Return what takes a constraint out of its model, and of the migration that makes it."""
    app, constraint = rest.split(".")
    folder = ROOT / app
    models = [*folder.glob("models.py"), *folder.glob("models/*.py")]
    migrations = [*folder.glob("migrations/*.py")]
    files = [file for file in [*models, *migrations] if f'"{constraint}"' in file.read_text()]
    return [DropConstraint(str(f.relative_to(ROOT)), constraint) for f in files or migrations[:1]]
