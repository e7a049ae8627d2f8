"""The shop in real processes, Stripe's stand-in, and the database that both tell the truth of."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import batched
from pathlib import Path
from typing import Any

import psycopg

from tools.shop_process import ShopProcess, new_database
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET
from tools.visitor import Visitor, at_once

WORKERS = 3
WAVE = 30
"""So many may write at once on SQLite: each waits five seconds, and its lock takes no turns."""
ROUNDS = 5
"""How often a race is run without its guard, to be lost once."""


@dataclass(frozen=True)
class Stage:
    """Tests look at it from outside: by HTTP, in Stripe's books and in the database."""

    shop: ShopProcess
    stripe: StandIn
    database: str

    @property
    def is_on_sqlite(self) -> bool:
        return self.database.startswith("sqlite")

    def visitor(self) -> Visitor:
        return Visitor(self.shop.url)

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

    def cart(self, visitor: Visitor) -> dict[int, int]:
        """What lies in the visitor's cart: quantities by product."""
        lines = "SELECT product_id, quantity FROM storefront_cartline"
        return {row[0]: row[1] for row in self.sql(f"{lines} WHERE {_is(visitor)}")}

    def orders(self, visitor: Visitor) -> list[tuple[str, str | None]]:
        """Return status and session of the visitor's orders."""
        rows = self.sql(f"SELECT status, session_id FROM checkout_order WHERE {_is(visitor)}")
        return [(row[0], row[1]) for row in rows]

    def at_once[Result](self, deeds: Sequence[Callable[[], Result]]) -> list[Result]:
        """Do all of it at the same moment; on SQLite in waves of many."""
        waves = batched(deeds, WAVE if self.is_on_sqlite else len(deeds))
        return [result for wave in waves for result in at_once(wave)]

    @contextmanager
    def altered(self, *alterations: str) -> Iterator["Stage"]:
        """The same with a shop whose code is changed as `alterations` of that name say."""
        environment = {
            "DJANGO_SETTINGS_MODULE": "tests.races.altered_settings",
            "ALTERATIONS": " ".join(alterations),
        }
        log = self.shop.log.with_name("+".join(alterations))
        with shop_for(self.database, self.stripe, log, WORKERS, **environment) as shop:
            self.stripe.listen(shop.webhook_url)
            yield replace(self, shop=shop)


def _is(visitor: Visitor) -> str:
    """SQLite keeps UUIDs without hyphens, PostgreSQL shows them with."""
    return f"REPLACE(CAST(shopper AS TEXT), '-', '') = '{visitor.id.hex}'"


def shop_for(
    database: str, stripe: StandIn, log: Path, workers: int, **environment: Any
) -> ShopProcess:
    return ShopProcess(database, workers=workers, log=log, **real_mode_with(stripe), **environment)


def real_mode_with(stripe: StandIn) -> dict[str, Any]:
    return {
        "STRIPE_PUBLISHABLE_KEY": "pk_test_races",
        "STRIPE_SECRET_KEY": "sk_test_races",
        "STRIPE_WEBHOOK_SECRET": SECRET,
        "STRIPE_API_BASE": stripe.url,
    }


@contextmanager
def new_stage(folder: Path, workers: int = WORKERS) -> Iterator[Stage]:
    """Everything new and running, the seed products on the shelf."""
    with new_database(folder) as database, stage_on(database, folder, workers) as stage:
        yield stage


@contextmanager
def stage_on(database: str, folder: Path, workers: int = WORKERS) -> Iterator[Stage]:
    """The same on a database that is there, and empty."""
    with StandIn(secret=SECRET) as stripe:
        shop = shop_for(database, stripe, folder / "log", workers).prepare()
        with shop:
            yield Stage(shop, stripe, database)


def is_lost_within_some_rounds(race: Callable[[], bool]) -> bool:
    """Whether the race, which returns True if all is well, is lost at least once."""
    return any(not race() for _ in range(ROUNDS))
