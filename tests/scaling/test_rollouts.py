"""Processes behind nginx are restarted, killed and brought up to date while people buy."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.races.chaos import (
    CHECKOUT_MINUTES,
    MOST_SKIPPED_SECONDS,
    Strike,
    in_proof,
    seed,
)
from tests.scaling.conftest import SIZE
from tests.scaling.next_release import ADDED_FILE, EXPAND, last_release, next_release
from tests.scaling.rollout import Frontage, Rollout, frontage
from tools.at_once import at_once
from tools.http_shopper import HttpShopper
from tools.invariants import AT_REST, complaints
from tools.shop_process import PROJECT, new_database, through
from tools.waiting import wait_until

STRIKES, PURCHASES_BETWEEN = in_proof(20, 2), in_proof(20, 5)
POOLERS = ["without PgBouncer", "with PgBouncer"] if os.environ.get("PROVE") else ["with both"]
THREADS = 8

PAID_AND_SHIPPED = """
    SELECT o.shipped_at, o.paid_at, e.received_at, m.applied
    FROM checkout_order o JOIN checkout_stripeevent e ON e.order_id = o.id AND e.follow_up <> ''
    JOIN django_migrations m ON m.app = 'checkout' AND m.name = '0015_delivery'
"""

pytestmark = pytest.mark.fleet


@pytest.fixture(scope="module", params=POOLERS)
def stage(
    request: pytest.FixtureRequest,
    pooled: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Frontage]:
    """A proof has all processes behind PgBouncer or none; otherwise one goes without."""
    folder = tmp_path_factory.mktemp("stage")
    # Each has its own database, as a migration happens once.
    with new_database(folder) as direct:
        bounced = through(pooled, direct)
        others = direct if request.param == "without PgBouncer" else bounced
        first = bounced if request.param == "with PgBouncer" else direct
        ways = [first, *[others] * (SIZE - 1)]
        with frontage(direct, ways, folder, CHECKOUT_MINUTES=CHECKOUT_MINUTES) as stage:
            yield stage


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return next_release(tmp_path_factory.mktemp("release") / "shop", EXPAND)


def test_no_purchase_fails_and_no_payment_is_lost(
    stage: Frontage,
    release: Path,
    request: pytest.FixtureRequest,
    at_the_end: Callable[[str], None],
):
    began, chaos = time.monotonic(), Rollout(stage, seed(), PURCHASES_BETWEEN)
    to_release: Strike = partial(chaos.release, release)
    strikes: dict[Strike, int] = {chaos.fleet.roll: 5, chaos.kill_one: 5, to_release: 1}
    seen = chaos.run(STRIKES, strikes)
    at_the_end(chaos.summary(seen, time.monotonic() - began, request.node.callspec.id))
    assert complaints(seen, AT_REST) == []
    assert chaos.failures == []
    assert (chaos.troubles, chaos.reconciler.deaths) == ([], 0)
    # Pressed again, each of them was served; and none was turned away but by a death.
    assert len(stage.lost) == chaos.lost_to_deaths <= chaos.deaths * THREADS
    assert len(seen.paid_sessions) > STRIKES * PURCHASES_BETWEEN / 2


def test_a_file_that_only_the_new_code_has_is_found_wherever_nginx_asks_first(
    stage: Frontage, release: Path
):
    new, old, *_ = stage.shop.members
    stage.shop.folder = new.folder = release
    old.folder = PROJECT
    stage.shop.manage("migrate", "--no-input")
    at_once([new.restart, old.restart])
    assert HttpShopper(old.url).sees(f"/static/{ADDED_FILE}").status == 404
    answers = [stage.shopper().sees(f"/static/{ADDED_FILE}").status for _ in range(2 * SIZE)]
    assert answers == [200] * len(answers)


class FromTheLastRelease(Rollout):
    """Stripe's clock stays right, as what was paid before is told by it.

    A press at each release at once would ask Stripe for one thing in two ways, under one key: the
    second is refused, and its shopper has to press again.
    """

    presses = (1,)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._skipped = MOST_SKIPPED_SECONDS

    def prepare(self) -> None:
        """The last release knows neither delivery nor messages; its database is new."""

    def _wait_for_purchases(self) -> None:
        super()._wait_for_purchases()
        paid = "SELECT COUNT(*) FROM checkout_order WHERE paid_at IS NOT NULL"
        wait_until(lambda: self.stage.number(paid), "Nothing is paid.")

    def old_code_goes_on(self) -> None:
        def hears_of_a_payment() -> bool:
            rows = self.stage.sql(PAID_AND_SHIPPED)
            return any(heard_at >= begun for _, _, heard_at, begun in rows)

        wait_until(hears_of_a_payment, "Nothing is paid.")


def test_the_last_release_sells_while_this_one_migrates(
    pooled: str, tmp_path: Path, at_the_end: Callable[[str], None]
):
    try:
        old = last_release(tmp_path / "last")
    except LookupError as error:
        pytest.skip(str(error))
    began = time.monotonic()
    with new_database(tmp_path) as database:
        ways = [database, through(pooled, database)]
        options: dict[str, Any] = {"CHECKOUT_MINUTES": CHECKOUT_MINUTES, "folder": old}
        with frontage(database, ways, tmp_path, **options) as stage:
            chaos = FromTheLastRelease(stage, seed(), PURCHASES_BETWEEN)
            seen = chaos.run(1, {partial(chaos.release, PROJECT): 1})
            orders = stage.sql(PAID_AND_SHIPPED)
    at_the_end(chaos.summary(seen, time.monotonic() - began, "from the last release"))
    assert complaints(seen, AT_REST) == []
    assert (chaos.failures, chaos.troubles, chaos.reconciler.deaths) == ([], [], 0)
    # What was paid when the migrations had begun is still to be shipped, and nothing else.
    since = [shipped_at for shipped_at, _, heard_at, begun in orders if heard_at >= begun]
    before = [
        shipped_at == paid_at
        for shipped_at, paid_at, heard_at, begun in orders
        if heard_at < begun and paid_at < begun
    ]
    assert since
    assert before
    assert not any(since)
    assert all(before)
