"""A crowd that waits for its payments, polling as the pages say, while others buy.

Five buy in a second, and each waits 400 seconds for the bank: so 2,000 wait at any time, of every
age up to that. The order that has waited longest is paid when a new shopper has bought.
"""

import asyncio
import re
import subprocess
import sys
import time
from collections import defaultdict, deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.http import HttpResponse

from checkout.models import Order
from storefront.ops.shopper import set_shopper_cookie
from tools.growth.browser import AsyncBrowser
from tools.growth.cpu import Meter
from tools.growth.routes import found
from tools.http_shopper import CSRF_TOKEN
from tools.postgresql import free_port
from tools.shop_process import ShopProcess
from tools.signed_events import WEBHOOK, event_about, paid_session, signed
from tools.stage import real_mode_with
from tools.stripe_stand_in.webhooks import SECRET

LONGEST = 400
SECONDS_BETWEEN_PURCHASES = 0.2
POLL = ("poll, unchanged", "poll, changed")


@dataclass
class Records:
    """How long each answer took, and what went wrong."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    purchases: int = 0
    is_on: bool = False

    def note(self, what: str, seconds: float, status: int) -> None:
        if self.is_on:
            self.seconds[what].append(seconds)
            if status >= 400:
                self.errors.append(f"{what}: {status}")


@dataclass
class Waiter:
    """A shopper whose page asks for updates of an order, as often as the page itself says."""

    browser: AsyncBrowser
    order: str
    session: str
    cents: int
    born: float
    address: str = ""
    pace: float = 1

    def look_at(self, panel: str) -> None:
        match = re.search(r'hx-get="(/orders/\?[^"]+)" hx-trigger="every (\d+)s"', panel)
        self.address = match[1].replace("&amp;", "&") if match else ""
        self.pace = int(match[2]) if match else 0


class Scene:
    def __init__(self, host: str, port: int, records: Records) -> None:
        self.host, self.port, self.records = host, port, records
        self.waiting: deque[Waiter] = deque()
        self.tasks: set[asyncio.Task[None]] = set()

    async def ask(
        self, what: str, browser: AsyncBrowser, *request: str, **headers: str
    ) -> tuple[str, str]:
        began = time.perf_counter()
        try:
            status, head, body = await browser.ask(*request, **headers)
        except ConnectionError as error:
            self.records.errors.append(f"{what}: {error}")
            return "", ""
        what = f"{what}, {'un' if status == 204 else ''}changed" if what == "poll" else what
        self.records.note(what, time.perf_counter() - began, status)
        return head, body.decode()

    async def arrive(self, waiter: Waiter) -> None:
        """Open the page that the waiter has been looking at since coming back from Stripe."""
        since = int(time.time() - (time.monotonic() - waiter.born))
        path = f"/orders/?order={waiter.order}&since={since}&cart=beside"
        waiter.look_at(
            (await self.ask("arriving", waiter.browser, "GET", path, HX_Request="true"))[1]
        )
        self.waiting.append(waiter)

    def let_wait(self, waiter: Waiter, first: float) -> None:
        task = asyncio.create_task(self.wait(waiter, first))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def wait(self, waiter: Waiter, pause: float) -> None:
        while waiter.address:
            await asyncio.sleep(pause)
            _, panel = await self.ask(
                "poll", waiter.browser, "GET", waiter.address, HX_Request="true"
            )
            if panel:
                waiter.look_at(panel)
            pause = waiter.pace
        waiter.browser.close()

    async def buy(self) -> None:
        """A new shopper buys, comes back from Stripe and waits; the oldest is paid."""
        browser = AsyncBrowser(self.host, self.port, f"csrftoken={CSRF_TOKEN}")
        form = {"Content_Type": "application/x-www-form-urlencoded", "X_CSRFToken": CSRF_TOKEN}
        head, _ = await self.ask("cart update", browser, "POST", "/cart/2/", "quantity=1", **form)
        browser.cookie += "; " + found(r"(?i)set-cookie: (shopper=[^;]+)", head)
        head, _ = await self.ask("Buy", browser, "POST", "/create-checkout-session/", "", **form)
        session = found(r"(?i)location: \S+/(cs_\w+)", head)
        _, home = await self.ask("home", browser, "GET", "/")
        order = found(r'data-order="([^"]+)"', home)
        cents = int(found(r'name="total_cents" value="(\d+)"', home))
        waiter = Waiter(browser, order, session, cents, time.monotonic())
        waiter.look_at(home)
        self.waiting.append(waiter)
        self.let_wait(waiter, waiter.pace)
        await self.pay(self.waiting.popleft())
        self.records.purchases += self.records.is_on

    async def pay(self, waiter: Waiter) -> None:
        session = paid_session(waiter.session, waiter.order, waiter.cents)
        body, headers = signed(event_about(session))
        browser = AsyncBrowser(self.host, self.port)
        await self.ask("webhook", browser, "POST", WEBHOOK, body.decode(), **headers)
        browser.close()


async def play(scene: Scene, waiters: list[Waiter], seconds: int, meter: Meter) -> None:
    for start in range(0, len(waiters), 20):
        await asyncio.gather(*map(scene.arrive, waiters[start : start + 20]))
    for number, waiter in enumerate(waiters):
        scene.let_wait(waiter, waiter.pace * (number % 97) / 97)
    buying = asyncio.create_task(keep_buying(scene))
    await asyncio.sleep(min(10, seconds))
    scene.records.is_on = True
    with meter.running():
        await asyncio.sleep(seconds)
    scene.records.is_on = False
    buying.cancel()


async def keep_buying(scene: Scene) -> None:
    due = time.monotonic()
    async with asyncio.TaskGroup() as purchases:
        while True:
            purchases.create_task(scene.buy())
            due += SECONDS_BETWEEN_PURCHASES
            await asyncio.sleep(max(0.0, due - time.monotonic()))


def hold(database: str, shoppers: int = 2_000, seconds: int = 120) -> str:
    """Let them wait at the shop's own gunicorn with two workers, and say how it went."""
    records = Records()
    with ExitStack() as stack:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        stand_in = [sys.executable, "-m", "tools.stripe_stand_in", f"--port={port}"]
        nowhere = ["--webhook-url=http://127.0.0.1:9/", f"--secret={SECRET}"]
        stripe = stack.enter_context(
            subprocess.Popen([*stand_in, *nowhere], stdout=subprocess.DEVNULL)
        )
        stack.callback(stripe.terminate)
        shop = ShopProcess(database, workers=2, **real_mode_with(url))
        stack.enter_context(shop)
        scene = Scene("127.0.0.1", int(urlsplit(shop.url).port or 0), records)
        meter = Meter(shop=shop.group, stand_in=stripe.pid, **database_process())
        waiters = waiting_shoppers(scene, shoppers)
        connection.close()
        asyncio.run(play(scene, waiters, seconds, meter))
    return report(records, meter, seconds, len(scene.waiting))


