"""Sends each kind of request in turns and reads from the worker what it has used for it."""

import json
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from itertools import cycle, islice

from tools.http_shopper import HTMX, Answer, HttpShopper
from tools.signed_events import WEBHOOK, signed
from tools.stage import Stage
from tools.stripe_stand_in.shapes import Json

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

RATES = """
INSERT INTO storefront_shippingrate
    (name, countries, amount_cents, free_from_cents, position, is_on)
VALUES ('Parcel', 'DE AT', 490, 20000, 0, false), ('Express', 'DE', 990, NULL, 1, false),
    ('Abroad', '*', 1490, NULL, 2, false)
"""

LONG_AGO = """
from datetime import timedelta
from django.db.models import F
from checkout.models import Order
Order.objects.update(returned_at=F("returned_at") - timedelta(hours=1))
"""

Request = Callable[[], Answer]


@dataclass
class Figures:
    """CPU milliseconds a request, one value a round, by the kind of request."""

    rounds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, kind: str, milliseconds: float) -> None:
        self.rounds.setdefault(kind, []).append(milliseconds)

    def median(self, kind: str) -> float:
        return statistics.median(self.rounds[kind])

    def ratio(self, kind: str, beside: str) -> float:
        """The median of what each round says: two in one round had equal luck."""
        pairs = zip(self.rounds[kind], self.rounds[beside], strict=True)
        return statistics.median(one / other for one, other in pairs)


class Bench:
    """One shop with one worker, Stripe's stand-in, and all who are needed to ask."""

    def __init__(self, stage: Stage, products: list[int]) -> None:
        self.stage, self.products = stage, products
        self.shop, self.stripe = stage.shop, stage.stripe
        self.accountant = self._a_browser()
        self.customers = [self._a_customer() for _ in range(CUSTOMERS)]
        self.ada, self.bo = self.customers[0], self._a_customer()
        assert self.bo.buys().leads_to_payment
        # Back long ago, so that words and pace of the poll don't change while it is measured.
        [order, *_] = re.findall(r'data-order="(.*?)"', self.bo.sees().text)
        address = f"/?order={order}&since={int(time.time()) - 400}"
        self.bo.sees(address)
        self.shop.manage("shell", "--no-imports", "--command", LONG_AGO)
        home = self.bo.sees(address)
        [address] = re.findall(r'id="my-orders".*?hx-get="(.*?)"', home.text)
        self.poll = unescape(address)
        self._clicks = 0

    def run(self, rounds: int, count: int) -> Figures:
        figures = Figures()
        for number in range(WARM_UPS + rounds):
            for kind, requests in self._a_round(count):
                used = self._cpu_seconds_for(kind, requests)
                if number >= WARM_UPS:
                    figures.add(kind, used / len(requests) * 1000)
        return figures

    def usage(self) -> dict[str, float]:
        found: dict[str, float] = json.loads(self.accountant.sees("/bare/usage/").text)
        return found

    def _a_round(self, count: int) -> Iterator[tuple[str, list[Request]]]:
        first, ada = self.products[0], self.ada
        yield "bare SELECT", [lambda: ada.sees(f"/bare/select/{first}/")] * count
        yield "unchanged poll", [self._poll] * count
        yield "home", self._looks(count)
        with self._rates_on():
            yield "home with rates", self._looks(count)
        yield "bare page of 8 KB", [lambda: ada.sees("/bare/page/")] * count
        yield "cart update", [self._change_the_cart] * count
        with self._rates_on():
            yield "cart update with rates", [self._change_the_cart] * count
        yield "bare UPDATE", [lambda: ada.posts(f"/bare/update/{first}/")] * count
        buyers = [self._a_browser() for _ in range(count // 4)]
        for buyer in buyers:
            self._fill_cart(buyer)
        known = self.stripe.sessions
        yield "Buy", [buyer.buys for buyer in buyers]
        events = [self._paid(session) for session in self.stripe.sessions if session not in known]
        yield "webhook", [partial(self._deliver, event) for event in events]

    def _looks(self, count: int) -> list[Request]:
        shoppers = islice(cycle(self.customers), count)
        return [partial(shopper.sees, "/") for shopper in shoppers]

    @contextmanager
    def _rates_on(self) -> Iterator[None]:
        """Deliver at three rates, two of them to the country that shoppers see first."""
        self.stage.sql("UPDATE storefront_shippingrate SET is_on = true")
        yield
        self.stage.sql("UPDATE storefront_shippingrate SET is_on = false")

    def _cpu_seconds_for(self, kind: str, requests: Sequence[Request]) -> float:
        before = self.usage()["cpu"]
        statuses = {request().status for request in requests}
        used = self.usage()["cpu"] - before
        expected = {"unchanged poll": {204}, "Buy": {303}}.get(kind, {200})
        assert statuses == expected, f"{kind}: {statuses}"
        return used

    def _a_browser(self) -> HttpShopper:
        return HttpShopper(self.shop.url, keep_alive=True)

    def _a_customer(self) -> HttpShopper:
        """A shopper with two orders that are paid, and three lines in the cart."""
        customer = self._a_browser()
        for _ in range(2):
            self._fill_cart(customer)
            session = customer.buys().location.rpartition("/")[2]
            assert self._deliver(self._paid(session)).status == 200
        self._fill_cart(customer)
        return customer

    def _fill_cart(self, shopper: HttpShopper) -> None:
        for product in self.products[:3]:
            assert shopper.puts(product, 1).status == 303

    def _paid(self, session: str) -> Json:
        self.stripe.pay(session)
        return self.stripe.events_of("checkout.session.completed")[-1]

    def _deliver(self, event: Json) -> Answer:
        return self.accountant.asks("POST", WEBHOOK, *signed(event))

    def _poll(self) -> Answer:
        return self.bo.sees(self.poll, {**HTMX, "HX-Target": "my-orders"})

    def _change_the_cart(self) -> Answer:
        self._clicks += 1
        headers = {**HTMX, "HX-Target": "cart", "HX-Current-URL": f"{self.shop.url}/"}
        return self.ada.puts(self.products[0], 1 + self._clicks % 9, **headers)


def fill_the_shelf(stage: Stage) -> list[int]:
    """Bring the shelf to twelve products and return their ids; add rates, which are off."""
    stage.sql(RATES)
    for number in range(PRODUCTS - len(stage.sql("SELECT id FROM storefront_product"))):
        stage.sql(MORE_PRODUCTS.format(name=f"Desk lamp {number}", slug=f"desk-lamp-{number}"))
    return [row[0] for row in stage.sql("SELECT id FROM storefront_product ORDER BY position, id")]
