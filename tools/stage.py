"""The shop in real processes, Stripe's stand-in, and the database that shows what came of both."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import batched
from pathlib import Path
from typing import Any

import psycopg

from tools.at_once import at_once
from tools.http_shopper import HttpShopper
from tools.mail_server import MailServer
from tools.shop_process import ShopProcess, new_database
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET

WORKERS = 2
LOADED_ONCE = {"GUNICORN_CMD_ARGS": "--preload", "WORKER_THREADS": "8"}
"""By the master, for all its workers, which would otherwise tell the number of threads."""
WAVE = 30
"""So many may write at once on SQLite: each waits five seconds, and its lock takes no turns."""
ROUNDS = 5
"""How often a race is run without its guard, to be lost once."""

OF_ORDERS = (
    "checkout_message",
    "checkout_refund",
    "checkout_stripeevent",
    "checkout_orderitem",
    "merchant_parcel",
    "merchant_refundrequest",
    "checkout_order",
    "storefront_hold",
    "storefront_cartline",
)
"""Tables in the order in which their rows can go."""

FORKED_SECONDS = 120
"""The longest that a forked command may take: it ends then, whoever waits for it."""
FORK = """
import os, signal
from django.core.management import call_command
from django.db import connection
if connection.vendor == "postgresql":
    connection.close_pool()  # its threads would stay behind
for _ in range({count}):
    if not (process := os.fork()):
        try:
            signal.alarm({seconds})
            log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.environ.update({environment})
            call_command({command!r})
            os._exit(0)
        finally:
            os._exit(1)
    print(process)
"""
WAIT = "import os; print(*[os.waitpid(process, 0)[1] for process in {}])"


@dataclass(frozen=True)
class Stage:
    """Tests look at it from outside: by HTTP, in Stripe's ledger, the mails and the database."""

    shop: ShopProcess
    stripe: StandIn
    database: str
    post: MailServer = field(default_factory=MailServer)
    understudy: ShopProcess | None = None

    @property
    def is_on_sqlite(self) -> bool:
        return self.database.startswith("sqlite")

    def shopper(self) -> HttpShopper:
        return HttpShopper(self.shop.url)

    def forget_orders(self) -> None:
        """Delete all that was ordered, put into carts and told."""
        for table in OF_ORDERS:
            self.sql(f"DELETE FROM {table}")
        self.post.reset()

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Run one statement, the same on both databases, over a connection of its own."""
        if self.is_on_sqlite:
            with closing(sqlite3.connect(self.database.removeprefix("sqlite:///"))) as file, file:
                return file.execute(query).fetchall()
        with psycopg.connect(self.database) as server:
            cursor = server.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def number(self, query: str) -> int:
        """Return the one number that the query gives, 0 for none."""
        return sum(int(row[0]) for row in self.sql(query))

    def product(self, name: str) -> int:
        return self.number(f"SELECT id FROM storefront_product WHERE name = '{name}'")

    def begin_anew(self) -> None:
        """Have nothing ordered, and the seed products on the shelf."""
        self.forget_orders()
        self.sql("DELETE FROM storefront_product WHERE slug LIKE 'tea-%'")
        self.sql("UPDATE storefront_product SET stock = NULL")

    def add_products(self, count: int) -> list[int]:
        """Put `count` more on the shelf and return their ids."""
        before = self.number("SELECT MAX(id) FROM storefront_product")
        for number in range(count):
            self.sql(
                "INSERT INTO storefront_product "
                "(name, slug, description, price_cents, picture, is_on_sale, position) "
                f"VALUES ('Tea {number}', 'tea-{before}-{number}', '', 450, '', true, 9)"
            )
        rows = self.sql(f"SELECT id FROM storefront_product WHERE id > {before} ORDER BY id")
        return [row[0] for row in rows]

    def cart(self, shopper: HttpShopper) -> dict[int, int]:
        """What lies in the shopper's cart: quantities by product."""
        lines = "SELECT product_id, quantity FROM storefront_cartline"
        return {row[0]: row[1] for row in self.sql(f"{lines} WHERE {_is(shopper)}")}

    def orders(self, shopper: HttpShopper) -> list[tuple[str, str | None]]:
        """Return status and session of the shopper's orders."""
        rows = self.sql(f"SELECT status, session_id FROM checkout_order WHERE {_is(shopper)}")
        return [(row[0], row[1]) for row in rows]

    def at_once[Result](self, actions: Sequence[Callable[[], Result]]) -> list[Result]:
        """Do all of it at the same moment; on SQLite in waves of many."""
        waves = batched(actions, WAVE if self.is_on_sqlite else len(actions))
        return [result for wave in waves for result in at_once(wave)]

    @contextmanager
    def altered(self, *alterations: str) -> Iterator["Stage"]:
        """The same with a shop whose code is changed as `alterations` of that name say.

        It is the same one each time: its workers alone are new, and change what they run.
        """
        shop = self._understudy_told(alterations)
        if shop.group:
            shop.renew_workers()
        else:
            shop.start()
        self.stripe.listen(shop.webhook_url)
        yield replace(self, shop=shop)

    def forks(
        self,
        count: int,
        command: str,
        *alterations: str,
        log: str = os.devnull,
        **environment: str,
    ) -> list[int]:
        """Begin a command of manage.py in so many altered processes, and return which they are.

        They are forked from one that has loaded the shop, which each would do for a second.
        """
        shop = self._understudy_told(alterations)
        code = FORK.format(
            count=count, command=command, log=log, environment=environment, seconds=FORKED_SECONDS
        )
        return [*map(int, shop.runs(code).split())]

    def ends_of(self, forked: Sequence[int]) -> list[int]:
        """Wait for their ends, and return how each ended: 0 is well."""
        assert self.understudy
        return [*map(int, self.understudy.runs(WAIT.format(forked)).split())]

    def _understudy_told(self, alterations: Sequence[str]) -> ShopProcess:
        assert self.understudy
        file = self.understudy.environment["ALTERATIONS_FILE"]
        Path(file).write_text(" ".join(alterations))
        return self.understudy


