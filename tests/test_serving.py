"""gunicorn and the shop together take what routers send, and refuse what is too large."""

import contextlib
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tools.http_shopper import CSRF_TOKEN
from tools.shop_process import ShopProcess
from tools.signed_events import event_about, signed
from tools.stripe_stand_in.webhooks import SECRET
from tools.waiting import wait_until

pytestmark = pytest.mark.once

WEBHOOK, BUY = "/stripe/webhook/", "/create-checkout-session/"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopProcess]:
    database = f"sqlite:///{tmp_path_factory.mktemp('shop') / 'shop.sqlite3'}"
    keys: dict[str, Any] = {"STRIPE_PUBLISHABLE_KEY": "pk_test_1", "STRIPE_SECRET_KEY": "sk_test_1"}
    with ShopProcess(database, **keys, STRIPE_WEBHOOK_SECRET=SECRET).prepare() as shop:
        yield shop


def ask(
    shop: ShopProcess,
    request: str,
    *headers: str,
    body: Iterable[bytes] = (),
    leaves: bool = False,
) -> str:
    """Send the request as it is; returns the answer, which may come before the body's end.

    A client that `leaves` sends no more, and waits for the answer all the same.
    """
    lines = [f"{request} HTTP/1.1", f"Host: 127.0.0.1:{shop.port}", "Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", shop.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        with contextlib.suppress(OSError):  # the shop has read enough
            for part in body:
                connection.sendall(part)
            if leaves:
                connection.shutdown(socket.SHUT_WR)
        answer = bytearray()
        with contextlib.suppress(ConnectionResetError):  # of what it has not read
            while part := connection.recv(65_536):
                answer += part
        return answer.decode()


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


def chunked(body: bytes, size: int = 100) -> Iterator[bytes]:
    """Send the body as routers do that have not seen its end yet."""
    for start in range(0, len(body), size):
        part = body[start : start + size]
        yield b"%x;ext=1\r\n%b\r\n" % (len(part), part)
    yield b"0\r\nX-Sum: 1\r\n\r\n"


class TestABodyOfUnknownLength:
    CHUNKED = "Transfer-Encoding: chunked"
    FORM = "Content-Type: application/x-www-form-urlencoded"
    JSON = "Content-Type: application/json"
    COOKIE = f"Cookie: csrftoken={CSRF_TOKEN}"
    TOKEN = f"X-CSRFToken: {CSRF_TOKEN}"

    def sends(self, shop: ShopProcess, address: str, body: bytes, *headers: str) -> str:
        parts = chunked(body, 100 if len(body) < 10_000 else 10_000)
        return ask(shop, f"POST {address}", self.CHUNKED, *headers, body=parts)

    def test_is_a_form_as_any_other(self, shop: ShopProcess):
        form = f"csrfmiddlewaretoken={CSRF_TOKEN}&quantity=2&more={'x' * 500}".encode()
        assert " 303 " in self.sends(shop, "/cart/1/", form, self.FORM, self.COOKIE)

    def test_is_a_form_of_several_parts_as_any_other(self, shop: ShopProcess):
        fields = {"csrfmiddlewaretoken": CSRF_TOKEN, "quantity": "2"}
        lines = [
            f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        form, kind = "".join([*lines, "--x--\r\n"]), "Content-Type: multipart/form-data; boundary=x"
        assert " 303 " in self.sends(shop, "/cart/1/", form.encode(), kind, self.COOKIE)

    def test_is_json_as_any_other(self, shop: ShopProcess):
        answer = self.sends(shop, BUY, b'{"items": []}', self.JSON, self.COOKIE, self.TOKEN)
        assert " 400 " in answer
        assert "Your cart is empty" in answer

    def test_is_an_event_as_any_other(self, shop: ShopProcess):
        body, headers = signed(event_about({"object": "charge"}, "charge.captured"))
        names = [f"{name}: {value}" for name, value in headers.items()]
        assert " 200 " in self.sends(shop, WEBHOOK, body, *names)

    def test_has_the_limits_of_any_other(self, shop: ShopProcess):
        for address, most in ((BUY, 256 * 1024), ("/cart/1/", 256 * 1024), (WEBHOOK, 1024 * 1024)):
            headers = self.FORM, self.COOKIE, self.TOKEN
            assert " 413 " not in self.sends(shop, address, b"a" * most, *headers)
            assert " 413 " in self.sends(shop, address, b"a" * (most + 1), *headers)

    @pytest.mark.parametrize("address", [WEBHOOK, BUY, "/cart/1/"])
    @pytest.mark.parametrize("broken", [b"zz\r\n", b"5\r\nabcdefgh\r\n", b"5\r\nab"])
    def test_that_breaks_off_is_no_error_of_the_shop(
        self, shop: ShopProcess, address: str, broken: bytes
    ):
        headers = self.CHUNKED, self.JSON, self.COOKIE, self.TOKEN
        answer = ask(shop, f"POST {address}", *headers, body=[broken], leaves=True)
        assert " 400 " in answer
        assert '"level": "ERROR"' not in shop.log.read_text()


def test_a_length_that_is_none_is_refused(shop: ShopProcess):
    for header in ("Content-Length: -1", "Content-Length: 1\r\nTransfer-Encoding: chunked"):
        assert " 400 " in ask(shop, f"POST {BUY}", header, body=[b"0\r\n\r\n"])


@pytest.mark.skipif(not hasattr(socket, "TCP_DEFER_ACCEPT"), reason="needs Linux")
def test_connections_on_which_nothing_comes_hold_no_thread(shop: ShopProcess):
    address, began = ("127.0.0.1", shop.port), time.monotonic()
    with ExitStack() as stack:
        for _ in range(60):  # which would take gunicorn 35 seconds
            idle = stack.enter_context(socket.create_connection(address, timeout=30))
        assert " 200 " in ask(shop, "GET /")
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b" 200 " in idle.recv(1_000)
    assert time.monotonic() - began < 20


def test_address_and_headers_have_their_limits(shop: ShopProcess):
    assert " 414 " in ask(shop, f"GET /?{'a' * 4_094}")
    assert " 431 " in ask(shop, "GET /", f"Cookie: {'a' * 8_190}")
    assert " 431 " in ask(shop, "GET /", *["X-A: 1"] * 101)
    assert " 200 " in ask(shop, f"GET /?{'a' * 3_000}", f"Cookie: {'a' * 8_000}")


@pytest.mark.parametrize(
    ("request_line", "header", "error"),
    [
        ("GET /receipts/planted/?planted HTTP/9.9", "X-A: 1", "InvalidHTTPVersion"),
        ("/receipts/planted", "X-A: 1", "InvalidRequestLine"),
        ("GET /", "Cookie planted", "InvalidHeader"),
        ("GET /", "planted@cookie: 1", "InvalidHeaderName"),
        ("GET /", f"Cookie: planted{'a' * 8_190}", "LimitRequestHeaders"),
        (f"GET /receipts/planted{'a' * 4_094}", "X-A: 1", "LimitRequestLine"),
        ("POST /", "Transfer-Encoding: planted", "UnsupportedTransferCoding"),
    ],
)
def test_what_is_no_http_leaves_none_of_its_words_in_the_log(
    shop: ShopProcess, request_line: str, header: str, error: str
):
    before = len(shop.log.read_text())
    ask(shop, request_line, header)
    wait_until(lambda: error in shop.log.read_text()[before:], f"There is no {error} in the log.")
    said = shop.log.read_text()[before:]
    assert "planted" not in said
    assert "127.0.0.1" not in said
