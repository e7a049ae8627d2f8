"""One purchase, step by step, as a browser and Stripe make it; the time of each step is noted."""

import http.client
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.shapes import Json
from tools.stripe_stand_in.webhooks import signature
from tools.visitor import Answer, Visitor

HTMX = {"HX-Request": "true"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LOOK_AGAIN = re.compile(r'hx-get="(/orders/[^"]+)"')


class Browser(Visitor):
    """A visitor with scripts on."""

    def changes(self, product: int, quantity: int) -> Answer:
        return self._ask(
            "POST", f"/cart/{product}/", urlencode({"quantity": quantity}), FORM | HTMX
        )

    def looks_again(self, path: str) -> Answer:
        return self._ask("GET", path, "", HTMX)


class Purchases:
    """Makes them one by one, in any thread; `seconds` tells how long each kind of step took."""

    def __init__(self, shop_url: str, stripe: StandIn, product: int) -> None:
        self._shop_url = shop_url
        self._stripe = stripe
        self._product = product
        self.forget()

    def forget(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    @property
    def count(self) -> int:
        return len(self.seconds["webhook"])

    def make(self) -> None:
        """Change a cart, buy, pay, come back, look twice in vain, and see the order paid."""
        shopper = Browser(self._shop_url)
        with self._noted("cart"):
            changed = shopper.changes(self._product, 1)
        with self._noted("Buy"):
            bought = shopper.buys()
        assert (changed.status, bought.status) == (200, 303), (changed, bought)
        session = self._stripe.pay(bought.location.rpartition("/")[2])
        returned = urlsplit(session["success_url"])
        with self._noted("page"):
            page = shopper.sees(f"{returned.path}?{returned.query}")
        found = LOOK_AGAIN.search(page.text)
        assert found, page
        for _ in range(2):
            with self._noted("poll"):
                assert shopper.looks_again(unescape(found[1])).status == 204
        with self._noted("webhook"):
            assert self._deliver(session) == 200
        assert 'data-status="PAID"' in shopper.looks_again(unescape(found[1])).text

    @contextmanager
    def _noted(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[step].append(time.perf_counter() - began)

    def _deliver(self, session: Json) -> int:
        event = {
            "id": f"evt_{uuid4().hex}",
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": int(time.time()),
            "livemode": False,
            "type": "checkout.session.completed",
            "data": {"object": session},
        }
        body = json.dumps(event).encode()
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature(body)}
        connection = http.client.HTTPConnection(urlsplit(self._shop_url).netloc, timeout=30)
        try:
            connection.request("POST", "/stripe/webhook/", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()
