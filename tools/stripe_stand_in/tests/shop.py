"""The shop's side: how it calls the API, and the endpoint at which it hears of events."""

import http.client
import json
import threading
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe
import stripe.checkout

from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET

Json = dict[str, Any]


class Shop:
    """A webhook endpoint that keeps what it gets and answers what it is told."""

    def __init__(self) -> None:
        self.received: list[Json] = []
        self.headers: list[str] = []
        self.status = 200
        self.hearing = 0
        self.lock = threading.Lock()
        self.goes_on = threading.Event()
        self.goes_on.set()
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                shop.hear(body, self.headers["Stripe-Signature"])
                self.send_response(shop.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/stripe/webhook/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def hear(self, body: bytes, header: str) -> None:
        stripe.WebhookSignature.verify_header(body.decode(), header, SECRET, tolerance=300)
        with self.lock:
            self.hearing += 1
        self.goes_on.wait()
        self.received.append(json.loads(body))
        self.headers.append(header)

    @property
    def heard(self) -> list[str]:
        return [event["type"].removeprefix("checkout.session.") for event in self.received]

    @property
    def ids(self) -> list[str]:
        return [event["id"] for event in self.received]

    def close(self) -> None:
        self.goes_on.set()
        self.server.shutdown()
        self.server.server_close()


def client(s: StandIn, key: str = "sk_test_ada", retries: int = 0) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": s.url},
        max_network_retries=retries,
        http_client=stripe.RequestsClient(timeout=(3, 10)),
    )


def tea(**changes: Any) -> Json:
    price = {"currency": "usd", "unit_amount": 2999, "product_data": {"name": "Tea"}}
    return {"price_data": {**price, **changes.pop("price", {})}, "quantity": 2, **changes}


def order(**changes: Any) -> Json:
    return {
        "mode": "payment",
        "line_items": [tea()],
        "success_url": "https://shop.example/?order=7",
        "cancel_url": "https://shop.example/?canceled=7",
        "client_reference_id": "7",
        "metadata": {"order_id": "7"},
        "payment_intent_data": {"metadata": {"order_id": "7"}},
        **changes,
    }


def without(name: str) -> Json:
    return {key: value for key, value in order().items() if key != name}


def create(s: StandIn, key: str | None = None, **changes: Any) -> Json:
    options: Any = {"idempotency_key": key} if key else {}
    sessions = client(s).v1.checkout.sessions
    return sessions.create(typing.cast(Any, order(**changes)), options).to_dict()


def opened(s: StandIn, **changes: Any) -> str:
    id: str = create(s, **changes)["id"]
    return id


def call(
    s: StandIn, method: str, path: str, form: Json | None = None, **headers: str
) -> tuple[int, Json, http.client.HTTPMessage]:
    """A request without the SDK, to see what the SDK hides."""
    connection = http.client.HTTPConnection("127.0.0.1", s.port, timeout=10)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    auth = {"Authorization": "Bearer sk_test_ada"}
    connection.request(method, path, urlencode(form or {}), {**auth, **kind, **headers})
    response = connection.getresponse()
    text = response.read()
    connection.close()
    is_json = response.headers.get_content_type() == "application/json"
    return response.status, json.loads(text) if is_json else {"text": text.decode()}, response.msg


@contextmanager
def refused(code: str | None = None, param: str | None = None) -> Iterator[None]:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        yield
    assert (refusal.value.code, refusal.value.param) == (code, param)
