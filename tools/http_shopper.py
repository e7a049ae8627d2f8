"""A shopper of the running shop, asking by HTTP."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http.cookies import SimpleCookie
from typing import Self
from urllib.parse import urlencode, urlsplit
from uuid import UUID

# Ours to choose: what protects is that the form and the cookie say the same.
CSRF_TOKEN = "shops" * 6 + "ok"
HTMX = {"HX-Request": "true"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
PATIENCE_SECONDS = 30
PRESSES, PAUSE_SECONDS = 100, 0.1


@dataclass(frozen=True)
class Answer:
    """What the shop said; status 0 if it died before it could."""

    status: int
    location: str = ""
    text: str = ""

    @property
    def leads_to_payment(self) -> bool:
        """Whether Buy leads on, as a whole address does; a refusal leads to a path of the shop."""
        return self.status == 303 and self.location.startswith("http")


class HttpShopper:
    """A shopper with a browser and its cookies.

    Every request has its own connection, so that threads may share a shopper; with `keep_alive`
    one stays open, as browsers keep it. `site` is the address that the shopper sees, if a router
    stands before the shop.
    """

    def __init__(self, shop_url: str, site: str = "", *, keep_alive: bool = False) -> None:
        self._address = urlsplit(shop_url).netloc
        self._prefix = "__Host-" if site else ""
        self.cookies = {f"{self._prefix}csrftoken": CSRF_TOKEN}
        self._headers = {"X-CSRFToken": CSRF_TOKEN}
        if site:
            scheme, host, *_ = urlsplit(site)
            self._headers |= {"Host": host, "Origin": site, "X-Forwarded-Proto": scheme}
        self._kept = self._connect() if keep_alive else None

    def close(self) -> None:
        if self._kept:
            self._kept.close()

    @property
    def id(self) -> UUID:
        return UUID(self.cookies[f"{self._prefix}shopper"].partition(":")[0])

    def at(self, shop_url: str) -> Self:
        """The same browser, at another server of the shop."""
        self._address = urlsplit(shop_url).netloc
        return self

    def puts(self, product: int, quantity: int, **headers: str) -> Answer:
        return self.posts(f"/cart/{product}/", {"quantity": quantity}, headers)

    def buys(self) -> Answer:
        """Press Buy; a refusal has the text of the page that it leads back to."""
        answer = self.posts("/create-checkout-session/")
        if answer.status != 303 or answer.leads_to_payment:
            return answer
        return replace(answer, text=self.sees(answer.location.partition("#")[0]).text)

    def buys_at_last(self) -> Answer:
        """Press again if refused, as the shop asks for it while many are buying; not for ever."""
        for _ in range(PRESSES):
            if (answer := self.buys()).leads_to_payment:
                break
            time.sleep(PAUSE_SECONDS)
        return answer

    def buys_by_json(self, *items: tuple[int, int], **delivery: object) -> Answer:
        lines = [{"product_id": product, "quantity": quantity} for product, quantity in items]
        body = json.dumps({"items": lines, **delivery})
        return self.asks("POST", "/create-checkout-session/", body, JSON)

    def buys_by_json_at_last(self, *items: tuple[int, int]) -> Answer:
        """Press again as often as the shop asks for it while many are buying."""
        while "Many people are buying" in (answer := self.buys_by_json(*items)).text:
            time.sleep(PAUSE_SECONDS)
        return answer

    def sees(self, path: str = "/", headers: Mapping[str, str] | None = None) -> Answer:
        return self.asks("GET", path, headers=headers)

    def posts(
        self,
        path: str,
        form: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        return self.asks("POST", path, urlencode(form or {}), {**FORM, **(headers or {})})

    def asks(
        self,
        method: str,
        path: str,
        body: str | bytes = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = self._kept or self._connect()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            connection.request(
                method, path, body, {"Cookie": cookies, **self._headers, **(headers or {})}
            )
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException):
            connection.close()
            return Answer(0)
        if not self._kept:
            connection.close()
        self._keep_cookies(response.headers.get_all("Set-Cookie", []))
        return Answer(response.status, response.headers.get("Location", ""), text)

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._address, timeout=PATIENCE_SECONDS)

    def _keep_cookies(self, headers: list[str]) -> None:
        for header in headers:
            cookies = SimpleCookie(header).items()
            self.cookies |= {name: morsel.value for name, morsel in cookies}
