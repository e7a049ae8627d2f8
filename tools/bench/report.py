"""Measures the shop on both databases in one run, and says what it saw as a table."""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tools import postgresql
from tools.bench.measure import Bench, Figures, fill_the_shelf
from tools.shop_process import ShopProcess
from tools.stage import Stage, real_mode_with
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET

ROUNDS, REQUESTS = 15, 200
BARE = ("bare SELECT", "bare UPDATE", "bare page of 8 KB")
GOALS = {
    "unchanged poll": ("bare SELECT", 1.2),
    "cart update": ("bare SELECT", 3.0),
    "cart update with rates": ("cart update", 1.15),
    "home": ("bare SELECT", 2.5),
    "home with rates": ("home", 1.1),
    "webhook": ("bare UPDATE", 2.2),
    "Buy": ("bare UPDATE", None),
}
MEMORY_GOAL_MB, START_GOAL_SECONDS = 80, 1.2


@dataclass(frozen=True)
class Outcome:
    """What was measured on one database; `seconds` from the start of gunicorn to an answer."""

    database: str
    figures: Figures
    memory_mb: float
    seconds: float

    def __str__(self) -> str:
        rows = [
            f"### {self.database}",
            "",
            "| request | CPU, ms | beside | ratio | to reach |",
            "| --- | ---: | --- | ---: | ---: |",
            *(f"| {kind} | {self.figures.median(kind):.2f} | | | |" for kind in BARE),
            *(self._row(kind, *goal) for kind, goal in GOALS.items()),
            "",
            f"Memory of the worker at its largest: {self.memory_mb:.0f} MB (to reach: "
            f"{MEMORY_GOAL_MB}). From the start to the first answer: {self.seconds:.2f} s "
            f"(to reach: {START_GOAL_SECONDS}).",
        ]
        return "\n".join(rows)

    def _row(self, kind: str, beside: str, goal: float | None) -> str:
        cost, ratio = self.figures.median(kind), self.figures.ratio(kind, beside)
        return f"| {kind} | {cost:.2f} | {beside} | {ratio:.2f} | {goal or ''} |"


def main() -> int:
    options = _options()
    print(f"{datetime.now(tz=UTC):%Y-%m-%d}, {os.cpu_count()} cores, {options.rounds} rounds")
    with tempfile.TemporaryDirectory() as folder:
        for database, url in _databases(Path(folder), options.only):
            with _bench(url, Path(folder)) as (bench, seconds):
                figures = bench.run(options.rounds, options.requests)
                memory = bench.usage()["peak_kib"] / 1024
            print(f"\n{Outcome(database, figures, memory, seconds)}", flush=True)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each kind in a round")
    parser.add_argument("--only", choices=["SQLite", "PostgreSQL"])
    return parser.parse_args()


def _databases(folder: Path, only: str | None) -> Iterator[tuple[str, str]]:
    if only != "PostgreSQL":
        yield "SQLite", f"sqlite:///{folder / 'shop.sqlite3'}"
    if only != "SQLite":
        with postgresql.Cluster() as cluster:
            yield "PostgreSQL", cluster.url


@contextmanager
def _bench(url: str, folder: Path) -> Iterator[tuple[Bench, float]]:
    with ExitStack() as undo:
        stripe = undo.enter_context(StandIn(secret=SECRET))
        stripe.lose()
        shop = ShopProcess(
            url,
            log=folder / "log",
            # The worker is the same from the first request to the last.
            GUNICORN_CMD_ARGS="--max-requests=0",
            DJANGO_SETTINGS_MODULE="tools.bench.settings",
            STATIC_ROOT=str(folder / "static"),
            OPEN_ORDERS_PER_ADDRESS="1000000",
            **real_mode_with(stripe.url),
        )
        shop.manage("collectstatic", "--no-input", "--verbosity=0")
        shop.prepare()
        stage = Stage(shop, stripe, url)
        products = fill_the_shelf(stage)
        undo.enter_context(shop)
        yield Bench(stage, products), shop.seconds_to_start