def _is(shopper: HttpShopper) -> str:
    """SQLite keeps UUIDs without hyphens, PostgreSQL shows them with."""
    return f"REPLACE(CAST(shopper AS TEXT), '-', '') = '{shopper.id.hex}'"


def shop_for(
    database: str, stripe: StandIn, log: Path, workers: int, **environment: Any
) -> ShopProcess:
    # They buy the shelf empty, which one address may not.
    environment = {"OPEN_ORDERS_PER_ADDRESS": "0"} | environment | real_mode_with(stripe.url)
    return ShopProcess(database, workers=workers, log=log, **environment)


def loading_for(workers: int) -> dict[str, str]:
    """One worker loads the shop itself, as in production."""
    return LOADED_ONCE if workers > 1 else {}


def understudy_for(
    database: str, stripe: StandIn, post: MailServer, folder: Path, workers: int
) -> ShopProcess:
    """A shop for `altered`; its master has the code as it is."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.races.altered_settings",
        "ALTERATIONS_FILE": str(folder / "alterations"),
        "MAIL_URL": post.url,
        **loading_for(workers),
    }
    return shop_for(database, stripe, folder / "altered.log", workers, **environment)


def real_mode_with(stripe_url: str) -> dict[str, Any]:
    return {
        "STRIPE_PUBLISHABLE_KEY": "pk_test_stage",
        "STRIPE_SECRET_KEY": "sk_test_stage",
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "STRIPE_API_BASE": stripe_url,
    }


@contextmanager
def new_stage(folder: Path, workers: int = WORKERS) -> Iterator[Stage]:
    """Everything new and running, the seed products on the shelf."""
    with new_database(folder) as database, stage_on(database, folder, workers) as stage:
        yield stage


@contextmanager
def stage_on(database: str, folder: Path, workers: int = WORKERS) -> Iterator[Stage]:
    """The same on a database that is there, and empty."""
    with StandIn(secret=SECRET) as stripe, MailServer() as post, ExitStack() as end:
        environment = {"MAIL_URL": post.url, **loading_for(workers)}
        shop = shop_for(database, stripe, folder / "log", workers, **environment).prepare()
        understudy = understudy_for(database, stripe, post, folder, min(WORKERS, workers))
        end.push(understudy)
        with shop:
            yield Stage(shop, stripe, database, post, understudy)


def is_lost_within_some_rounds(race: Callable[[], bool]) -> bool:
    """Whether the race, which returns True if all is well, is lost at least once."""
    return any(not race() for _ in range(ROUNDS))
