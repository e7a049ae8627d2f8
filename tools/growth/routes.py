"""What each route costs a shopper: the same steps in an empty shop and in a grown one, by turns."""

import html
import http.client
import re
import statistics
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from tools.growth.stripes_word import completed
from tools.shop_process import ShopProcess, new_database
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET
from tools.visitor import CSRF_TOKEN

ROUNDS = 220
WARM_UP = 20


@dataclass
class Till:
    """One shop, its one connection that is kept, and how long each answer took."""

    shop: ShopProcess
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(self.shop.url).netloc, timeout=30)
        self.cookies: dict[str, str] = {}

    def ask(self, route: str, method: str, path: str, body: str = "", **headers: str) -> str:
        """Ask, note under `route` how long it took, and return the text, or where it leads."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        form = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        began = time.perf_counter()
        self.connection.request(method, path, body, {"Cookie": cookies} | form | names)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        self.seconds[route].append(time.perf_counter() - began)
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status}\n{self.shop.log_tail()}")
        cookie = SimpleCookie(answer.headers.get("Set-Cookie", ""))
        self.cookies |= {name: morsel.value for name, morsel in cookie.items()}
        return answer.headers.get("Location") or text

    def get(self, route: str, path: str, **headers: str) -> str:
        return self.ask(route, "GET", path, **headers)

    def post(self, route: str, path: str, body: str = "", **headers: str) -> str:
        return self.ask(route, "POST", path, body, X_CSRFToken=CSRF_TOKEN, **headers)

    def somebody_new(self) -> None:
        self.cookies = {}


def shop_for(database: str, stripe: StandIn, **options: int) -> ShopProcess:
    return ShopProcess(
        database,
        STRIPE_PUBLISHABLE_KEY="pk_test_growth",
        STRIPE_SECRET_KEY="sk_test_growth",
        STRIPE_WEBHOOK_SECRET=SECRET,
        STRIPE_API_BASE=stripe.url,
        **options,  # type: ignore[arg-type]
    )


def compare(full: str, rounds: int = ROUNDS) -> str:
    """Compare the grown shop at `full` with an empty one on the same kind of database."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        stripe = stack.enter_context(StandIn(secret=SECRET))
        empty = stack.enter_context(new_database(Path(folder)))
        shops = [shop_for(url, stripe) for url in (empty, full)]
        shops[0].prepare()
        fill_shelf(shops[0])
        tills = [Till(stack.enter_context(shop)) for shop in shops]
        for number in range(WARM_UP + rounds):
            if number == WARM_UP:
                for till in tills:
                    till.seconds.clear()
            for till in tills[:: 1 if number % 2 else -1]:
                visit(till)
        return table(*tills)


def fill_shelf(shop: ShopProcess) -> None:
    shop.manage("shell", "-v0", "-c", "from tools.growth.fill import shelf; shelf()")


def visit(till: Till) -> None:
    """Everything that a shopper does, twice, and once for nothing: nobody is known at first."""
    till.somebody_new()
    till.get("home, a new visitor", "/")
    till.cookies["csrftoken"] = CSRF_TOKEN
    till.post("(first line)", "/cart/1/", "quantity=1", HX_Request="true")
    till.post("cart update", "/cart/1/", "quantity=2", HX_Request="true")
    first = buy_and_pay(till)
    till.post("(first line)", "/cart/2/", "quantity=1", HX_Request="true")
    buy_and_pay(till)
    for product in (1, 2, 3):
        till.post("(more lines)", f"/cart/{product}/", "quantity=2", HX_Request="true")
    till.get("home, 3 lines and 2 orders", "/")
    till.get("product page", "/products/mouse/")
    till.get("orders page", "/orders/")
    till.get("order page", f"/orders/{first}/")
    link = till.post("private link", f"/orders/{first}/link/", HX_Request="true")
    till.get("private receipt", found(r"(/receipts/[\w.-]+/)", link))


def buy_and_pay(till: Till) -> str:
    """Buy, wait, be paid, see it; returns the order."""
    session = till.post("Buy", "/create-checkout-session/").rpartition("/")[2]
    panel = till.get("(home)", "/")
    order, address = (
        found(r'data-order="([^"]+)"', panel),
        found(r'hx-get="(/orders/\?[^"]+)"', panel),
    )
    till.get("poll, unchanged", address, HX_Request="true")
    total = int(found(r'name="total_cents" value="(\d+)"', panel))
    body, signature = completed(order, session, total)
    till.post("webhook, completed", "/stripe/webhook/", body, Stripe_Signature=signature)
    panel = till.get("poll, changed", address, HX_Request="true")
    if 'data-status="PAID"' not in panel:
        raise RuntimeError(f"The order is not paid:\n{panel}\n{till.shop.log_tail()}")
    return order


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if not match:
        raise RuntimeError(f"No {pattern} in:\n{text}")
    return html.unescape(match[1])


def table(empty: Till, full: Till) -> str:
    lines = [
        "| route | empty, ms | full, ms | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    for route in sorted(route for route in empty.seconds if not route.startswith("(")):
        one, other = (statistics.median(till.seconds[route]) * 1_000 for till in (empty, full))
        lines.append(f"| {route} | {one:.2f} | {other:.2f} | {other / one:.2f} |")
    return "\n".join(lines)
