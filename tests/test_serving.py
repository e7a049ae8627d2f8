"""gunicorn and the shop together refuse what is too large, before any of it is read."""

import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.shop_process import ShopProcess
from tools.stripe_stand_in.webhooks import SECRET

pytestmark = pytest.mark.once

WEBHOOK, BUY = "/stripe/webhook/", "/create-checkout-session/"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopProcess]:
    database = f"sqlite:///{tmp_path_factory.mktemp('shop') / 'shop.sqlite3'}"
    keys: dict[str, Any] = {"STRIPE_PUBLISHABLE_KEY": "pk_test_1", "STRIPE_SECRET_KEY": "sk_test_1"}
    with ShopProcess(database, **keys, STRIPE_WEBHOOK_SECRET=SECRET).prepare() as shop:
        yield shop


def ask(shop: ShopProcess, request: str, *headers: str, body: Iterable[bytes] = ()) -> str:
    """Send the request as it is; returns the answer, which may come before the body's end."""
    lines = [f"{request} HTTP/1.1", f"Host: 127.0.0.1:{shop.port}", "Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", shop.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        try:
            for part in body:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the shop has read enough
        return connection.recv(65_536).decode()


def test_no_header_can_claim_https(tmp_path: Path):
    database = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
    # Without SITE_URL it takes https alone.
    with ShopProcess(database, SITE_URL=None, ALLOWED_HOSTS="127.0.0.1").prepare() as shop:
        for header in ("Proto: https", "Protocol: ssl", "Ssl: on"):
            assert " 301 " in ask(shop, "GET /orders/", f"X-Forwarded-{header}")


def test_no_header_can_move_an_address(shop: ShopProcess):
    assert " 404 " in ask(shop, "GET /nowhere/orders/", "SCRIPT_NAME: /nowhere")


def test_a_body_that_is_too_large_is_answered_before_it_is_sent(shop: ShopProcess):
    assert " 413 " in ask(shop, f"POST {BUY}", "Content-Length: 10000000000")
    assert " 413 " in ask(shop, f"POST {WEBHOOK}", "Content-Length: 2000000")


def test_a_body_of_unknown_length_counts_as_none(shop: ShopProcess):
    for address, status in ((WEBHOOK, 400), (BUY, 403), ("/cart/1/", 403)):
        begun = [b"f4240\r\n", b"a" * 1_000]
        answer = ask(shop, f"POST {address}", "Transfer-Encoding: chunked", body=begun)
        assert f" {status} " in answer


def test_a_length_that_is_none_is_refused(shop: ShopProcess):
    for header in ("Content-Length: -1", "Content-Length: 1\r\nTransfer-Encoding: chunked"):
        assert " 400 " in ask(shop, f"POST {BUY}", header, body=[b"0\r\n\r\n"])


def test_address_and_headers_have_their_limits(shop: ShopProcess):
    assert " 414 " in ask(shop, f"GET /?{'a' * 4_094}")
    assert " 431 " in ask(shop, "GET /", f"Cookie: {'a' * 8_190}")
    assert " 431 " in ask(shop, "GET /", *["X-A: 1"] * 101)
    assert " 200 " in ask(shop, f"GET /?{'a' * 3_000}", f"Cookie: {'a' * 8_000}")
