"""How long everybody else waits while Stripe is slow and shoppers press Buy.

python -m tools.slow_stripe                                  # on SQLite
python -m tools.postgresql python -m tools.slow_stripe       # on PostgreSQL
"""

import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import tools.environment  # noqa: F401
from tools import http_shopper
from tools.at_once import at_once
from tools.http_shopper import Answer, HttpShopper
from tools.shop_process import ShopProcess
from tools.signed_events import WEBHOOK, event_about, signed
from tools.stage import Stage, new_stage, real_mode_with

SLOW_SECONDS = 9
PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class Waits:
    """What the crowd was answered and when all were, and the longest wait of everybody else."""

    answers: Counter[str]
    seconds: float
    longest: dict[str, float]


def press_buy(stage: Stage, presses: Sequence[Callable[[], Answer]]) -> Waits:
    """Press all at once, and ask for everything else until all are answered."""
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        crowd = pool.submit(at_once, presses)
        longest = longest_waits(dict(others(stage)), crowd.done)
        answers = Counter(map(_words, crowd.result()))
    return Waits(answers, time.monotonic() - began, longest)


def longest_waits(
    asks: dict[str, Callable[[], Answer]], is_over: Callable[[], bool]
) -> dict[str, float]:
    """Ask for each again and again, all at once, and return the longest waits in seconds."""
    with ThreadPoolExecutor(len(asks)) as pool:
        waits = {name: pool.submit(_longest_wait, ask, is_over) for name, ask in asks.items()}
        return {name: wait.result() for name, wait in waits.items()}


def shoppers(stage: Stage, count: int) -> list[HttpShopper]:
    """Make shoppers with a mouse in the cart."""
    crowd = [stage.shopper() for _ in range(count)]
    for shopper in crowd:
        shopper.puts(stage.product("Mouse"), 1)
    return crowd


def others(stage: Stage) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """Yield what everybody else asks for, by name."""
    other = stage.shopper()
    yield "home", partial(other.sees, "/")
    yield "poll", partial(other.sees, "/orders/", {"HX-Request": "true"})
    yield "webhook", partial(_deliver, other)
    yield "health", partial(other.sees, "/healthz")


@contextmanager
def with_a_silent_stripe(stage: Stage) -> Iterator[Stage]:
    """The same with a shop whose Stripe accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=500) as silent:
        stripe = real_mode_with(f"http://127.0.0.1:{silent.getsockname()[1]}")
        log = stage.shop.log.with_name("silent")
        with ShopProcess(stage.database, log=log, **stripe) as shop:
            yield replace(stage, shop=shop)


def _words(answer: Answer) -> str:
    return "to Stripe" if answer.leads_to_payment else f"refused ({answer.status})"


def _deliver(other: HttpShopper) -> Answer:
    body, headers = signed(event_about({"id": "cus_1", "object": "customer"}, "customer.created"))
    return other.asks("POST", WEBHOOK, body, headers)


def _longest_wait(ask: Callable[[], Answer], is_over: Callable[[], bool]) -> float:
    """Ask again and again until all is over."""
    longest = 0.0
    while not is_over():
        began = time.monotonic()
        answer = ask()
        longest = max(longest, time.monotonic() - began)
        assert answer.status in (200, 204), f"It was answered with {answer.status}."
        time.sleep(PAUSE_SECONDS)
    return longest


def main() -> None:
    http_shopper.PATIENCE_SECONDS = 300
    with new_stage(Path(tempfile.mkdtemp()), workers=1) as stage:
        stage.stripe.fault("*", "/v1/", hang=SLOW_SECONDS, times=10_000)
        _report(f"{SLOW_SECONDS} s", stage)
        with with_a_silent_stripe(stage) as silent:
            _report("silent", silent)


def _report(stripe: str, stage: Stage) -> None:
    [impatient] = shoppers(stage, 1)
    crowds = {
        "8 shoppers": [shopper.buys for shopper in shoppers(stage, 8)],
        "30 shoppers": [shopper.buys for shopper in shoppers(stage, 30)],
        "one shopper, 8 times": [impatient.buys] * 8,
    }
    for who, presses in crowds.items():
        stage.shop.restart()  # it remembers that Stripe was slow
        waits = press_buy(stage, presses)
        longest = ", ".join(f"{name} {wait:.2f}" for name, wait in waits.longest.items())
        buys = f"Buy {waits.seconds:.1f} s: {dict(waits.answers)}"
        print(f"Stripe {stripe}, {who}: {longest}; {buys}", flush=True)


if __name__ == "__main__":
    main()
