"""How long pages, polls, webhooks and health wait in troubles other than a slow Stripe.

python -m tools.trouble                                  # on SQLite
python -m tools.postgresql python -m tools.trouble       # on PostgreSQL
"""

import socket
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import psycopg

import tools.environment  # noqa: F401
from tools import http_shopper
from tools.at_once import at_once
from tools.http_shopper import Answer
from tools.slow_stripe import longest_waits, others
from tools.stage import Stage, new_stage

CONNECTIONS, HELD_SECONDS = 200, 15
PASSWORDS = 24
READERS = 8


def idle_connections(stage: Stage) -> None:
    """Open connections on which nothing is asked."""
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            address = ("127.0.0.1", stage.shop.port)
            stack.enter_context(socket.create_connection(address, timeout=30))
        time.sleep(HELD_SECONDS)


def wrong_passwords(stage: Stage) -> None:
    """Try to log in, all at once; what is refused is tried again."""
    at_once([partial(_guess, stage)] * PASSWORDS)


def _guess(stage: Stage) -> Answer:
    guess = {"username": "merchant", "password": "wrong", "csrfmiddlewaretoken": "shops" * 6 + "ok"}
    while (answer := stage.shopper().posts("/admin/login/", guess)).status == 503:
        time.sleep(http_shopper.PAUSE_SECONDS)
    return answer


def locked_products(stage: Stage) -> None:
    """Lock the table of products while shoppers want to see them."""
    with closing(psycopg.connect(stage.database)) as server:
        server.execute("LOCK TABLE storefront_product")
        with ThreadPoolExecutor(READERS) as pool:
            pages = [pool.submit(stage.shopper().sees) for _ in range(READERS)]
            time.sleep(HELD_SECONDS)
            print("Pages were answered with", sorted(page.result().status for page in pages))


def measure(stage: Stage, trouble: Callable[[Stage], None], *names: str) -> None:
    asks = {name: ask for name, ask in others(stage) if name in names}
    stage.shop.restart()
    with ThreadPoolExecutor(1) as pool:
        over = pool.submit(trouble, stage)
        longest = longest_waits(asks, over.done)
        over.result()
    print(
        f"{trouble.__name__}: " + ", ".join(f"{name} {wait:.2f}" for name, wait in longest.items())
    )


def main() -> None:
    http_shopper.PATIENCE_SECONDS = 300
    everything = ("home", "poll", "webhook", "health")
    with new_stage(Path(tempfile.mkdtemp()), workers=1) as stage:
        measure(stage, idle_connections, *everything)
        measure(stage, wrong_passwords, *everything)
        if not stage.is_on_sqlite:
            measure(stage, locked_products, "webhook", "health")


if __name__ == "__main__":
    main()