def waiting_shoppers(scene: Scene, count: int) -> list[Waiter]:
    """Shoppers of the filled shop with an open order, the oldest first."""
    now = time.monotonic()
    pending = Order.objects.filter(status="PENDING", superseded_at=None).order_by("created_at")
    rows = list(pending.exclude(session_id=None).values_list(*WAITER, named=True)[:count])
    if len(rows) < count:
        raise SystemExit(f"Only {len(rows)} wait in this database: fill a new one.")
    return [_waiter(scene, row, now - LONGEST * (1 - i / count)) for i, row in enumerate(rows)]


WAITER = ("pk", "shopper", "session_id", "total_cents")


def _waiter(scene: Scene, row: Any, born: float) -> Waiter:
    cookie = set_shopper_cookie(HttpResponse(), row.shopper).cookies["shopper"].value
    browser = AsyncBrowser(scene.host, scene.port, f"shopper={cookie}")
    return Waiter(browser, str(row.pk), row.session_id, row.total_cents, born)


def database_process() -> dict[str, int]:
    """The server's, which has its own process; SQLite works inside the shop's."""
    if connection.vendor == "sqlite":
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return {"postgresql": int(file.read().rpartition(")")[2].split()[1])}


def report(records: Records, meter: Meter, seconds: int, waiting: int) -> str:
    everything = sorted(second for times in records.seconds.values() for second in times)
    polls = sorted(second for kind in POLL for second in records.seconds[kind])
    lines = [
        f"{waiting:,} waited for {seconds} s; {len(everything) / seconds:.0f} requests/s, "
        f"{records.purchases / seconds:.1f} purchases/s, {len(records.errors)} errors",
        "| request | count | p50, ms | p95, ms | p99, ms | most, ms |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        row("all", everything),
        row("polls", polls),
        *(row(kind, sorted(times)) for kind, times in sorted(records.seconds.items())),
        "CPU, of one core: "
        + ", ".join(f"{name} {used / seconds:.0%}" for name, used in meter.used.items()),
        *sorted(set(records.errors))[:5],
    ]
    return "\n".join(lines)


def row(name: str, times: list[float]) -> str:
    points = [times[min(int(len(times) * share), len(times) - 1)] for share in (0.5, 0.95, 0.99, 1)]
    return f"| {name} | {len(times):,} | " + " | ".join(f"{p * 1_000:.1f}" for p in points) + " |"
