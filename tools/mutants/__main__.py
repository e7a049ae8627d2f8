"""python -m tools.mutants [NAME ...]: is every guard of the shop missed when it is gone?

NAME is a part of a mutant's name. Ends with 1 if one survived, or could not be tried.
"""

import argparse
import sys
from collections.abc import Iterable

from tools.mutants.hunt import Unusable, hunt
from tools.mutants.mutant import Mutant, stale
from tools.mutants.table import all_mutants


def main() -> int:
    arguments = _arguments()
    chosen = [mutant for mutant in all_mutants() if _is_wanted(mutant, arguments)]
    if arguments.list:
        print("\n".join(mutant.name for mutant in chosen))
        return 0
    if found := stale(chosen):
        print("\n".join(found), file=sys.stderr)
        return 1
    return 0 if arguments.check else _hunt(chosen)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part of a mutant's name")
    parser.add_argument("--list", action="store_true", help="only name them")
    parser.add_argument("--check", action="store_true", help="only say which do not fit the code")
    parser.add_argument(
        "--without-postgresql", action="store_true", help="leave out what only PostgreSQL shows"
    )
    return parser.parse_args()


def _is_wanted(mutant: Mutant, arguments: argparse.Namespace) -> bool:
    if mutant.needs_postgresql and arguments.without_postgresql:
        return False
    return not arguments.names or any(name in mutant.name for name in arguments.names)


def _hunt(chosen: list[Mutant]) -> int:
    try:
        return _report(hunt(chosen))
    except Unusable as trouble:
        print(trouble, file=sys.stderr)
        return 1


def _report(results: Iterable[tuple[Mutant, str]]) -> int:
    count = caught = 0
    for mutant, test in results:
        count, caught = count + 1, caught + bool(test)
        ending = f"caught by {test}" if test else f"SURVIVED {' '.join(mutant.tests)}"
        print(f"{mutant.name}: {ending}", flush=True)
    print(f"{count} mutants, {caught} caught")
    return 0 if count == caught else 1


if __name__ == "__main__":
    sys.exit(main())
