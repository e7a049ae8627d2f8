"""How many purchases a second the shop carries, and what one costs: prints the guide's table.

Shoppers, stand-in, shop and database share this machine, so the rate is theirs together; the
CPU time is kept apart for each of them, and is what the arithmetic goes by.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tools.postgresql import Cluster
from tools.scaling.purchase import Purchases
from tools.stage import Stage, shop_for
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET

WARM_UP_SECONDS, SECONDS = 3, 15
SHOPPERS = 40
SESSIONS = "/v1/checkout/sessions"
STRIPE_SECONDS = 0.3
"""How long Stripe may take to open a session; a thread of the shop waits for it."""
COLUMNS = ("rate", "shop", "database", "others", "commits", "syncs", "wal_kb", "connections")
STEPS = ("cart", "Buy", "page", "poll", "webhook")
TICKS = os.sysconf("SC_CLK_TCK")
COUNTERS = """
SELECT (SELECT SUM(xact_commit) FROM pg_stat_database), wal_bytes / 1024, wal_sync,
       (SELECT COUNT(*) FROM pg_stat_activity WHERE backend_type = 'client backend') - 1
FROM pg_stat_wal
"""


@dataclass(frozen=True)
class Process:
    """What /proc says of one: its CPU time, and that of its children that have ended."""

    group: int
    parent: int
    cpu_ms: float
    children_ms: float


def processes() -> dict[int, Process]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue  # it has just ended
        own, children = (sum(map(int, fields[n : n + 2])) * 1000 / TICKS for n in (11, 13))
        found[int(path.parent.name)] = Process(int(fields[2]), int(fields[1]), own, children)
    return found


@dataclass
class Trial:
    """The shop in one setting: a database and a number of workers."""

    stage: Stage
    server: Cluster | None
    purchases: Purchases

    def saturated(self) -> dict[str, float]:
        """Buy as fast as it goes; returns the rate, and the costs of one purchase."""
        with ThreadPoolExecutor(SHOPPERS) as crowd:
            self._shop_for(WARM_UP_SECONDS, crowd)
            self.purchases.forget()
            before, began = self._counted(), time.perf_counter()
            self._shop_for(SECONDS, crowd)
            seconds, after = time.perf_counter() - began, self._counted()
        count = self.purchases.count
        costs = {name: (after[name] - before[name]) / count for name in after}
        return costs | {"rate": count / seconds, "connections": after.get("connections", 0)}

    def at_rate(self, rate: float) -> dict[str, list[float]]:
        """Begin so many purchases a second, however long each takes; returns the steps' times."""
        self.purchases.forget()
        with ThreadPoolExecutor(2 * SHOPPERS) as crowd:
            begun, count = time.perf_counter(), int(rate * SECONDS)
            under_way = []
            for number in range(count):
                time.sleep(max(0, begun + number / rate - time.perf_counter()))
                under_way.append(crowd.submit(self.purchases.make))
        for purchase in under_way:
            purchase.result()
        return self.purchases.seconds

    def _shop_for(self, seconds: float, crowd: ThreadPoolExecutor) -> None:
        deadline = time.perf_counter() + seconds

        def shop() -> None:
            while time.perf_counter() < deadline:
                self.purchases.make()

        for shopper in [crowd.submit(shop) for _ in range(SHOPPERS)]:
            shopper.result()

    def _counted(self) -> dict[str, float]:
        """CPU time of each part in milliseconds, and PostgreSQL's own figures, so far."""
        known = processes()
        counts: dict[str, float] = {}
        group = self.stage.shop.group
        counts["shop"] = known[group].children_ms + sum(
            p.cpu_ms for p in known.values() if p.group == group
        )
        counts["others"] = time.process_time() * 1000
        if self.server:
            children = [p.cpu_ms for p in known.values() if p.parent == self.server.pid]
            server = known[self.server.pid]
            counts["database"] = server.cpu_ms + server.children_ms + sum(children)
            with psycopg.connect(self.server.url) as connection:
                figures = connection.execute(COUNTERS).fetchone()
            names = ("commits", "wal_kb", "syncs", "connections")
            counts.update(dict(zip(names, map(int, figures or ()), strict=True)))
        return counts


@dataclass(frozen=True)
class Setting:
    workers: int
    on_postgresql: bool
    stripe_seconds: float = 0

    def __str__(self) -> str:
        database = "PostgreSQL" if self.on_postgresql else "SQLite"
        stripe = f", Stripe {self.stripe_seconds} s" if self.stripe_seconds else ""
        return f"{database}, {self.workers} worker{'s' * (self.workers > 1)}{stripe}"

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        with ExitStack() as undo:
            folder = Path(undo.enter_context(tempfile.TemporaryDirectory()))
            # Durable: a commit that does not wait for the disk would cost nothing.
            server = undo.enter_context(Cluster(durable=True)) if self.on_postgresql else None
            database = server.url if server else f"sqlite:///{folder / 'shop.sqlite3'}"
            stripe = undo.enter_context(StandIn(secret=SECRET))
            stripe.listen(None)
            stripe.fault("POST", SESSIONS, hang=self.stripe_seconds, times=10**9)
            shop = shop_for(database, stripe, folder / "log", self.workers).prepare()
            stage = Stage(undo.enter_context(shop), stripe, database)
            yield Trial(stage, server, Purchases(shop.url, stripe, stage.product("Mouse")))

    def measured(self) -> list[str]:
        """Return two rows: the costs at saturation, and the latencies at half of it."""
        with self.trial() as shop:
            costs = shop.saturated()
            seconds = shop.at_rate(costs["rate"] / 2)
        first = "".join(f" {costs.get(name, 0):.1f} |" for name in COLUMNS)
        second = "".join(f" {ms(seconds[step])} |" for step in STEPS)
        print(f"{self}:{first}{second}", file=sys.stderr)
        return [f"| {self} |{first}", f"| {self} |{second}"]


SETTINGS = (
    Setting(1, on_postgresql=True),
    Setting(2, on_postgresql=True),
    Setting(1, on_postgresql=True, stripe_seconds=STRIPE_SECONDS),
    Setting(1, on_postgresql=False),
    Setting(2, on_postgresql=False),
)


def ms(seconds: list[float]) -> str:
    """The median and the slowest of a hundred, in milliseconds."""
    p99 = statistics.quantiles(seconds, n=100)[98]
    return f"{statistics.median(seconds) * 1000:.0f} / {p99 * 1000:.0f}"


def main() -> None:
    rows = [setting.measured() for setting in SETTINGS]
    for number, titles in enumerate((COLUMNS, STEPS)):
        print(f"| | {' | '.join(titles)} |", f"|{' --- |' * (len(titles) + 1)}", sep="\n")
        print(*(row[number] for row in rows), "", sep="\n")
