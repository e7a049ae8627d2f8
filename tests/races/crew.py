"""Several servers of one shop, as on several machines, each with its worker beside it."""

import os
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.races.alterations import WORKER_OF_TESTS
from tools.at_once import at_once
from tools.mail_server import MailServer
from tools.shop_process import ShopProcess, new_database, through
from tools.stage import Stage, shop_for
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET
from tools.waiting import wait_until

PROCESS = re.compile(r" *(\d+) +(\d+) +([^Z]\S*) (.*)")


@dataclass(frozen=True)
class Crew:
    stage: Stage
    shops: list[ShopProcess]
    trace: Path

    def holder(self, name: str = "orders") -> int:
        """Return the process that has the lease, 0 if none has."""
        held = f"SELECT holder FROM checkout_lease WHERE name = '{name}' AND holder <> ''"
        return next((int(row[0].split(":")[1]) for row in self.stage.sql(held)), 0)

    def strike_holder(self, number: signal.Signals) -> int:
        """Send a signal to the one that is at the orders, and return which it was."""
        struck: list[int] = []
        wait_until(lambda: self._strikes(number, struck), "Nobody is at work.")
        return struck[0]

    def _strikes(self, number: signal.Signals, struck: list[int]) -> bool:
        # The number may be of a process that is gone, and its lease still holds.
        if (holder := self.holder()) and holder in self.workers():
            if number == signal.SIGKILL:
                os.kill(holder, number)
            else:
                self.stop(holder)
            if number == signal.SIGKILL or self.holder() == holder:
                struck.append(holder)
            else:
                os.kill(holder, signal.SIGCONT)
        return bool(struck)

    def stop(self, worker: int) -> None:
        """Stop it between two writes: in the middle of one it would keep SQLite for itself."""
        wait_until(lambda: self._stops(worker), "It writes without end.")

    def _stops(self, worker: int) -> bool:
        os.kill(worker, signal.SIGSTOP)
        wait_until(lambda: stands_still(worker), "It does not stop.")
        if not self.stage.is_on_sqlite or can_be_written(self.stage.database):
            return True
        os.kill(worker, signal.SIGCONT)
        return False

    def workers(self) -> list[int]:
        return [worker for shop in self.shops for worker in workers_of(shop)]

    def rounds(self) -> list[tuple[int, str]]:
        """Who began and ended a round, in turn."""
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        return [(int(line.split()[0]), line.split()[1]) for line in lines]

    def ended_by(self, worker: int) -> int:
        return self.rounds().count((worker, "ends"))

    def wait_for_rounds(self, count: int) -> None:
        """Wait until so many more have come to their end."""
        for number in range(self._ended() + 1, self._ended() + 1 + count):
            wait_until(lambda n=number: self._ended() >= n, "No round is done.")  # type: ignore[misc]

    def _ended(self) -> int:
        return [words for _, words in self.rounds()].count("ends")

    def begun_together(self, struck: tuple[int, ...] = ()) -> int:
        """How many rounds began while another process was at one; not one that was `struck`."""
        at_it: set[int] = set()
        together = 0
        for process, words in self.rounds():
            if words == "begins":
                together += bool(at_it - {process, *struck})
                at_it.add(process)
            else:
                at_it.discard(process)
        return together


def stands_still(process: int) -> bool:
    """Whether it was stopped: each thread is once it leaves the kernel, maybe with a lock."""
    try:
        threads = [file.read_text() for file in Path(f"/proc/{process}/task").glob("*/stat")]
    except OSError:  # one has just ended
        return False
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in threads)


def can_be_written(database: str) -> bool:
    """Whether nobody is at it now."""
    path = database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as file:
        try:
            file.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


def workers_of(shop: ShopProcess) -> list[int]:
    """The processes that work beside a server, or the one that replaces it; none is a zombie."""
    return [pid for pid, _ in working() if group_of(pid) == shop.group]


def group_of(pid: int) -> int:
    """Return the process group, or 0 of a process that is gone by now."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def working() -> list[tuple[int, int]]:
    """All workers beside servers of this machine, with their parents."""
    said = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = map(PROCESS.fullmatch, said.stdout.splitlines())
    found = [(int(row[1]), int(row[2]), row[4]) for row in rows if row]
    return [(pid, parent) for pid, parent, line in found if line.endswith("--beside-a-server")]


@contextmanager
def forked_crew(stage: Stage, folder: Path, *alterations: str, size: int = 2) -> Iterator[Crew]:
    """Several workers of the stage's shop, beside no server; they write into one `log`."""
    trace, log = folder / "trace", folder / "log"
    log.touch()
    altered = (*WORKER_OF_TESTS, "each_fork_is_a_holder", *alterations)
    workers = stage.forks(size, "work", *altered, log=str(log), TRACE=str(trace))
    try:
        yield Crew(stage, [], trace)
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        stage.ends_of(workers)


@contextmanager
def crew(
    folder: Path, *alterations: str, size: int = 2, pool: str = "", **environment: Any
) -> Iterator[Crew]:
    """Several servers whose code is changed as the alterations say; they may share a pool."""
    environment = {
        "WORKER": "inline",
        "DJANGO_SETTINGS_MODULE": "tests.races.altered_settings",
        "ALTERATIONS": " ".join((*WORKER_OF_TESTS, *alterations)),
        "TRACE": str(folder / "trace"),
    } | environment
    with (
        new_database(folder) as database,
        StandIn(secret=SECRET) as stripe,
        MailServer() as post,
        ExitStack() as undo,
    ):
        environment["MAIL_URL"] = post.url
        ShopProcess(database).prepare()
        url = through(pool, database) if pool else database
        shops = [shop_for(url, stripe, folder / "log", 1, **environment) for _ in range(size)]
        for shop in shops:
            undo.callback(shop.kill)
        at_once([shop.start for shop in shops])
        stripe.listen(shops[0].webhook_url)
        yield Crew(Stage(shops[0], stripe, database, post), shops, folder / "trace")
