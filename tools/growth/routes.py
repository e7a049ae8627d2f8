"""What each route costs a shopper: the same steps in an empty shop and in a grown one, by turns."""

import html
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.http_shopper import CSRF_TOKEN, FORM, HTMX, HttpShopper
from tools.shop_process import ShopProcess, new_database
from tools.signed_events import WEBHOOK, event_about, paid_session, signed
from tools.stage import real_mode_with
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET

ROUNDS = 220
WARM_UP = 20


@dataclass
class TimedShop:
    """One shop, asked over one connection, and how long each answer took."""

    shop: ShopProcess
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.shopper = HttpShopper(self.shop.url, keep_alive=True)

    def ask(
        self, route: str, method: str, path: str, body: str | bytes, headers: Mapping[str, str]
    ) -> str:
        """Ask, note under `route` how long it took, and return the text, or where it leads."""
        began = time.perf_counter()
        answer = self.shopper.asks(method, path, body, headers)
        self.seconds[route].append(time.perf_counter() - began)
        if not 0 < answer.status < 400:
            raise RuntimeError(f"{method} {path}: {answer.status}\n{self.shop.log_tail()}")
        return answer.location or answer.text

    def get(self, route: str, path: str, **headers: str) -> str:
        return self.ask(route, "GET", path, "", headers)

    def post(self, route: str, path: str, body: str = "") -> str:
        return self.ask(route, "POST", path, body, {**FORM, **HTMX})

    def a_new_shopper(self) -> None:
        self.shopper.cookies.clear()


def opened(shop: ShopProcess, stack: ExitStack) -> TimedShop:
    timed = TimedShop(stack.enter_context(shop))
    stack.callback(timed.shopper.close)
    return timed


def compare(full: str, rounds: int = ROUNDS) -> str:
    """Compare the grown shop at `full` with an empty one on the same kind of database."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        stripe = stack.enter_context(StandIn(secret=SECRET))
        empty = stack.enter_context(new_database(Path(folder)))
        shops = [ShopProcess(url, **real_mode_with(stripe.url)) for url in (empty, full)]
        shops[0].prepare()
        shops[0].runs("from tools.growth.fill import shelf; shelf()")
        timed_shops = [opened(shop, stack) for shop in shops]
        warm_up = min(WARM_UP, rounds)
        for number in range(warm_up + rounds):
            if number == warm_up:
                for timed in timed_shops:
                    timed.seconds.clear()
            for timed in timed_shops[:: 1 if number % 2 else -1]:
                visit(timed)
        return table(*timed_shops)


def visit(timed: TimedShop) -> None:
    """Everything that a shopper does, twice, and once for nothing: they are not known at first."""
    timed.a_new_shopper()
    timed.get("home, a new visitor", "/")
    timed.shopper.cookies["csrftoken"] = CSRF_TOKEN
    timed.post("(first line)", "/cart/1/", "quantity=1")
    timed.post("cart update", "/cart/1/", "quantity=2")
    first = buy_and_pay(timed)
    timed.post("(first line)", "/cart/2/", "quantity=1")
    buy_and_pay(timed)
    for product in (1, 2, 3):
        timed.post("(more lines)", f"/cart/{product}/", "quantity=2")
    timed.get("home, 3 lines and 2 orders", "/")
    timed.get("product page", "/products/mouse/")
    timed.get("cart page", "/cart/")
    timed.get("orders page", "/orders/")
    timed.get("order page", f"/orders/{first}/")
    link = timed.post("private link", f"/orders/{first}/link/")
    timed.get("private receipt", found(r"(/receipts/[\w.-]+/)", link))


def buy_and_pay(timed: TimedShop) -> str:
    """Buy, wait, be paid, see it; returns the order."""
    buy = timed.ask("Buy", "POST", "/create-checkout-session/", "", FORM)
    session = buy.rpartition("/")[2]
    panel = timed.get("(home)", "/")
    order, address = (
        found(r'data-order="([^"]+)"', panel),
        found(r'hx-get="(/orders/\?[^"]+)"', panel),
    )
    timed.get("poll, unchanged", address, **HTMX)
    total = int(found(r'name="total_cents" value="(\d+)"', panel))
    event = event_about(paid_session(session, order, total))
    timed.ask("webhook, completed", "POST", WEBHOOK, *signed(event))
    panel = timed.get("poll, changed", address, **HTMX)
    if 'data-status="PAID"' not in panel:
        raise RuntimeError(f"The order is not paid:\n{panel}\n{timed.shop.log_tail()}")
    return order


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if not match:
        raise RuntimeError(f"No {pattern} in:\n{text}")
    return html.unescape(match[1])


def table(empty: TimedShop, full: TimedShop) -> str:
    lines = [
        "| route | empty, ms | full, ms | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    for route in sorted(route for route in empty.seconds if not route.startswith("(")):
        one, other = (statistics.median(timed.seconds[route]) * 1_000 for timed in (empty, full))
        lines.append(f"| {route} | {one:.2f} | {other:.2f} | {other / one:.2f} |")
    return "\n".join(lines)
