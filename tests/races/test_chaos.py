"""Processes die at any moment while people buy and pay: nothing is lost, doubled or invented."""

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.races.chaos import CHECKOUT_MINUTES, Chaos, in_proof, seed
from tests.races.snapshots import take_snapshot
from tests.races.tampering import TAMPERINGS, Tampering
from tests.races.test_crashes import UNTIL_STRIPE_SENDS_AGAIN
from tests.races.test_worker import buys_and_pays
from tools.invariants import AT_REST, complaints
from tools.postgresql import Cluster, programs
from tools.snapshot import Snapshot
from tools.stage import Stage, new_stage, stage_on
from tools.waiting import PATIENCE_SECONDS

KILLS, RESTARTS = in_proof(200, 6), in_proof(10, 1)
PURCHASES_BETWEEN_RESTARTS = in_proof(15, 8)


@pytest.fixture(scope="module", autouse=True)
def long_checkouts() -> Iterator[None]:
    """And codes, so that what is paid is not always what the order came to."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHECKOUT_MINUTES", CHECKOUT_MINUTES)
        environment.setenv("PROMOTION_CODES", "true")
        yield


@pytest.fixture(scope="module")
def running_stage(
    tmp_path_factory: pytest.TempPathFactory, long_checkouts: None
) -> Iterator[Stage]:
    with new_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@dataclass(frozen=True)
class Run:
    chaos: Chaos
    seen: Snapshot
    summary: str


@pytest.fixture(scope="module")
def run(running_stage: Stage) -> Run:
    """The long one: processes die under load, and then it is quiet."""
    running_stage.stripe.listen(running_stage.shop.webhook_url)
    began, chaos = time.monotonic(), Chaos(running_stage, seed())
    strikes = {chaos.kill_a_worker: 12, chaos.kill_the_reconciler: 3, chaos.kill_them_all: 1}
    seen = chaos.run(KILLS, strikes)
    return Run(chaos, seen, summary("kills", chaos, seen, began))


def test_processes_killed_at_any_moment_lose_nothing(run: Run, at_the_end: Callable[[str], None]):
    at_the_end(run.summary)
    assert complaints(run.seen, AT_REST) == []
    assert (run.chaos.troubles, run.chaos.reconciler.deaths) == ([], 0)
    assert run.chaos.answers[500] == 0, errors_in(run.chaos.stage.shop.log)


def test_if_events_are_recorded_on_their_own_something_is_lost(stage: Stage):
    stage.forget_orders()
    with stage.altered("events_are_recorded_after_the_commit") as unguarded:
        buys_and_pays(unguarded)
        unguarded.stripe.advance(UNTIL_STRIPE_SENDS_AGAIN)
        unguarded.stripe.wait_until_quiet(PATIENCE_SECONDS)
    assert "is PAID, by no event" in " ".join(complaints(take_snapshot(stage, {}), AT_REST))


@pytest.mark.parametrize(("tamper", "words"), TAMPERINGS)
def test_the_invariants_notice(run: Run, tamper: Tampering, words: str):
    assert re.search(words, "\n".join(complaints(tamper(run.seen), AT_REST)))


def test_a_database_restarted_under_load_loses_nothing(
    tmp_path: Path, at_the_end: Callable[[str], None]
):
    began = time.monotonic()
    with cluster() as server, stage_on(server.url, tmp_path) as stage:
        stage.stripe.listen(stage.shop.webhook_url)
        chaos = Chaos(stage, seed(), PURCHASES_BETWEEN_RESTARTS)

        def restart_the_database() -> bool:
            server.restart("immediate")
            return True

        seen = chaos.run(RESTARTS, {restart_the_database: 1})
    at_the_end(summary("restarts of PostgreSQL", chaos, seen, began))
    assert complaints(seen, AT_REST) == []
    assert (chaos.troubles, chaos.reconciler.deaths) == ([], 0)


def errors_in(log: Path) -> list[str]:
    """How each traceback in the log ends."""
    ends = re.compile(r"^[a-zA-Z_.]+(?:Error|Exception|Timeout)\b.*$", re.MULTILINE)
    return ends.findall(log.read_text().replace(r"\n", "\n"))


def cluster() -> Cluster:
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("The tests run on SQLite, which has no server to restart.")
    try:
        programs()
    except LookupError as error:
        pytest.skip(str(error))
    return Cluster(durable=True)


def summary(what: str, chaos: Chaos, seen: Snapshot, began: float) -> str:
    wrong = complaints(seen, AT_REST)
    line = (
        f"chaos: {chaos.struck} {what}, {len(seen.orders):,} purchases, "
        f"{len(seen.paid_sessions):,} paid, seed {chaos.seed}, "
        f"{f'{len(wrong)} complaints' if wrong else 'nothing lost'} "
        f"({time.monotonic() - began:.0f} s)"
    )
    print(line, dict(chaos.answers), f"reconciler died {chaos.reconciler.deaths} times")
    return line
