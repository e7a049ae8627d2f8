"""Processes behind nginx are restarted, killed and brought up to date while people buy."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.races.chaos import CHECKOUT_MINUTES, Strike, in_proof, seed
from tests.scaling.conftest import SIZE
from tests.scaling.next_release import ADDED_FILE, EXPAND, next_release
from tests.scaling.rollout import Frontage, Rollout, frontage
from tools.at_once import at_once
from tools.http_shopper import HttpShopper
from tools.invariants import AT_REST, complaints
from tools.shop_process import PROJECT, new_database

STRIKES, PURCHASES_BETWEEN = in_proof(20, 2), in_proof(20, 10)
POOLERS = ["without PgBouncer", "with PgBouncer"] if os.environ.get("PROVE") else ["with both"]
THREADS = 8

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
        bounced = urlsplit(pooled)._replace(path=urlsplit(direct).path).geturl()
        others = direct if request.param == "without PgBouncer" else bounced
        through = [bounced if request.param == "with PgBouncer" else direct, *[others] * (SIZE - 1)]
        with frontage(direct, through, folder, CHECKOUT_MINUTES=CHECKOUT_MINUTES) as stage:
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
    new, old, _ = stage.shop.members
    stage.shop.folder = new.folder = release
    old.folder = PROJECT
    stage.shop.manage("migrate", "--no-input")
    at_once([new.restart, old.restart])
    assert HttpShopper(old.url).sees(f"/static/{ADDED_FILE}").status == 404
    answers = [stage.shopper().sees(f"/static/{ADDED_FILE}").status for _ in range(2 * SIZE)]
    assert answers == [200] * len(answers)
