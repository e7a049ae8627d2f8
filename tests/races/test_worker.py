"""Workers beside several servers share the work: one at a time, and nothing is done twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storefront.ops.companion import NOT_WANTED
from tests.races.alterations import OVER, PAUSE
from tests.races.chaos import in_proof
from tests.races.crew import Crew, crew, forked_crew, workers_of, working
from tests.races.snapshots import take_snapshot
from tools.http_shopper import HttpShopper
from tools.invariants import AT_REST, complaints
from tools.postgresql import free_port
from tools.shop_process import PROJECT, ShopProcess, new_database
from tools.stage import Stage
from tools.waiting import PATIENCE_SECONDS, wait_until

KILLS, STOPS, ROUNDS = in_proof(20, 2), in_proof(5, 1), in_proof(60, 5)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with crew(tmp_path_factory.mktemp("crew")) as servers:
        yield servers


@pytest.fixture(scope="module")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with crew(tmp_path_factory.mktemp("one"), size=1) as server:
        yield server


@pytest.fixture
def server(running_server: Crew) -> Crew:
    [shop] = running_server.shops
    if not shop.is_ready():
        shop.kill()
        shop.start()
    return running_server


class TestOneHolder:
    def test_is_at_work_at_any_time(self, servers: Crew):
        servers.wait_for_rounds(ROUNDS)
        assert servers.begun_together() == 0

    def test_would_not_be_alone_without_the_lease(self, stage: Stage, tmp_path: Path):
        with forked_crew(stage, tmp_path, "every_process_has_the_lease") as unguarded:
            wait_until(unguarded.begun_together, "They never met.")

    def test_that_is_killed_or_stopped_leaves_its_work_to_others_and_nothing_is_done_twice(
        self, servers: Crew, at_the_end: Callable[[str], None]
    ):
        struck: list[int] = []
        for number in (signal.SIGKILL,) * KILLS + (signal.SIGSTOP,) * STOPS:
            buys_and_pays(servers.stage, is_heard=len(struck) % 2 == 0)
            worker = servers.strike_holder(number)
            struck.append(worker)
            servers.wait_for_rounds(1)
            if number == signal.SIGSTOP:
                ended = servers.ended_by(worker)
                os.kill(worker, signal.SIGCONT)
                # It ends as another one took over, or was just done when it was stopped.
                wait_until(
                    lambda w=worker, n=ended: (  # type: ignore[misc]
                        w not in servers.workers() or servers.ended_by(w) > n
                    )
                )
        assert servers.begun_together(tuple(struck)) == 0
        wait_until(lambda: all_is_told(servers.stage), "Not all is told.")
        seen = take_snapshot(servers.stage, {})
        assert complaints(seen, AT_REST) == []
        assert len(seen.paid_sessions) == len(struck)
        at_the_end(f"worker: {KILLS} killed at their work, {STOPS} stopped past their lease")


class TestAWish:
    def test_is_granted_by_one_of_them_within_seconds(self, servers: Crew):
        stage = servers.stage
        known, rows = {*stage.stripe.sessions}, "SELECT COUNT(*) FROM checkout_heartbeat WHERE name"
        wish = "VALUES ('stripe wished', CURRENT_TIMESTAMP, '')"
        stage.sql(f"INSERT INTO checkout_heartbeat (name, at, note) {wish}")
        wait_until(lambda: not stage.number(f"{rows} = 'stripe wished'"), "Nobody grants it.")
        assert stage.number(f"{rows} = 'at stripe'") == 1
        (probe,) = {*stage.stripe.sessions} - known
        assert stage.stripe.session(probe)["status"] == "expired"


class TestAStoppedHolderThatGoesOn:
    """It was stopped after it had seen that something is due, and before it was done."""

    ALTERED = ("messages_take_a_moment", "lost_leases_go_unnoticed")

    def told(self, stage: Stage, folder: Path, *alterations: str) -> int:
        stage.forget_orders()
        buys_and_pays(stage)
        with forked_crew(stage, folder, *alterations, *self.ALTERED) as workers:
            log, post = folder / "log", stage.post
            wait_until(lambda: PAUSE in log.read_text(), "Nothing is due.")
            stopped = workers.holder("messages")
            workers.stop(stopped)
            assert not post.mails
            wait_until(lambda: len(post.mails) == 1, "Nobody else takes over.")
            os.kill(stopped, signal.SIGCONT)
            wait_until(lambda: log.read_text().count(OVER) == 2, "It does not go on.")
            return len(post.mails)

    def test_does_not_do_again_what_another_has_done(self, stage: Stage, tmp_path: Path):
        assert self.told(stage, tmp_path) == 1

    def test_would_without_the_claim(self, stage: Stage, tmp_path: Path):
        assert self.told(stage, tmp_path, "messages_are_not_claimed") > 1


@pytest.mark.once
class TestAWorkerAndItsServer:
    def test_is_started_again_when_it_dies(self, server: Crew):
        first = worker_of(server)
        os.kill(first, signal.SIGKILL)
        assert worker_of(server, besides=first)
        server.wait_for_rounds(2)

    def test_is_one_while_web_workers_come_and_go(self, server: Crew):
        worker, [shop] = worker_of(server), server.shops
        for web_worker in children_of(shop, besides=worker):
            os.kill(web_worker, signal.SIGKILL)
        wait_until(lambda: len(children_of(shop, besides=worker)) == 1, "It is not replaced.")
        assert workers_of(shop) == [worker]

    def test_is_one_after_a_graceful_restart_with_a_new_configuration(self, server: Crew):
        first, [shop] = worker_of(server), server.shops
        os.kill(shop.group, signal.SIGHUP)
        assert worker_of(server, besides=first)
        server.wait_for_rounds(2)
        assert len(workers_of(shop)) == 1

    def test_passes_to_the_new_server_of_an_upgrade(self, server: Crew):
        first, [shop] = worker_of(server), server.shops
        os.kill(shop.group, signal.SIGUSR2)
        wait_until(lambda: shop.log.read_text().count("Starting gunicorn") > 1, "No new server.")
        server.wait_for_rounds(2)
        assert workers_of(shop) == [first]
        os.kill(shop.group, signal.SIGTERM)
        assert worker_of(server, besides=first)
        server.wait_for_rounds(2)
        assert shop.is_ready()

    def test_ends_when_its_server_ends(self, server: Crew):
        worker = worker_of(server)
        server.wait_for_rounds(2)
        os.kill(server_of(worker), signal.SIGTERM)
        wait_until(lambda: not is_working(worker), "It outlives its server.")
        assert server.holder() == 0

    def test_ends_when_its_server_is_killed(self, tmp_path: Path):
        with crew(tmp_path, size=1, GUNICORN_CMD_ARGS="--preload") as server:
            worker = worker_of(server)
            # A web worker that was forked beside it must not keep it alive.
            for web_worker in children_of(server.shops[0], besides=worker):
                os.kill(web_worker, signal.SIGKILL)
            server.wait_for_rounds(2)
            os.kill(server.shops[0].group, signal.SIGKILL)
            wait_until(lambda: not is_working(worker), "It outlives its server.")
            assert server.holder() == 0

    def test_would_outlive_it_if_it_did_not_look(self, tmp_path: Path):
        with crew(tmp_path, "the_worker_outlives_its_server", size=1) as server:
            worker = worker_of(server)
            server.wait_for_rounds(1)
            os.kill(server.shops[0].group, signal.SIGKILL)
            server.wait_for_rounds(2)
            assert is_working(worker)

    def test_of_a_developer_is_there_too(self, tmp_path: Path):
        said, port = tmp_path / "log", free_port()
        manage = [sys.executable, "manage.py", "runserver", "--noreload"]
        with new_database(tmp_path) as database, said.open("wb") as log:
            shop = ShopProcess(database, DEBUG="true", WORKER="inline").prepare()
            server = subprocess.Popen(
                [*manage, str(port)],
                cwd=PROJECT,
                env=shop.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                wait_until(lambda: "0 messages sent" in said.read_text(), "No worker.")
                shopper = HttpShopper(f"http://127.0.0.1:{port}")
                shopper.puts(1, 1)
                shopper.buys()
                wait_until(lambda: "Subject: " in said.read_text(), "It prints no mail.")
                [worker] = [pid for pid, parent in working() if parent == server.pid]
            finally:
                server.kill()
                server.wait()
            wait_until(lambda: not is_working(worker), "It outlives its server.")


def test_what_is_to_be_told_does_not_wait_for_a_slow_stripe(stage: Stage, tmp_path: Path):
    stage.forget_orders()
    stage.stripe.fault("GET", "/v1/events", hang=PATIENCE_SECONDS)
    with forked_crew(stage, tmp_path, size=1):
        wait_until(lambda: stage.stripe.hanging, "The worker does not ask Stripe.")
        buys_and_pays(stage)
        wait_until(lambda: stage.post.mails, "Nobody tells it.")
        assert stage.stripe.hanging
    stage.stripe.clear_faults()


@pytest.mark.once
class TestWhoStartsIt:
    def test_is_said_in_the_environment(self, tmp_path: Path):
        with crew(tmp_path, size=1, WORKER="process") as server:
            assert server.workers() == []

    def test_may_be_said_in_the_file_env(self, tmp_path: Path):
        said = subprocess.run(
            [sys.executable, "manage.py", "work", "--beside-a-server"],
            cwd=PROJECT,
            env=ShopProcess("sqlite:///:memory:").environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert said.returncode == NOT_WANTED
        assert "WORKER is off: this server starts no worker." in said.stderr


def test_it_waits_for_the_tables(tmp_path: Path):
    with new_database(tmp_path) as database:
        shop, log = ShopProcess(database), tmp_path / "log"
        with log.open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, "manage.py", "work"],
                cwd=PROJECT,
                env=shop.environment,
                stdout=output,
                stderr=output,
            )
        try:
            wait_until(lambda: "so the worker waits" in log.read_text(), "It does not wait.")
            shop.prepare()
            wait_until(lambda: "0 messages sent" in log.read_text(), "It does not begin.")
        finally:
            worker.terminate()
            assert worker.wait(PATIENCE_SECONDS) == 0
        assert log.read_text().count("so the worker waits") == 1


def buys_and_pays(stage: Stage, *, is_heard: bool = True) -> None:
    """Stripe's word comes by webhook, or it is lost, and the worker has to ask for it."""
    shopper = stage.shopper()
    shopper.puts(stage.product("Mouse"), 1)
    assert shopper.buys().leads_to_payment
    [(_, session)] = stage.orders(shopper)
    if not is_heard:
        stage.stripe.lose()
    stage.stripe.pay(session or "")
    stage.stripe.wait_until_quiet(PATIENCE_SECONDS)
    stage.stripe.deliver_normally()


def all_is_told(stage: Stage) -> bool:
    """Whether each paid order is told of, or a worker died at it."""
    begun = "SELECT COUNT(*) FROM checkout_message WHERE claimed_at IS NOT NULL"
    return stage.number(begun) == stage.number("SELECT COUNT(*) FROM checkout_order")


def worker_of(server: Crew, besides: int = 0) -> int:
    """Wait until there is one, and return it."""
    wait_until(lambda: [w for w in server.workers() if w != besides], "There is no worker.")
    [worker] = [w for w in server.workers() if w != besides]
    return worker


def children_of(shop: ShopProcess, besides: int) -> list[int]:
    said = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    rows = [tuple(map(int, line.split())) for line in said.stdout.splitlines()]
    return [pid for pid, parent in rows if parent == shop.group and pid != besides]


def server_of(worker: int) -> int:
    return dict(working())[worker]


def is_working(worker: int) -> bool:
    return worker in [pid for pid, _ in working()]
