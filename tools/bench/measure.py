"""Sends each kind of request in turns and reads from the worker what it has used for it."""

import http.client
import json
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from http.cookies import SimpleCookie
from itertools import cycle, islice
from urllib.parse import urlencode, urlsplit

from tools.shop_process import ShopProcess
from tools.stage import Stage
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import signature
from tools.visitor import CSRF_TOKEN

WARM_UPS = 2
CUSTOMERS = 20
"""Look at the home page in turns, each with a cart and orders of their own."""

PRODUCTS = 12
"""On the shelf; the first three of them are in the cart."""

MORE_PRODUCTS = """
INSERT INTO storefront_product
    (name, slug, description, price_cents, picture, is_on_sale, position)
VALUES ('{name}', '{slug}', 'Good company on a desk, made to be used for years.', 4500,
    'products/mouse.svg', true, 9)
"""

Deed = Callable[[], int]
"""Sends one request and returns the status of the answer."""


class Browser:
    """A shopper with a connection that stays open, as browsers keep it."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self._cookies = {"csrftoken": CSRF_TOKEN}
        self.text = ""
        self.location = ""

    def asks(self, method: str, path: str, body: str = "", **headers: str) -> int:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sent = {
            "Cookie": cookies,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        self._connection.request(method, path, body, sent)
        response = self._connection.getresponse()
        self.text = response.read().decode()
        self.location = response.headers.get("Location", "")
        for cookie in response.headers.get_all("Set-Cookie", []):
            self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(cookie).items()}
        return response.status

    def gets(self, path: str, **headers: str) -> int:
        return self.asks("GET", path, **headers)

    def posts(self, path: str, form: dict[str, object], **headers: str) -> int:
        kind = "application/x-www-form-urlencoded"
        token = {"X_CSRFToken": CSRF_TOKEN}
        return self.asks("POST", path, urlencode(form), Content_Type=kind, **token, **headers)


@dataclass
class Figures:
    """CPU milliseconds a request, one value a round, by the kind of request."""

    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, kind: str, milliseconds: float) -> None:
        self.rounds.setdefault(kind, []).append(milliseconds)

    def median(self, kind: str) -> float:
        return statistics.median(self.rounds[kind])

    def ratio(self, kind: str, beside: str) -> float:
        """The median of what each round says: two that stand beside each other had equal luck."""
        pairs = zip(self.rounds[kind], self.rounds[beside], strict=True)
        return statistics.median(one / other for one, other in pairs)


class Bench:
    """One shop with one worker, Stripe's stand-in, and everybody who is needed to ask."""

    def __init__(self, shop: ShopProcess, stripe: StandIn, products: list[int]) -> None:
        self.shop, self.stripe, self.products = shop, stripe, products
        self.accountant = Browser(shop.url)
        self.customers = [self._a_customer() for _ in range(CUSTOMERS)]
        self.ada, self.bo = self.customers[0], self._a_customer()
        self._buy(self.bo)
        # Back long ago, so that the pace of the poll doesn't change while it is measured.
        self.bo.gets("/")
        [order, *_] = re.findall(r'data-order="(.*?)"', self.bo.text)
        self.bo.gets(f"/?order={order}&since={int(time.time()) - 400}")
        [address] = re.findall(r'id="my-orders".*?hx-get="(.*?)"', self.bo.text)
        self.poll = unescape(address)
        self._clicks = 0

    def run(self, rounds: int, requests: int) -> Figures:
        figures = Figures()
        for number in range(WARM_UPS + rounds):
            for kind, deeds in self._a_round(requests):
                used = self._cpu_seconds_for(kind, deeds)
                if number >= WARM_UPS:
                    figures.add(kind, used / len(deeds) * 1000)
        return figures

    def usage(self) -> dict[str, float]:
        assert self.accountant.gets("/bare/usage/") == 200
        found: dict[str, float] = json.loads(self.accountant.text)
        return found

    def _a_round(self, requests: int) -> Iterator[tuple[str, list[Deed]]]:
        first, ada = self.products[0], self.ada
        yield "bare SELECT", [lambda: ada.gets(f"/bare/select/{first}/")] * requests
        yield "unchanged poll", [self._poll] * requests
        shoppers = islice(cycle(self.customers), requests)
        yield "home", [partial(who.gets, "/") for who in shoppers]
        yield "bare page of 8 KB", [lambda: ada.gets("/bare/page/")] * requests
        yield "cart update", [self._change_the_cart] * requests
        yield "bare UPDATE", [lambda: ada.posts(f"/bare/update/{first}/", {})] * requests
        buyers = [Browser(self.shop.url) for _ in range(requests // 4)]
        for buyer in buyers:
            self._fill_cart(buyer)
        yield "Buy", [partial(self._press_buy, buyer) for buyer in buyers]
        events = [self._paid(buyer) for buyer in buyers]
        yield "webhook", [partial(self._deliver, event) for event in events]

    def _cpu_seconds_for(self, kind: str, deeds: Sequence[Deed]) -> float:
        before = self.usage()["cpu"]
        statuses = {deed() for deed in deeds}
        used = self.usage()["cpu"] - before
        expected = {"unchanged poll": {204}, "Buy": {303}}.get(kind, {200})
        assert statuses == expected, f"{kind}: {statuses}"
        return used

    def _a_customer(self) -> Browser:
        """Somebody with two orders that are paid, and three lines in the cart."""
        customer = Browser(self.shop.url)
        for _ in range(2):
            self._fill_cart(customer)
            self._buy(customer)
            assert self._deliver(self._paid(customer)) == 200
        self._fill_cart(customer)
        return customer

    def _fill_cart(self, browser: Browser) -> None:
        for product in self.products[:3]:
            assert browser.posts(f"/cart/{product}/", {"quantity": 1}) == 303

    def _buy(self, browser: Browser) -> None:
        assert self._press_buy(browser) == 303

    def _press_buy(self, browser: Browser) -> int:
        return browser.posts("/create-checkout-session/", {})

    def _paid(self, browser: Browser) -> bytes:
        session = next(key for key in reversed(self.stripe.sessions) if key in browser.location)
        self.stripe.pay(session)
        return json.dumps(self.stripe.events_of("checkout.session.completed")[-1]).encode()

    def _deliver(self, event: bytes) -> int:
        headers = {"Stripe_Signature": signature(event), "Content_Type": "application/json"}
        return self.accountant.asks("POST", "/stripe/webhook/", event.decode(), **headers)

    def _poll(self) -> int:
        return self.bo.gets(self.poll, HX_Request="true", HX_Target="my-orders")

    def _change_the_cart(self) -> int:
        self._clicks += 1
        form: dict[str, object] = {"quantity": 1 + self._clicks % 9}
        headers = {"HX_Request": "true", "HX_Target": "cart", "HX_Current_URL": f"{self.shop.url}/"}
        return self.ada.posts(f"/cart/{self.products[0]}/", form, **headers)


def fill_the_shelf(stage: Stage) -> list[int]:
    """Bring the shelf to twelve products and return their ids."""
    for number in range(PRODUCTS - len(stage.sql("SELECT id FROM storefront_product"))):
        stage.sql(MORE_PRODUCTS.format(name=f"Desk lamp {number}", slug=f"desk-lamp-{number}"))
    return [row[0] for row in stage.sql("SELECT id FROM storefront_product ORDER BY position, id")]
