"""HTTP in front of the stand-in: the API, the hosted page and the desk for other processes."""

import http.client
import inspect
import json
import sys
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tools.stripe_stand_in import page
from tools.stripe_stand_in.faults import Dropped
from tools.stripe_stand_in.refusals import Refusal
from tools.stripe_stand_in.rules import is_email
from tools.stripe_stand_in.shapes import API_VERSION, Json

if TYPE_CHECKING:
    from tools.stripe_stand_in.stand_in import StandIn

# What a test, in this process or through RemoteStandIn, can do to the stand-in.
_VERBS = """
    pay pay_later choose promotion_code configure settle fail decline expire refund fail_refund
    lower_balance settle_refund dispute close_dispute session events_of hold release lose
    duplicate deliver_normally deliver send fault clear_faults advance now wait_until_quiet reset
    listen add_endpoint forbid
"""
VERBS = frozenset(_VERBS.split())
MOST_BYTES = 1_000_000
PATIENCE_SECONDS = 60


class Server(ThreadingHTTPServer):
    """Threads that end with the process, and room for many callers at once."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._changed = Condition()
        self._under_way = 0

    def process_request(self, request: Any, client_address: Any) -> None:
        """Count it; `shutdown_request` counts it as answered."""
        with self._changed:
            self._under_way += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close the connection."""
        super().shutdown_request(request)
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def serve_who_came(self) -> None:
        """Return when all are answered who came before, also those who have hung up since."""
        caller = http.client.HTTPConnection(*self.server_address[:2])  # type: ignore[arg-type]
        caller.request("HEAD", "/")  # accepted after them; the handler knows no HEAD
        caller.getresponse().read()
        caller.close()
        with self._changed:
            assert self._changed.wait_for(lambda: self._under_way == 0, PATIENCE_SECONDS)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let callers hang up: a shop that lost patience is part of the play."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def serve(stand_in: "StandIn", port: int) -> Server:
    """A server on 127.0.0.1 that knows its stand-in; port 0 takes a free one."""
    handler = type("BoundHandler", (Handler,), {"stand_in": stand_in})
    return Server(("127.0.0.1", port), handler)


