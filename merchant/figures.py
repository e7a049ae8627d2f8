"""What was sold and what went back, by the days of the shop: read from indexes alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from checkout.models import Order, OrderItem

DAYS = 30
# The goods of all orders of a month would be too many to add up while a merchant waits.
MOST_ORDERS = 1_000
BEST = 5

# Of one span of time, for `by_span`; the orders of another currency, or that OrderQuerySet.sold
# leaves out, don't count. What is no condition of the span stands in CASE: without statistics
# SQLite would rather look among all orders that are paid.
SOLD = """
    SELECT %s,
        COUNT(CASE WHEN NOT (status = 'REVIEW') AND NOT (refunded_from = 'REVIEW')
            AND currency = %s THEN 1 END),
        SUM(CASE WHEN NOT (status = 'REVIEW') AND NOT (refunded_from = 'REVIEW')
            AND currency = %s THEN total_cents END)
    FROM checkout_order
    WHERE paid_at >= %s AND paid_at < %s
"""
REFUNDED = """
    SELECT %s, SUM(CASE WHEN NOT (bought.status = 'REVIEW')
        AND NOT (bought.refunded_from = 'REVIEW') AND bought.currency = %s
        THEN refund.amount_cents END)
    FROM checkout_refund AS refund CROSS JOIN checkout_order AS bought
    WHERE refund.made_at >= %s AND refund.made_at < %s
        AND refund.failed_at IS NULL AND bought.id = refund.order_id
"""

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Sales:
    """What was sold in a span of time, and what went back in it, in the shop's currency."""

    orders: int = 0
    sold_cents: int = 0
    refunded_cents: int = 0

    def __add__(self, other: "Sales") -> "Sales":
        return Sales(
            self.orders + other.orders,
            self.sold_cents + other.sold_cents,
            self.refunded_cents + other.refunded_cents,
        )

    @property
    def average_cents(self) -> int:
        return round(self.sold_cents / self.orders) if self.orders else 0

    @property
    def net_cents(self) -> int:
        return self.sold_cents - self.refunded_cents


@dataclass(frozen=True)
class Period:
    """The sales of some days, beside those of as many days before."""

    words: str
    sales: Sales
    before: Sales | None = None

    @property
    def more_orders(self) -> str:
        return f"{self.sales.orders - self.before.orders:+d}" if self.before else ""

    @property
    def more_sold(self) -> str:
        """The change in per cent; nothing if there is nothing to compare with."""
        if not (self.before and self.before.sold_cents):
            return ""
        share = self.sales.sold_cents / self.before.sold_cents - 1
        return f"{share:+.0%}".replace("%", " %")


@dataclass(frozen=True)
class Day:
    """One bar of the chart."""

    at: datetime
    sales: Sales
    x: int
    y: int
    height: int


WIDTH, HEIGHT = 10, 100
"""Of a bar with its gap, and of the highest one."""


def periods(by_day: Sequence[Sales], before: Sales) -> list[Period]:
    """Return today, yesterday, a week and a month from the sales of a month's days."""
    week = _sum(by_day[-7:]), _sum(by_day[-14:-7])
    return [
        Period("Today", by_day[-1]),
        Period("Yesterday", by_day[-2]),
        Period("7 days", *week),
        Period(f"{DAYS} days", _sum(by_day), before),
    ]


def sales_by_day(now: datetime) -> tuple[list[Sales], Sales]:
    """Return the sales of each of the last days, the newest at the end, and of as many before."""
    days = [(midnight(now, day), midnight(now, day - 1)) for day in range(DAYS - 1, -1, -1)]
    *by_day, before = _sales([*days, (midnight(now, 2 * DAYS - 1), midnight(now, DAYS - 1))])
    return by_day, before


def bars(now: datetime, by_day: Sequence[Sales]) -> list[Day]:
    most = max((sales.sold_cents for sales in by_day), default=0) or 1
    found = []
    for number, sales in enumerate(by_day):
        # A day on which something was sold has a bar that is seen.
        height = max(round(HEIGHT * sales.sold_cents / most), bool(sales.sold_cents))
        at = midnight(now, len(by_day) - 1 - number)
        found.append(Day(at, sales, number * WIDTH, HEIGHT - height, height))
    return found


def best_sold(now: datetime) -> list[Any]:
    """Return what was sold most, of the newest orders of a month."""
    sold = Order.objects.sold().filter(paid_at__gte=midnight(now, DAYS - 1), paid_at__lte=now)
    newest = sold.order_by("-paid_at")
    # Not as a part of the query: a planner that guesses how many they are may read all items.
    orders = [*newest.values_list("pk", flat=True)[:MOST_ORDERS]]
    items = OrderItem.objects.filter(order__in=orders)
    products = items.values("product", "name").annotate(pieces=Sum("quantity"))
    return list(products.order_by("-pieces", "name")[:BEST])


def midnight(now: datetime, days_ago: int) -> datetime:
    """Return when a day of the shop began."""
    today = timezone.localtime(now)
    day = today.date() - timedelta(days=days_ago)
    return datetime.combine(day, time.min, tzinfo=today.tzinfo)


def by_span(sql: str, spans: Sequence[Span], *values: str) -> list[Any]:
    """Ask of all spans at once; `sql` takes a span's number, the values, its begin and its end.

    By hand, since Django takes longer to compile so many. Each span has a SELECT of its own, with
    its moments as constants: PostgreSQL's planner, which guesses how many rows lie between any
    others, would rather read all orders. The answers come in any order.
    """
    adapted = connection.ops.adapt_datetimefield_value
    parameters: list[Any] = [
        value
        for number, span in enumerate(spans)
        for value in (number, *values, *map(adapted, span))
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join([sql] * len(spans)), parameters)
        return list(cursor.fetchall())


def _sales(spans: Sequence[Span]) -> list[Sales]:
    currency = settings.CURRENCY
    sold = {number: more for number, *more in by_span(SOLD, spans, currency, currency)}
    refunded = dict(by_span(REFUNDED, spans, currency))
    return [
        Sales(*(int(amount or 0) for amount in (*sold[n], refunded[n]))) for n in range(len(spans))
    ]


def _sum(sales: Sequence[Sales]) -> Sales:
    return sum(sales, Sales())
