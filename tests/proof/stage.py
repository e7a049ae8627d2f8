"""The world around the shop: one clock, Stripe without a network, and no chance but the test's."""

import json
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.message import Message
from unittest import mock
from urllib.parse import urlsplit
from uuid import UUID

import stripe
from django.test import Client

from checkout.models import Order
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.clock import Clock
from tools.stripe_stand_in.faults import Dropped
from tools.stripe_stand_in.webhooks import ENABLED_EVENTS

API = "http://stripe.test"
WEBHOOK = "http://testserver/stripe/webhook/"
# Also one that the shop has no use for.
EVENTS = (*ENABLED_EVENTS, "charge.succeeded")


class StoppedClock(Clock):
    """Moves only when a test puts it forward, so that much happens within one second."""

    def now(self) -> float:
        return 1_800_000_000 + self.skipped

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now(), tz=UTC)


def new_stand_in(secret: str) -> StandIn:
    """A stand-in that is not served: the calls go straight in, and nothing is sent by itself."""
    stand_in = StandIn(WEBHOOK, secret, enabled_events=EVENTS)
    stand_in.clock = stand_in.ledger.clock = StoppedClock()
    return stand_in


@contextmanager
def set_for(stand_in: StandIn) -> Iterator[None]:
    """Let shop and stand-in reach each other, live at the same time, and meet no chance."""
    clock = stand_in.clock
    assert isinstance(clock, StoppedClock)
    ids = random.Random(0)

    def uuid() -> UUID:
        return UUID(int=ids.getrandbits(128), version=4)

    with ExitStack() as undo:
        for patch in (
            mock.patch.object(stripe.RequestsClient, "request", _caller_of(stand_in)),
            mock.patch.object(stripe.RequestsClient, "_sleep_time_seconds", return_value=0),
            mock.patch("django.utils.timezone.now", clock.moment),
            mock.patch("tools.stripe_stand_in.webhooks._post", _post),
            mock.patch("tools.stripe_stand_in.shapes.secrets", ids),
            mock.patch("storefront.ops.shopper.uuid4", uuid),
            mock.patch("checkout.rebuilding.uuid4", uuid),
            mock.patch.object(Order._meta.get_field("id"), "_get_default", uuid),
        ):
            undo.enter_context(patch)
        logging.disable(logging.CRITICAL)
        undo.callback(logging.disable, logging.NOTSET)
        yield


def _caller_of(stand_in: StandIn) -> Callable[..., tuple[str, int, dict[str, str]]]:
    def request(
        client: object, method: str, url: str, headers: dict[str, str], post_data: str | None = None
    ) -> tuple[str, int, dict[str, str]]:
        sent = Message()
        for name, value in headers.items():
            sent[name] = value
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}"
        try:
            asked, answer = stand_in.api.answer(method.upper(), target, sent, post_data or "", API)
        except Dropped as dropped:
            raise stripe.APIConnectionError("The connection broke.", should_retry=True) from dropped
        return json.dumps(answer.body), answer.status, {"request-id": asked.id}

    return request


def _post(url: str, payload: bytes, header: str, timeout: float) -> int:
    """Deliver a webhook, signed by the stand-in, to the shop's own address."""
    answer = Client().post(
        urlsplit(url).path,
        payload,
        content_type="application/json",
        headers={"Stripe-Signature": header},
    )
    return answer.status_code
