"""What the account at Stripe is like: whose it is, where its events go, what it is ready for.

Each function raises StripeDown or StripeRefused. A `key` is another one than the shop's.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import stripe

from checkout.gateway.calls import client, stripe_call
from checkout.gateway.failures import failure
from checkout.gateway.params import session_params
from checkout.gateway.reads import PAGE_SIZE, between
from checkout.models import Order, OrderItem
from checkout.reading import PROBE, Json

API_VERSION = str(stripe.api_version)


def current(key: str = "") -> Json:
    """Return the account that the key belongs to."""
    with _asking("retrieve account"):
        return client(key).v1.accounts.retrieve_current().to_dict()


def endpoints(key: str = "") -> list[Json]:
    """Return all webhook endpoints, newest first."""
    with _asking("list webhook endpoints"):
        page = client(key).v1.webhook_endpoints.list({"limit": PAGE_SIZE})
        return [endpoint.to_dict() for endpoint in page.auto_paging_iter()]


def add_endpoint(key: str, url: str, events: Sequence[str], metadata: dict[str, str]) -> Json:
    """Make an endpoint: only this answer has its secret."""
    params: dict[str, Any] = {
        "url": url,
        "enabled_events": list(events),
        "api_version": API_VERSION,
        "description": "Storefront: what orders are paid, and what went back",
        "metadata": metadata,
    }
    with _asking("create webhook endpoint"):
        return client(key).v1.webhook_endpoints.create(params).to_dict()  # type: ignore[arg-type]


def change_endpoint(key: str, endpoint: str, **changes: Any) -> None:
    with _asking("update webhook endpoint"):
        client(key).v1.webhook_endpoints.update(endpoint, changes)  # type: ignore[arg-type]


def remove_endpoint(key: str, endpoint: str) -> None:
    with _asking("delete webhook endpoint"):
        client(key).v1.webhook_endpoints.delete(endpoint)


def tax_settings() -> Json:
    with _asking("retrieve tax settings"):
        return client().v1.tax.settings.retrieve().to_dict()


def tax_registrations() -> list[Json]:
    """Return the places where tax is collected now, up to a hundred."""
    with _asking("list tax registrations"):
        page = client().v1.tax.registrations.list({"status": "active", "limit": PAGE_SIZE})
        return [registration.to_dict() for registration in page.data]


def open_probe(order: Order, item: OrderItem, *, home: str, until: datetime) -> str:
    """Open a Checkout Session as for this order, which nobody is shown; return its id.

    By its metadata the shop knows its event for that of a probe.
    """
    params = session_params(order, [item]) | {
        "expires_at": int(until.timestamp()),
        "success_url": home,
        "cancel_url": home,
    }
    for told in (params, params["payment_intent_data"]):
        told["metadata"] = {"shop": told["metadata"]["shop"], PROBE: "yes"}
    params["payment_intent_data"]["description"] = "A probe: nothing is paid"
    del params["client_reference_id"]
    with _asking("create session"):
        return client().v1.checkout.sessions.create(params).id  # type: ignore[arg-type]


def expiry_of(session_id: str, since: datetime) -> Json | None:
    """Return the event that says of the session that it has expired."""
    kind: Any = {"type": "checkout.session.expired", "created": between(since)}
    with _asking("list events"):
        page = client().v1.events.list(kind | {"limit": PAGE_SIZE})
        found = (event.to_dict() for event in page.data)
        return next((e for e in found if e["data"]["object"]["id"] == session_id), None)


@contextmanager
def _asking(operation: str) -> Iterator[None]:
    try:
        with stripe_call(operation):
            yield
    except stripe.StripeError as error:
        raise failure(error) from error
