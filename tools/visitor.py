"""A shopper of the running shop, and what many do at the same moment."""

import http.client
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any, Self
from urllib.parse import urlencode, urlsplit
from uuid import UUID

# Ours to choose: what protects is that the form and the cookie say the same.
CSRF_TOKEN = "races" * 6 + "ok"
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Answer:
    """What the shop said; status 0 if it died before it could."""

    status: int
    location: str = ""
    text: str = ""


class Visitor:
    """Somebody with a browser. Every request has its own connection, so threads may share it."""

    def __init__(self, shop_url: str, site: str = "") -> None:
        """`site` is the address that the visitor sees, if a router stands before the shop."""
        self._address = urlsplit(shop_url).netloc
        self._prefix = "__Host-" if site else ""
        self._cookies = {f"{self._prefix}csrftoken": CSRF_TOKEN}
        self._headers = {"X-CSRFToken": CSRF_TOKEN}
        if site:
            scheme, host, *_ = urlsplit(site)
            self._headers |= {"Host": host, "Origin": site, "X-Forwarded-Proto": scheme}

    @property
    def id(self) -> UUID:
        return UUID(self._cookies[f"{self._prefix}shopper"].partition(":")[0])

    def at(self, shop_url: str) -> Self:
        """The same browser, at another server of the shop."""
        self._address = urlsplit(shop_url).netloc
        return self

    def puts(self, product: int, quantity: int) -> Answer:
        return self._post(f"/cart/{product}/", urlencode({"quantity": quantity}))

    def buys(self) -> Answer:
        return self._post("/create-checkout-session/", "")

    def buys_by_json(self, *items: tuple[int, int]) -> Answer:
        lines = [{"product_id": product, "quantity": quantity} for product, quantity in items]
        body = json.dumps({"items": lines})
        return self._post("/create-checkout-session/", body, "application/json")

    def sees(self, path: str = "/") -> Answer:
        return self._ask("GET", path)

    def _post(
        self, path: str, body: str, kind: str = "application/x-www-form-urlencoded"
    ) -> Answer:
        return self._ask("POST", path, body, {"Content-Type": kind})

    def _ask(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(self._address, timeout=PATIENCE_SECONDS)
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Cookie": cookies} | self._headers | (headers or {})
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException):
            return Answer(0)
        finally:
            connection.close()
        cookie = SimpleCookie(response.headers.get("Set-Cookie", ""))
        self._cookies |= {name: morsel.value for name, morsel in cookie.items()}
        return Answer(response.status, response.headers.get("Location", ""), text)


def at_once[Result](deeds: Sequence[Callable[[], Result]]) -> list[Result]:
    """Do all of it at the same moment, each in a thread, and return what came of it."""
    start = threading.Barrier(len(deeds), timeout=PATIENCE_SECONDS)

    def after_the_start(deed: Callable[[], Any]) -> Any:
        start.wait()
        return deed()

    with ThreadPoolExecutor(len(deeds)) as crowd:
        return list(crowd.map(after_the_start, deeds))
