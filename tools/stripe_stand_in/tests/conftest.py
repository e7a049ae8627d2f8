"""A stand-in, and a shop that listens to it."""

from collections.abc import Iterator

import pytest
import stripe
import stripe.checkout

from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.tests.shop import Shop


@pytest.fixture(autouse=True)
def _quiet_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(stripe, "enable_telemetry", False)


@pytest.fixture
def s() -> Iterator[StandIn]:
    with StandIn() as stand_in:
        yield stand_in


@pytest.fixture
def shop(s: StandIn) -> Iterator[Shop]:
    shop = Shop()
    s.webhook_url = shop.url
    yield shop
    shop.close()
