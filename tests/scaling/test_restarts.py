"""What a shopper at nginx meets when one of the processes behind it ends, gently or not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.scaling.next_release import CONTRACT, next_release
from tests.scaling.programs import nginx
from tests.scaling.rollout import Frontage, frontage
from tools.at_once import at_once
from tools.http_shopper import Answer, HttpShopper
from tools.postgresql import free_port
from tools.shop_process import ShopProcess, new_database
from tools.stage import is_lost_within_some_rounds, shop_for
from tools.stripe_stand_in import StandIn
from tools.waiting import wait_until

SESSIONS = "/v1/checkout/sessions"
CROWD = 8
STOPPING_SECONDS = 1.5
HEARD = "Handling signal: term"
# Longer than any kill takes; the test ends it.
HANGS_SECONDS = 30
AS_THE_GUIDE_SAYS = "proxy_next_upstream error timeout;"
SENT_AGAIN = "proxy_next_upstream error timeout non_idempotent;"

pytestmark = [pytest.mark.fleet, pytest.mark.usefixtures("database")]


@pytest.fixture(scope="module")
def held(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontage]:
    """Two processes whose sockets stay open while they restart."""
    with frontage(database, [database] * 2, tmp_path_factory.mktemp("held")) as stage:
        yield stage


@pytest.fixture(scope="module")
def alone(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frontage]:
    """Two processes that open their sockets themselves."""
    folder = tmp_path_factory.mktemp("alone")
    with frontage(database, [database] * 2, folder, holds_sockets=False) as stage:
        yield stage


def test_a_restart_makes_shoppers_wait_and_turns_none_away(held: Frontage):
    assert answers_during_a_restart(held) == [303] * CROWD


def test_without_its_socket_held_a_restart_turns_some_away(alone: Frontage):
    # A shopper who comes before the worker has heard of it, or after it has gone, is served.
    assert is_lost_within_some_rounds(lambda: 502 not in answers_during_a_restart(alone))


def test_a_process_that_does_not_answer_is_passed_by(alone: Frontage):
    gone, _ = alone.shop.members
    gone.kill()
    ada, mouse = HttpShopper(alone.shop.url), alone.product("Mouse")
    answers = [ada.puts(mouse, number).status for number in range(1, CROWD + 1)]
    gone.start()
    assert answers == [303] * CROWD


def test_what_a_dead_process_had_in_hand_is_asked_once_and_may_be_asked_again(alone: Frontage):
    ada, answer = buys_from_a_process_that_dies(alone, AS_THE_GUIDE_SAYS)
    assert (answer.status, sessions_asked_for(alone)) == (502, 1)
    assert ada.at(alone.shop.url).buys().leads_to_payment
    assert alone.orders(ada) == [("PENDING", *alone.stripe.sessions)]


def test_if_nginx_asked_again_by_itself_the_shop_would_still_sell_once(alone: Frontage):
    ada, answer = buys_from_a_process_that_dies(alone, SENT_AGAIN)
    assert answer.leads_to_payment
    assert sessions_asked_for(alone) > 1
    assert alone.orders(ada) == [("PENDING", *alone.stripe.sessions)]


def test_a_migration_that_takes_away_what_old_code_needs_fails_purchases(tmp_path: Path):
    new = next_release(tmp_path / "new", CONTRACT)
    with new_database(tmp_path) as database, StandIn() as stripe:
        shop = shop_for(database, stripe, tmp_path / "log", workers=1).prepare()
        with shop:
            ada = HttpShopper(shop.url)
            ada.puts(1, 1)
            shop.folder = new
            shop.manage("migrate", "--no-input")
            assert ada.buys().status == 500


def answers_during_a_restart(stage: Frontage) -> list[int]:
    """One process ends as it should, which takes a while, as it has something in hand."""
    stage.stripe.reset()
    [stopping, _], mouse = stage.shop.members, stage.product("Mouse")
    ada, crowd = HttpShopper(stage.shop.url), [HttpShopper(stage.shop.url) for _ in range(CROWD)]
    ada.puts(mouse, 1)
    stage.stripe.fault("POST", SESSIONS, hang=STOPPING_SECONDS)
    with ThreadPoolExecutor() as meanwhile:
        purchase = meanwhile.submit(ada.at(stopping.url).buys)
        wait_until(lambda: stage.stripe.requests)
        heard = times_heard(stopping)
        restart = meanwhile.submit(stopping.restart)
        wait_until(lambda: times_heard(stopping) > heard)
        answers = at_once([partial(shopper.puts, mouse, 1) for shopper in crowd])
        restart.result()
    assert purchase.result().leads_to_payment
    return [answer.status for answer in answers]


def times_heard(process: ShopProcess) -> int:
    """How often it was asked to end."""
    return process.log.read_text(errors="replace").count(HEARD)


def buys_from_a_process_that_dies(stage: Frontage, moving_on: str) -> tuple[HttpShopper, Answer]:
    """An nginx of its own asks the first of its servers first, which dies with Buy in hand."""
    stage.stripe.reset()
    dying, other = stage.shop.members
    ada, port = HttpShopper(stage.shop.url), free_port()
    ada.puts(stage.product("Mouse"), 2)
    stage.stripe.fault("POST", SESSIONS, after=True, hang=HANGS_SECONDS)
    with (
        nginx(port, [dying.port, other.port], {AS_THE_GUIDE_SAYS: moving_on}),
        ThreadPoolExecutor() as meanwhile,
    ):
        purchase = meanwhile.submit(ada.at(f"http://127.0.0.1:{port}").buys)
        wait_until(lambda: stage.stripe.hanging)
        dying.kill()
        stage.stripe.clear_faults()
        answer = purchase.result()
    dying.start()
    return ada, answer


def sessions_asked_for(stage: Frontage) -> int:
    return [request.path for request in stage.stripe.requests].count(SESSIONS)
