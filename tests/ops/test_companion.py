"""A process beside a server: started again when it dies, after pauses that grow."""

import sys
from collections.abc import Iterator

import pytest

from storefront.ops import companion
from storefront.ops.companion import NOT_WANTED, Companion
from tools.waiting import wait_until

pytestmark = pytest.mark.once

STAYS = "import sys; sys.stdin.read()"
DIES = "import sys; sys.exit(1)"
GOES = f"import sys; sys.exit({NOT_WANTED})"
IGNORES_SIGTERM = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(99)"
)


class Clock:
    """`time.monotonic`, as the test wants it."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(companion.time, "monotonic", clock)  # type: ignore[attr-defined]
    return clock


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def made(said: list[str]) -> Iterator[list[Companion]]:
    made: list[Companion] = []
    yield made
    for one in made:
        one.end()
        one.wait()
        if one._process:
            one._close(one._process)


def beside(made: list[Companion], said: list[str], code: str) -> Companion:
    made.append(Companion([sys.executable, "-c", code], said.append))
    return made[0]


def runs(one: Companion) -> None:
    def is_running() -> bool:
        one.keep()
        return one._process is not None

    wait_until(is_running)


def dies(one: Companion) -> None:
    """Start it, and wait until it is gone."""
    one.keep()
    assert one._process
    one._process.wait(30)
    one.keep()


def test_begins_a_second_after_the_server(clock: Clock, made: list[Companion], said: list[str]):
    one = beside(made, said, STAYS)
    one.keep()
    assert one._process is None
    clock.now += 1
    one.keep()
    assert one._process


def test_that_dies_at_its_start_is_started_again_after_growing_pauses(
    clock: Clock, made: list[Companion], said: list[str]
):
    one, pauses = beside(made, said, DIES), []
    clock.now += 1
    for _ in range(9):
        dies(one)
        pauses.append(one._starts_at - clock.now)
        clock.now = one._starts_at
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30, 30]
    assert said[0] == "The worker has died. It is started again in 1 s."


def test_that_ran_for_long_is_started_again_soon(
    clock: Clock, made: list[Companion], said: list[str]
):
    one = beside(made, said, DIES)
    one._pause = 30
    clock.now += 1
    one.keep()
    assert one._process
    one._process.wait(30)
    clock.now += 61
    one.keep()
    assert one._starts_at - clock.now == 1


def test_that_is_not_wanted_is_not_started_again(
    clock: Clock, made: list[Companion], said: list[str]
):
    one = beside(made, said, GOES)
    clock.now += 1
    dies(one)
    clock.now += 100
    one.keep()
    assert (one._process, said) == (None, [])


def test_ends_when_it_is_asked_to_and_stays_away(made: list[Companion], said: list[str]):
    one = beside(made, said, STAYS)
    runs(one)
    one.end()
    one.wait()
    one.keep()
    assert (one._process, said) == (None, [])


def test_that_does_not_listen_is_ended(
    made: list[Companion], said: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(companion, "GRACE_SECONDS", 0.2)
    one = beside(made, said, IGNORES_SIGTERM)
    runs(one)
    one.end()
    one.wait()
    assert one._process
    assert one._process.returncode


def test_that_cannot_be_started_does_not_end_its_server(
    clock: Clock, made: list[Companion], said: list[str]
):
    made.append(Companion(["/no/such/program"], said.append))
    clock.now += 1
    made[0].keep()
    assert "It is started again in 1 s." in said[0]
