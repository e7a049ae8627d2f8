"""Whether Stripe's word reaches the shop: a probe is opened and closed, and its event awaited.

No money moves, and nobody is shown the probe. That it can be opened says that the key, tax and
all that the settings ask of Stripe fit.
"""

import time
from datetime import datetime, timedelta
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from checkout import gateway, offers, reading
from checkout.doctor import endpoint
from checkout.doctor.findings import Finding, fine, of_failure, unknown, wrong
from checkout.gateway import accounts, failures
from checkout.models import Heartbeat, Order, OrderItem, StripeEvent
from checkout.reading import Json
from storefront.countries import country_name
from storefront.delivery import quote
from storefront.models import Product
from storefront.ops.pages import own_url

OPENING, ARRIVING = "Opening a payment", "Round trip"
PATIENCE, PAUSE = 20.0, 0.5
# Enough for Stripe in any currency, where there is no product.
PRICE_CENTS = 10_000_000
# Only then Stripe's word counts that it has nobody to send the event to.
SETTLED = 3.0
MARGIN = timedelta(minutes=5)  # so far may the clocks be apart
# If it can't be closed; well within what Stripe allows.
OPEN_FOR = timedelta(hours=1)


def travel() -> list[Finding]:
    """Open a probe and close it, and wait for its event, for 20 seconds at most."""
    try:
        probe = _open()
    except failures.StripeFailed as failure:
        return [
            of_failure(OPENING, failure, blocks_sales=True),
            unknown(ARRIVING, "No probe could be opened, so no event was sent."),
        ]
    opened = fine(OPENING, f"Stripe opens a Checkout Session with {_options()}.")
    began = timezone.now()
    try:
        gateway.close_session(probe)
    except failures.StripeFailed as failure:
        return [opened, of_failure(ARRIVING, failure)]
    return [opened, _await(probe, began)]


def _open() -> str:
    order = Order(pk=uuid4(), currency=settings.CURRENCY)
    product = Product.objects.on_sale().order_by("-price_cents", "pk").first()
    price = (product.price_cents if product else 0) or PRICE_CENTS
    item = OrderItem(product=product, name="A probe", unit_price_cents=price, quantity=1)
    delivery = quote(price)
    order.offer, order.country = offers.offered(delivery), delivery.country if delivery else ""
    until = timezone.now() + OPEN_FOR
    return accounts.open_probe(order, item, home=own_url() or "http://localhost", until=until)


def _options() -> str:
    delivery = quote(0)
    said = [
        f"delivery to {country_name(delivery.country)}" if delivery else "",
        "promotion codes" if settings.PROMOTION_CODES else "",
        f"tax ({settings.TAX})" if settings.TAX != "off" else "",
        "a phone number" if settings.ASK_PHONE else "",
    ]
    return ", ".join(filter(None, said)) or "the goods alone"


def _await(probe: str, began: datetime) -> Finding:
    """Wait until the event is here, or it is known that it won't come."""
    started, event = time.monotonic(), None
    while True:
        passed = time.monotonic() - started
        try:
            event = accounts.expiry_of(probe, began - MARGIN)
        except failures.NotAllowed:
            event = None
        except failures.StripeFailed as failure:
            if passed >= PATIENCE:
                return of_failure(ARRIVING, failure)
        # Looked up last: what Stripe calls delivered is here by then.
        if _has_arrived(probe, began):
            return fine(ARRIVING, f"Stripe's event arrived {_seconds(passed)} after it was sent.")
        is_nobodys = event and not event["pending_webhooks"] and passed >= SETTLED
        if passed >= PATIENCE or is_nobodys or (passed >= SETTLED and _refusal(began)):
            return _why_not(event, began)
        time.sleep(PAUSE)


def _has_arrived(probe: str, began: datetime) -> bool:
    recent = StripeEvent.objects.filter(order=None, received_at__gte=began - MARGIN)
    return recent.filter(note=reading.PROBE_NOTE.format(probe)).exists()


def _why_not(event: Json | None, began: datetime) -> Finding:
    if not settings.STRIPE_WEBHOOK_SECRET:
        return wrong(
            ARRIVING, "The webhook has no secret, so it believes no event.", endpoint.COPY_IT
        )
    if refusal := _refusal(began):
        clock = "Set this server's clock right: docs/operating.md says how."
        todo = clock if "out of date" in refusal else endpoint.COPY_IT
        return wrong(ARRIVING, f"Stripe's event came and was refused: {refusal}.", todo)
    if event is None:
        return wrong(
            ARRIVING,
            f"Stripe's event did not arrive within {PATIENCE:.0f} seconds, and Stripe does not "
            "list it to this key.",
            "Let the key read Events, to know more; see the row above on the endpoint.",
        )
    if event["pending_webhooks"]:
        return wrong(
            ARRIVING,
            "Stripe sent the event, and the shop's address did not take it: a proxy, a redirect, "
            "a firewall or an error of the server stands between.",
            "Stripe's dashboard shows the answer it got: Developers, Webhooks, the endpoint. The "
            "address must answer Stripe itself, without a redirect or a login.",
        )
    return wrong(
        ARRIVING,
        "Stripe sent the event nowhere, or to another server: no endpoint of this shop takes "
        "checkout.session.expired.",
        "See the row above on the endpoint.",
    )


def _refusal(began: datetime) -> str:
    """Return why a webhook was refused meanwhile; refusals are not noted at each moment."""
    since = began - Heartbeat.REFUSALS_EVERY
    notes = Heartbeat.objects.filter(name=Heartbeat.Name.REFUSED, at__gte=since)
    return notes.values_list("note", flat=True).first() or ""


def _seconds(passed: float) -> str:
    return f"{passed:.0f} seconds" if passed >= 1.5 else "within a second"
