"""What the merchant's lists and the worker's rounds cost in a grown shop."""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from checkout import fees, outbox, purging, reconciling
from checkout.models import Order
from merchant.orders import TABS

ORDERS, EVENTS = "/admin/checkout/order/", "/admin/checkout/stripeevent/"
LOOKS = 5
BATCHES = 40


def measure() -> str:
    settings.ALLOWED_HOSTS, settings.SITE_URL = ["testserver"], "http://testserver"
    lines = ["| what | median, ms |", "| --- | ---: |"]
    for what, act in (lists() | rounds()).items():
        lines.append(
            f"| {what} | {1_000 * statistics.median(timed(act) for _ in range(LOOKS)):.1f} |"
        )
    return "\n".join([*lines, *batches()])


def lists() -> dict[str, Callable[[], Any]]:
    desk = Client()
    desk.force_login(
        User.objects.filter(username="merchant").first()
        or User.objects.create_superuser("merchant")
    )
    order = Order.objects.filter(status="PAID").order_by("shopper")[0]
    addresses = {
        "today": "/admin/",
        "health": "/admin/health/",
        "money of a year": f"/admin/money/?year={timezone.now().year - 1}",
        "orders to ship": "/admin/to-ship/",
        "orders": f"{ORDERS}?tab=all",
        "orders, page 5": f"{ORDERS}?tab=all&p=5",
        **{f"orders, tab {tab}": f"{ORDERS}?tab={tab}" for tab in TABS},
        "orders in REVIEW": f"{ORDERS}?status__exact=REVIEW",
        "orders of this year": f"{ORDERS}?created_at__gte={timezone.now().year}-01-01+00:00:00Z",
        "an order by its reference": f"{ORDERS}?q={order.reference}",
        "an order by its session": f"{ORDERS}?q={order.session_id}",
        "orders of an e-mail address": f"{ORDERS}?q={order.email}",
        "orders by the beginning of an address": f"{ORDERS}?q={order.email[:5]}",
        "orders of a domain": f"{ORDERS}?q=@example.com",
        "orders by a last name": f"{ORDERS}?q=lovel",
        "orders by a postcode": f"{ORDERS}?q=A-8010",
        "orders by four letters": f"{ORDERS}?q={order.reference[:4]}",
        "one order": f"{ORDERS}{order.pk}/change/",
        "products": "/admin/storefront/product/",
        "messages": "/admin/checkout/message/",
        "events": EVENTS,
        "events that were ignored": f"{EVENTS}?outcome__exact=ignored",
    }
    return {what: partial(_opened, desk, address) for what, address in addresses.items()}


def _opened(desk: Client, address: str) -> None:
    answer = desk.get(address)
    assert answer.status_code == 200, (address, answer.status_code)


def rounds() -> dict[str, Callable[[], Any]]:
    """What the worker asks of the database; what Stripe takes comes on top."""
    before = timezone.now() - timedelta(minutes=5)
    report = reconciling.ReconcileReport()
    over = Q(status=Order.Status.PENDING, session_expires_at__lte=before)
    return {
        "worker: orders to ask Stripe about": lambda: list(reconciling.orders_in_turn(before)),
        "worker: deferred events": reconciling._apply_deferred,
        "worker: abandoned stock": lambda: reconciling._release_abandoned(report, before),
        "worker: stock of sessions that are over": lambda: list(reconciling._holding_stock(over)),
        "worker: orders whose fee to ask for": lambda: list(fees.orders_in_turn(timezone.now())),
        "worker: messages that are due": lambda: outbox.send_due(timezone.now()),
        "worker: messages that may have been sent": lambda: outbox.unsure(timezone.now()),
    }


def batches() -> list[str]:
    """Purge some of the oldest orders, and say how long a batch kept others waiting."""
    before = timezone.now() - settings.KEEP_UNPAID_ORDERS
    seconds = sorted(timed(lambda: purging._purge_orders(before)) for _ in range(BATCHES))
    middle, most = (1_000 * s for s in (statistics.median(seconds), seconds[-1]))
    size = f"{purging.BATCH} orders with items and events"
    return [f"Forgetting a batch of {size}: {middle:.0f} ms, {most:.0f} ms at most."]


def timed(act: Callable[[], Any]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
