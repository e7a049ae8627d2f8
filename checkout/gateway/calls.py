"""How Stripe is called: the client, its time-outs, and how many may call at once."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import stripe
from django.conf import settings

from checkout import metrics
from checkout.gateway.failures import StillAsking, StripeBusy, StripeDown
from storefront.ops import bulkhead, clock

CONNECT_SECONDS, READ_SECONDS, RETRIES = 2, 6, 1

# The SDK would write timings into the home directory, which a PaaS may not have.
stripe.enable_telemetry = False

# gunicorn.conf.py says how many threads serve. A command is alone and waits as long as it takes.
line = bulkhead.Bulkhead("Stripe", int(os.environ.get("WORKER_THREADS", "0")))


@contextmanager
def stripe_call(operation: str, *, about: str = "") -> Iterator[None]:
    """Ask Stripe, if that may be now. Raises StripeDown."""
    try:
        with line.place(about), metrics.stripe_call(operation):
            yield
    except bulkhead.Refused as refused:
        kinds = {bulkhead.Full: StripeBusy, bulkhead.Taken: StillAsking}
        raise kinds.get(type(refused), StripeDown)(str(refused), is_answered=False) from refused
    finally:
        metrics.STRIPE_LEFT_ALONE.set(line.is_tripped)


def client(key: str = "") -> stripe.StripeClient:
    """Return what asks Stripe: by the shop's key, or by another one."""
    return _client_for(key or settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)


@cache
def _client_for(key: str, api_base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": api_base} if api_base else {},
        max_network_retries=RETRIES,
        # The SDK's own limit is 80 seconds, longer than a web worker lives.
        http_client=_HttpClient(timeout=(CONNECT_SECONDS, READ_SECONDS)),
    )


class _HttpClient(stripe.RequestsClient):
    """Looks at Stripe's clock as well."""

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, *args: Any, **kwargs: Any
    ) -> tuple[Any, int, Mapping[str, str]]:
        answer = super().request(method, url, headers, *args, **kwargs)
        clock.compare_with("Stripe", answer[2].get("Date", ""))
        return answer
