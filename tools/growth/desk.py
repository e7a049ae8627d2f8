"""What the merchant's pages and files and the worker's rounds cost in a grown shop."""

import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django
from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q
from django.test import Client
from django.utils import timezone

from checkout import fees, outbox, purging, reconciling
from checkout.models import Order
from merchant.exporting import FILES
from merchant.orders import TABS
from merchant.views import MOST_SLIPS
from storefront.models import Product

ORDERS, EVENTS = "/admin/checkout/order/", "/admin/checkout/stripeevent/"
BATCHES = 40
SPANS = {"a month": timedelta(days=30), "all": timedelta(days=3_650)}


def measure(looks: int) -> str:
    lines = ["| what | median, ms | longest, ms |", "| --- | ---: | ---: |"]
    for what, act in (pages() | rounds()).items():
        times = [1_000 * timed(act) for _ in range(looks)]
        lines.append(f"| {what} | {statistics.median(times):.1f} | {max(times):.1f} |")
    return "\n".join([*lines, "", *files(), "", *batches()])


def a_desk() -> Client:
    """Return a browser of the merchant's."""
    settings.ALLOWED_HOSTS, settings.SITE_URL = ["testserver"], "http://testserver"
    desk = Client()
    desk.force_login(
        User.objects.filter(username="merchant").first()
        or User.objects.create_superuser("merchant")
    )
    return desk


def pages() -> dict[str, Callable[[], Any]]:
    desk, this_year = a_desk(), timezone.now().year
    order = Order.objects.filter(status="PAID").order_by("shopper")[0]
    newest = Order.objects.filter(status="PAID").order_by("-created_at")
    slips = [("order", pk) for pk in newest.values_list("pk", flat=True)[:MOST_SLIPS]]
    products = "/admin/storefront/product/"
    addresses = {
        "today": "/admin/",
        "health": "/admin/health/",
        "shop": "/admin/shop/",
        "money of this year": "/admin/money/",
        "money of last year": f"/admin/money/?year={this_year - 1}",
        "orders to ship": "/admin/to-ship/",
        f"{MOST_SLIPS} packing slips": f"/admin/to-ship/slips/?{urlencode(slips)}",
        "orders": f"{ORDERS}?tab=all",
        "orders, page 5": f"{ORDERS}?tab=all&p=5",
        **{f"orders, tab {tab}": f"{ORDERS}?tab={tab}" for tab in TABS},
        "orders in REVIEW": f"{ORDERS}?status__exact=REVIEW",
        "orders of this year": f"{ORDERS}?created_at__gte={this_year}-01-01+00:00:00Z",
        "an order by its reference": f"{ORDERS}?q={order.reference}",
        "an order by its session": f"{ORDERS}?q={order.session_id}",
        "orders of an e-mail address": f"{ORDERS}?q={order.email}",
        "orders by the beginning of an address": f"{ORDERS}?q={order.email[:5]}",
        "orders of a domain": f"{ORDERS}?q=@example.com",
        "orders by a last name": f"{ORDERS}?q=lovel",
        "orders by a postcode": f"{ORDERS}?q=A-8010",
        "orders by four letters": f"{ORDERS}?q={order.reference[:4]}",
        "one order": f"{ORDERS}{order.pk}/change/",
        "refund of an order": f"{ORDERS}{order.pk}/refund/",
        "products": products,
        "one product": f"{products}{Product.objects.values_list('pk', flat=True)[0]}/change/",
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


def files() -> Iterator[str]:
    """Stream each export, of a month and then of all, in a process of its own."""
    yield "| file | of | seconds | MB | memory at most, MB |"
    yield "| --- | --- | ---: | ---: | ---: |"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn, django.setup, max_tasks_per_child=1) as processes:
        for kind in FILES:
            for span, numbers in processes.submit(exported, kind).result().items():
                yield f"| {kind}.csv | {span} | {' | '.join(f'{n:.1f}' for n in numbers)} |"


def exported(kind: str) -> dict[str, tuple[float, float, float]]:
    """Return for each span the seconds, the size, and the most memory this process ever took."""
    desk, found = a_desk(), {}
    for words, span in SPANS.items():
        first, began = timezone.localdate() - span, time.perf_counter()
        answer: Any = desk.get(f"/admin/export/{kind}.csv", {"from": str(first)})
        size = sum(map(len, answer.streaming_content))
        seconds = time.perf_counter() - began
        status = Path("/proc/self/status").read_text()
        most = int(re.findall(r"VmHWM:\s+(\d+)", status)[0])
        found[words] = (seconds, size / 1e6, most / 1e3)
    return found


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
