"""Metrics for Prometheus: what this machine's processes count, and what the database says.

gunicorn's workers count in files of one folder, so that each of them can answer for all; see
gunicorn.conf.py. A single process counts in memory.
"""

import os
from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    values,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from storefront.ops.error_pages import not_found

# From 5 ms, a usual page, to the longest that the shop waits for Stripe.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

has_workers = "PROMETHEUS_MULTIPROC_DIR" in os.environ
if slot := os.environ.get("WORKER_SLOT"):
    # A worker goes on in the file of the one it replaces, so there are never more files.
    values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]

in_memory = CollectorRegistry()
process_registry = None if has_workers else in_memory
"""For what a process counts while it works."""
scrape_registry = CollectorRegistry()
"""For collectors that look their figures up at each scrape."""

REQUESTS = Counter(
    "shop_requests",
    "Answers, by route and status.",
    ["method", "route", "status"],
    registry=process_registry,
)
DURATIONS = Histogram(
    "shop_request_duration_seconds",
    "Time until the answer.",
    ["route"],
    buckets=SECONDS,
    registry=process_registry,
)


def gauge(name: str, help_text: str) -> Gauge:
    """Return a gauge that adds up what the workers say; one that was killed says nothing more."""
    made = Gauge(name, help_text, registry=process_registry, multiprocess_mode="sum")
    made.set(0)
    return made


BUSY_THREADS = gauge("shop_busy_threads", "Requests that are being answered, this one included.")


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a client that has METRICS_TOKEN; where none is set, this address does not exist."""
    if not settings.METRICS_TOKEN:
        return not_found(request, Http404())
    if not _has_token(request):
        return HttpResponse(
            "Send METRICS_TOKEN as `Authorization: Bearer ...`.\n",
            content_type="text/plain",
            status=HTTPStatus.UNAUTHORIZED,
            headers={"WWW-Authenticate": "Bearer"},
        )
    figures = generate_latest(_counted()) + generate_latest(scrape_registry)
    return HttpResponse(figures, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _has_token(request: HttpRequest) -> bool:
    expected = f"Bearer {settings.METRICS_TOKEN}"
    return constant_time_compare(request.headers.get("Authorization", ""), expected)


def _counted() -> CollectorRegistry:
    if not has_workers:
        return in_memory
    all_workers = CollectorRegistry()
    MultiProcessCollector(all_workers)  # type: ignore[no-untyped-call]
    return all_workers
