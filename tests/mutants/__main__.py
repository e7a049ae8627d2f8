"""python -m tests.mutants [NAME ...] [--list]: is every guard of the shop missed when it is gone?

NAME is a part of a mutant's name. Ends with 1 if one survived, or could not be tried.
"""

import argparse
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.mutants import MUTANTS
from tests.mutants.mutant import Mutant, Stale
from tests.mutants.run import ROOT, Result, Unusable, failure_without_a_mutant, hunt

WORKERS = 2


def main() -> int:
    arguments = _arguments()
    chosen = [mutant for mutant in MUTANTS if _is_wanted(mutant, arguments)]
    if arguments.list:
        print("\n".join(mutant.name for mutant in chosen))
        return 0
    try:
        for mutant in chosen:
            mutant.patched(ROOT)
        if not arguments.names:
            _refuse_a_failing_suite(chosen)
        return _report(_hunted(chosen))
    except (Stale, Unusable) as trouble:
        print(trouble, file=sys.stderr)
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part of a mutant's name")
    parser.add_argument("--list", action="store_true", help="only name them")
    parser.add_argument(
        "--without-postgresql", action="store_true", help="leave out what only PostgreSQL shows"
    )
    return parser.parse_args()


def _is_wanted(mutant: Mutant, arguments: argparse.Namespace) -> bool:
    if mutant.needs_postgresql and arguments.without_postgresql:
        return False
    return not arguments.names or any(name in mutant.name for name in arguments.names)


def _refuse_a_failing_suite(chosen: list[Mutant]) -> None:
    for on_postgresql in sorted({mutant.needs_postgresql for mutant in chosen}):
        if failed := failure_without_a_mutant(on_postgresql=on_postgresql):
            raise Unusable(f"{failed} fails without any mutant: mend that first.")


def _hunted(chosen: list[Mutant]) -> Iterable[Result]:
    with ThreadPoolExecutor(WORKERS) as pool:
        yield from pool.map(hunt, chosen)


def _report(results: Iterable[Result]) -> int:
    count = caught = 0
    for result in results:
        count, caught = count + 1, caught + bool(result.caught_by)
        ending = f"caught by {result.caught_by}" if result.caught_by else "SURVIVED"
        print(f"{result.mutant.name}: {ending}", flush=True)
    print(f"{count} mutants, {caught} caught")
    return 0 if count == caught else 1


if __name__ == "__main__":
    sys.exit(main())
