"""Figures about payments: Stripe's deliveries and answers as they pass, orders as they are."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import InterfaceError, OperationalError
from django.db.models import Count, Q, Sum
from django.utils import timezone
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from checkout.models import WAITING, Heartbeat, Message, Order, StripeEvent
from storefront.models import Reservation
from storefront.ops.metrics import SECONDS, gauge, process_registry

logger = logging.getLogger(__name__)

COUNTS_HOLD_SECONDS = 60
# A message leaves within seconds.
LATE = timedelta(minutes=1)

WEBHOOKS = Counter(
    "shop_webhooks",
    "Stripe's deliveries, by what came of them.",
    ["type", "outcome"],
    registry=process_registry,
)
STRIPE_CALLS = Histogram(
    "shop_stripe_call_duration_seconds",
    "Calls to Stripe, retries included; a result that is no word is Stripe's HTTP status.",
    ["operation", "result"],
    buckets=SECONDS,
    registry=process_registry,
)
STRIPE_CALLS_IN_FLIGHT = gauge(
    "shop_stripe_calls_in_flight", "Calls to Stripe that wait for an answer."
)
STRIPE_LEFT_ALONE = gauge(
    "shop_stripe_left_alone", "Processes that ask Stripe nothing for a while, as it was slow."
)


@contextmanager
def stripe_call(operation: str) -> Iterator[None]:
    """Time a call to Stripe, and log a slow one."""
    began, result = time.perf_counter(), "ok"
    try:
        with STRIPE_CALLS_IN_FLIGHT.track_inprogress():
            yield
    except Exception as error:
        result = str(getattr(error, "http_status", None) or "no answer")
        raise
    finally:
        seconds = time.perf_counter() - began
        STRIPE_CALLS.labels(operation, result).observe(seconds)
        if seconds >= settings.SLOW_STRIPE_SECONDS:
            _log_slow(operation, result, seconds)


def _log_slow(operation: str, result: str, seconds: float) -> None:
    milliseconds = round(seconds * 1000, 1)
    fields = {"operation": operation, "result": result, "duration_ms": milliseconds}
    words = "Stripe took %s ms to %s: %s."
    logger.warning(words, milliseconds, operation, result, extra={"fields": fields})


class OrdersAndEvents(Collector):
    """Reads the database when Prometheus asks; while it is away, these figures are missing."""

    def collect(self) -> Iterator[Metric]:
        try:
            yield from [_orders(), _waiting(timezone.now()), _reserved()]
            yield from [*_last_event(), *_last_round(), _books(), _messages(timezone.now())]
        except (InterfaceError, OperationalError):
            return


def _orders() -> Metric:
    orders = GaugeMetricFamily("shop_orders", "Orders, by their state.", labels=["status"])
    counts = cache.get_or_set("checkout.counts", _counts, COUNTS_HOLD_SECONDS) or _counts()
    for status in Order.Status:
        orders.add_metric([status], counts.get(status, 0))
    return orders


def _counts() -> dict[str, int]:
    """Count by an index alone, which still takes a tenth of a second for a million orders."""
    rows = Order.objects.order_by().values("status").annotate(count=Count("*"))
    return {row["status"]: row["count"] for row in rows}


def _waiting(now: datetime) -> Metric:
    age = GaugeMetricFamily(
        "shop_oldest_waiting_order_age_seconds",
        "How long the oldest order has waited that Stripe knows of; 0 if none waits.",
        labels=["status"],
    )
    waiting = Order.objects.awaiting_stripe().order_by("created_at")
    for status in WAITING:
        oldest = waiting.filter(status=status).values_list("created_at", flat=True).first()
        age.add_metric([status], (now - oldest).total_seconds() if oldest else 0)
    return age


def _reserved() -> Metric:
    pieces = cache.get_or_set("checkout.reserved", _reserved_pieces, COUNTS_HOLD_SECONDS)
    help_text = "Pieces that are reserved for orders which are not paid yet."
    return GaugeMetricFamily("shop_stock_reserved", help_text, value=pieces or 0)


def _reserved_pieces() -> int:
    return int(Reservation.objects.aggregate(pieces=Sum("quantity", default=0))["pieces"])


def _last_event() -> Iterator[Metric]:
    """Yield the time of the newest event: by its id, which needs no other index."""
    received = StripeEvent.objects.order_by("-id").values_list("received_at", flat=True)
    if at := received.first():
        help_text = "When the newest verified event was recorded."
        yield GaugeMetricFamily(
            "shop_last_event_timestamp_seconds", help_text, value=at.timestamp()
        )


def _last_round() -> Iterator[Metric]:
    at = Heartbeat.last_round()
    if at:
        help_text = "When the worker, or reconcile_orders, last came to the end of a round."
        yield GaugeMetricFamily(
            "shop_last_round_timestamp_seconds", help_text, value=at.timestamp()
        )
    help_text = "1 if no round came to its end for ten minutes, as no worker runs; else 0."
    yield GaugeMetricFamily("shop_worker_missing", help_text, value=Heartbeat.is_late(at))


def _messages(now: datetime) -> Metric:
    count = GaugeMetricFamily(
        "shop_messages", "Messages that have not been sent, by how they stand.", labels=["state"]
    )
    unsent = cache.get_or_set("checkout.messages", lambda: _unsent(now), COUNTS_HOLD_SECONDS)
    for state, number in (unsent or _unsent(now)).items():
        count.add_metric([state], number)
    return count


def _unsent(now: datetime) -> dict[str, int]:
    rows, is_late = Message.objects.all(), Q(due_at__lte=now - LATE)
    late = rows.waiting().filter(is_late | Q(tries__gt=0))
    return {"late": late.count(), "unsure": rows.unsure(now).count()}


def _books() -> Metric:
    help_text = "1 if the last comparison of the books with Stripe found a difference, else 0."
    return GaugeMetricFamily("shop_books_differ", help_text, value=bool(Heartbeat.about_books()))
