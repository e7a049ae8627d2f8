"""How long the last release's servers wait while a grown shop gets the tables of this one."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.apps.registry import Apps
from django.db import connection, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from tools.shop_process import ShopProcess

LAST_RELEASE = [
    ("storefront", "0010_delivery"),
    ("checkout", "0018_orders_to_ship"),
    ("merchant", "0001_initial"),
]
MIGRATE = (
    "from django.core.management import call_command;"
    "call_command('migrate', '{}', '{}', interactive=False, verbosity=0)"
)
SOME = 10_000
PAUSE_SECONDS = 0.005


class Writer(threading.Thread):
    """Buys, is paid and has orders of old refunded, as the last release writes it."""

    def __init__(self, last_release: Apps, orders: list[Any], number: int) -> None:
        super().__init__()
        self.order = last_release.get_model("checkout", "Order").objects
        self.event = last_release.get_model("checkout", "StripeEvent").objects
        self.orders, self.rolls = orders, random.Random(number)
        self.seconds: list[float] = []
        self.is_over = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            if connection.vendor == "sqlite":  # where all wait for one lock, for 5 s by default
                connection.cursor().execute("PRAGMA busy_timeout = 600000")
            while not self.is_over.wait(PAUSE_SECONDS):
                began = time.monotonic()
                self.write()
                self.seconds.append(time.monotonic() - began)
        except Exception as error:  # told by longest_wait()
            self.error = error
        finally:
            connections.close_all()

    def write(self) -> None:
        with transaction.atomic():
            order = self.order.create(shopper=uuid4(), total_cents=2_999, currency="usd")
        with transaction.atomic():
            now = timezone.now()
            self.order.filter(pk=order.pk).update(status="PAID", paid_at=now)
            self.event.create(
                event_id=f"evt_{order.pk}",
                type="checkout.session.completed",
                order=order,
                outcome="applied",
                follow_up="order paid",
                follow_up_done_at=now,
            )
        if self.orders:
            self.order.filter(pk=self.rolls.choice(self.orders)).update(charge_refunded_at=now)

    def longest_wait(self) -> float:
        """Return the longest since it was last asked; whoever is in the middle of one counts."""
        if self.error:
            raise self.error
        seconds, self.seconds = self.seconds, []
        return max(seconds, default=0.0)


def upgrade(writers: int) -> str:
    """Take the database back to the last release, and time the way forward."""
    shop = ShopProcess(os.environ["DATABASE_URL"])
    for release in reversed(LAST_RELEASE):
        shop.runs(MIGRATE.format(*release))
    executor = MigrationExecutor(connection)
    targets = executor.loader.graph.leaf_nodes()
    steps = [migration for migration, _ in executor.migration_plan(targets)]
    lines = ["| migration | seconds | longest wait, ms |", "| --- | ---: | ---: |"]
    last_release = executor.loader.project_state(LAST_RELEASE).apps
    with writing(last_release, writers) as busy:
        for step in steps:
            began = time.monotonic()
            shop.runs(MIGRATE.format(step.app_label, step.name))
            seconds = time.monotonic() - began
            time.sleep(0.2)  # who waited is through
            longest = max(writer.longest_wait() for writer in busy)
            name = f"{step.app_label}.{step.name}"
            lines.append(f"| {name} | {seconds:.1f} | {1_000 * longest:.0f} |")
    return "\n".join(lines)


@contextmanager
def writing(last_release: Apps, count: int) -> Iterator[list[Writer]]:
    old = last_release.get_model("checkout", "Order").objects
    before = timezone.now() - timedelta(days=1)
    orders = list(old.filter(created_at__lt=before).values_list("pk", flat=True)[:SOME])
    writers = [Writer(last_release, orders, number) for number in range(count)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.is_over.set()
        for writer in writers:
            writer.join()
