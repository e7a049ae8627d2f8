"""The same verbs for a stand-in that runs in another process."""

import http.client
import inspect
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tools.stripe_stand_in.refusals import Refusal
from tools.stripe_stand_in.server import VERBS
from tools.stripe_stand_in.shapes import Json
from tools.stripe_stand_in.stand_in import StandIn


class RemoteStandIn:
    """Has every verb of StandIn, by HTTP; raises Refusal where StandIn raises anything."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        if verb not in VERBS:
            raise AttributeError(verb)
        signature = inspect.signature(getattr(StandIn, verb))

        def call(*arguments: Any, **named: Any) -> Any:
            bound = signature.bind(self, *arguments, **named).arguments
            body = {name: value for name, value in bound.items() if name != "self"}
            return self._ask("POST", verb, body)["result"]

        return call

    def ledger(self) -> Json:
        """Everything that it knows, in one dict."""
        return self._ask("GET", "ledger")

    @property
    def sessions(self) -> dict[str, Json]:
        """All sessions by id, newest last."""
        sessions: dict[str, Json] = self.ledger()["sessions"]
        return sessions

    @property
    def events(self) -> list[Json]:
        """All events, in the order in which they happened."""
        events: list[Json] = self.ledger()["events"]
        return events

    @property
    def requests(self) -> list[Json]:
        """Calls of the API, in order."""
        requests: list[Json] = self.ledger()["requests"]
        return requests

    @property
    def attempts(self) -> list[Json]:
        """Tries to deliver an event, in order."""
        attempts: list[Json] = self.ledger()["attempts"]
        return attempts

    def _ask(self, method: str, verb: str, body: Json | None = None) -> Json:
        # http.client asks no proxy, whatever the environment says.
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            headers = {"Content-Type": "application/json"}
            connection.request(method, f"/_stand_in/{verb}", json.dumps(body or {}), headers)
            response = connection.getresponse()
            answer: Json = json.loads(response.read())
        finally:
            connection.close()
        if response.status != 200:
            error = answer["error"]
            raise Refusal(error["message"], code=error.get("code"), status=response.status)
        return answer
