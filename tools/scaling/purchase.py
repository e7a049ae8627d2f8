"""One purchase, step by step, as a browser and Stripe make it; the time of each step is noted."""

import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from urllib.parse import urlsplit

from tools.http_shopper import HTMX, HttpShopper
from tools.signed_events import WEBHOOK, event_about, signed
from tools.stripe_stand_in import StandIn

LOOK_AGAIN = re.compile(r'hx-get="(/orders/[^"]+)"')


class Purchases:
    """Makes them one by one, in any thread; `seconds` holds how long each kind of step took."""

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
        shopper = HttpShopper(self._shop_url)
        with self._noted("cart"):
            changed = shopper.puts(self._product, 1, **HTMX)
        with self._noted("Buy"):
            bought = shopper.buys_at_last()
        assert (changed.status, bought.leads_to_payment) == (200, True), (changed, bought)
        session = self._stripe.pay(bought.location.rpartition("/")[2])
        returned = urlsplit(session["success_url"])
        with self._noted("page"):
            page = shopper.sees(f"{returned.path}?{returned.query}")
        found = LOOK_AGAIN.search(page.text)
        assert found, page
        for _ in range(2):
            with self._noted("poll"):
                assert shopper.sees(unescape(found[1]), HTMX).status == 204
        with self._noted("webhook"):
            assert shopper.asks("POST", WEBHOOK, *signed(event_about(session))).status == 200
        assert 'data-status="PAID"' in shopper.sees(unescape(found[1]), HTMX).text

    @contextmanager
    def _noted(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[step].append(time.perf_counter() - began)
