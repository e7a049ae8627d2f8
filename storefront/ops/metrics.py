"""Figures for Prometheus: what the processes of this machine count, and what the database tells.

gunicorn's workers count in files of one folder, so that each of them can answer for all; see
gunicorn.conf.py. A process by itself counts in memory.
"""

import os
from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from storefront.ops.error_pages import not_found

# From 5 ms, where pages are, to what the longest patience for Stripe comes to.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

has_workers = "PROMETHEUS_MULTIPROC_DIR" in os.environ
if place := os.environ.get("WORKER_PLACE"):
    # A worker counts on in the file of the one it replaces, so the files never become more.
    values.ValueClass = values.MultiProcessValue(lambda: place)  # type: ignore[no-untyped-call]

in_memory = CollectorRegistry()
counted_here = None if has_workers else in_memory
asked_for = CollectorRegistry()
"""Collectors that look up their figures when somebody wants to know them."""

REQUESTS = Counter(
    "shop_requests",
    "Answers, by route and status.",
    ["method", "route", "status"],
    registry=counted_here,
)
DURATIONS = Histogram(
    "shop_request_duration_seconds",
    "Time until the answer.",
    ["route"],
    buckets=SECONDS,
    registry=counted_here,
)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Tell whoever has METRICS_TOKEN; without one there is nothing at this address."""
    if not settings.METRICS_TOKEN:
        return not_found(request, Http404())
    if not _has_token(request):
        return HttpResponse(
            "Send METRICS_TOKEN as `Authorization: Bearer ...`.\n",
            content_type="text/plain",
            status=HTTPStatus.UNAUTHORIZED,
            headers={"WWW-Authenticate": "Bearer"},
        )
    told = generate_latest(_counted()) + generate_latest(asked_for)
    return HttpResponse(told, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _has_token(request: HttpRequest) -> bool:
    wanted = f"Bearer {settings.METRICS_TOKEN}"
    return constant_time_compare(request.headers.get("Authorization", ""), wanted)


def _counted() -> CollectorRegistry:
    if not has_workers:
        return in_memory
    of_all_workers = CollectorRegistry()
    MultiProcessCollector(of_all_workers)  # type: ignore[no-untyped-call]
    return of_all_workers