class Handler(BaseHTTPRequestHandler):
    """One request, one connection: nothing stays open that a test would have to close."""

    stand_in: "StandIn"
    server_version = "StripeStandIn"

    def do_GET(self) -> None:
        """Read something."""
        self._handle("GET")

    def do_POST(self) -> None:
        """Do something."""
        self._handle("POST")

    def do_DELETE(self) -> None:
        """Delete something: a webhook endpoint, as nothing else here can be."""
        self._handle("DELETE")

    def _handle(self, method: str) -> None:
        path = urlsplit(self.path).path
        body = self._body()
        if path.startswith("/c/pay/"):
            self._page(method, path.removeprefix("/c/pay/"), body)
        elif path.startswith("/_stand_in/"):
            self._desk(method, path.removeprefix("/_stand_in/"), body)
        else:
            self._api(method, body)

    def _body(self) -> str:
        length = min(int(self.headers.get("Content-Length") or 0), MOST_BYTES)
        return self.rfile.read(length).decode("utf-8", "replace")

    def _base(self) -> str:
        # A browser that came by `localhost` goes on by `localhost`; another name may be forged.
        host = self.headers.get("Host", "")
        ours = {f"{name}:{self.stand_in.port}" for name in ("localhost", "127.0.0.1")}
        return f"http://{host}" if host in ours else self.stand_in.url

    # The API

    def _api(self, method: str, body: str) -> None:
        try:
            request, answer = self.stand_in.api.answer(
                method, self.path, self.headers, body, self._base()
            )
        except Dropped:
            self._announce(method, "dropped")
            self.close_connection = True
            return
        headers = {"Stripe-Version": API_VERSION, "request-id": request.id}
        if request.idempotency_key:
            headers["Idempotency-Key"] = request.idempotency_key
        if answer.replayed:
            headers["Idempotent-Replayed"] = "true"
        self._announce(method, str(answer.status))
        self._send_json(answer.status, answer.body, headers)

    # The hosted page

    def _page(self, method: str, id: str, body: str) -> None:
        try:
            session = self.stand_in.session(id)
        except Refusal:
            self._send_html(404, page.missing_page())
            return
        if method == "POST":
            self._redirect(self._press(id, parse_qs(body, keep_blank_values=True)))
        else:
            self._show(session)

    def _show(self, session: Json) -> None:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        html = page.payment_page(
            session,
            self.stand_in.ledger.lines[session["id"]],
            self.stand_in.ledger.rates[session["id"]],
            said={name: values[-1] for name, values in query.items()},
            is_waiting=self.stand_in.ledger.is_awaiting_bank(session["id"]),
        )
        self._send_html(200, html)

    def _press(self, id: str, form: dict[str, list[str]]) -> str:
        """Do what the button says; where the shopper goes then."""
        said = {name: values[-1] for name, values in form.items()}
        action, email = said.pop("action", ""), said.get("email", "")
        self._announce("POST", f"{action} on the payment page")
        here = f"/c/pay/{id}"
        try:
            if action in ("settle", "fail"):
                getattr(self.stand_in, action)(id)
            if action == "decline":
                self.stand_in.decline(id)
                return _again(here, said, "declined")
            if action == "update":
                self.stand_in.choose(id, **_chosen(said))
                return _again(here, said)
            if action in ("pay", "pay_later"):
                return (
                    self._pay(action, id, said) if is_email(email) else _again(here, said, "email")
                )
        except Refusal as refusal:
            for problem in (refusal.code, refusal.param):
                if problem in page.PROBLEMS:
                    return _again(here, said, problem)
            # It was closed meanwhile; the page says why.
        return here

    def _pay(self, action: str, id: str, said: dict[str, str]) -> str:
        verb = self.stand_in.pay_later if action == "pay_later" else self.stand_in.pay
        session = verb(id, said["email"], phone=said.get("phone", ""), **_chosen(said))
        for event in self.stand_in.events_of("checkout.session.completed"):
            if event["data"]["object"]["id"] == id:
                self.stand_in.wait_for_endpoint(event)
        return page.return_url(session)

    # The desk for other processes

    def _desk(self, method: str, verb: str, body: str) -> None:
        if method == "GET" and verb == "page.css":
            self._send(200, page.CSS.encode(), "text/css; charset=utf-8", {})
        elif method == "GET" and verb == "ledger":
            self._send_json(200, self._ledger(), {})
        elif method == "POST":
            self._do(verb, body)
        else:
            self._send_json(404, {"error": {"message": f"There is no {verb}."}}, {})

    def _ledger(self) -> Json:
        stand_in = self.stand_in
        stand_in.ledger.expire_due()
        return {
            **stand_in.ledger.snapshot(),
            "requests": [asdict(request) for request in stand_in.requests],
            "attempts": [asdict(attempt) for attempt in stand_in.attempts],
            "webhook_url": stand_in.webhook_url,
            "now": stand_in.now(),
        }

    def _do(self, verb: str, body: str) -> None:
        # A web page can send a form to this port unasked, but not this type.
        if verb not in VERBS or self.headers.get_content_type() != "application/json":
            self._send_json(404, {"error": {"message": f"There is no {verb} in JSON."}}, {})
            return
        try:
            self._send_json(200, {"result": self._call(verb, json.loads(body or "{}"))}, {})
        except Refusal as refusal:
            self._send_json(refusal.status, refusal.body(), {})
        except (TypeError, ValueError, RuntimeError, TimeoutError) as error:
            message = f"{type(error).__name__}: {error}"
            self._send_json(400, {"error": {"message": message, "type": "stand_in"}}, {})

    def _call(self, verb: str, arguments: dict[str, Any]) -> Any:
        method = getattr(self.stand_in, verb)
        inspect.signature(method).bind(**arguments)
        return method(**arguments)

    # Answers

    def _redirect(self, url: str) -> None:
        self.send_response(303)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_html(self, status: int, html: str) -> None:
        headers = {"Content-Security-Policy": "default-src 'none'; style-src 'self'"}
        self._send(status, html.encode(), "text/html; charset=utf-8", headers)

    def _send_json(self, status: int, body: Any, headers: dict[str, str]) -> None:
        text = json.dumps(body, indent=2).encode()
        self._send(status, text, "application/json", headers)

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        always = {"Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in {**always, "Cache-Control": "no-store", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _announce(self, method: str, outcome: str) -> None:
        self.stand_in.announce(f"{method} {urlsplit(self.path).path} -> {outcome}")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the stand-in has its own announcements."""


def _chosen(said: dict[str, str]) -> Json:
    return {
        "address": {name: said[name] for name in page.ADDRESS if said.get(name)},
        "shipping": int(said["shipping"]) if said.get("shipping", "").isdigit() else None,
        "code": said.get("code", "").strip(),
    }


def _again(here: str, said: dict[str, str], problem: str = "") -> str:
    """The page once more, with what was filled in."""
    return f"{here}?{urlencode({**said, 'problem': problem} if problem else said)}"
