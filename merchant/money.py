"""What was paid in a year, by months and by countries of delivery, and what went back of it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from checkout.models import Order, OrderQuerySet, Refund
from merchant.export_form import ExportForm
from merchant.figures import by_span
from merchant.permissions import SEE_MONEY
from storefront.countries import country_name
from storefront.models import shop_zone
from storefront.money import format_money

FIRST_YEAR, LAST_YEAR = 2000, 2999

# By the columns of one index (orders_that_were_sold), which answers it alone.
A_MONTH = """
    SELECT %s, COUNT(*), SUM(total_cents), SUM(shipping_cents), SUM(tax_cents), COUNT(fee_cents),
        SUM(fee_cents)
    FROM checkout_order
    WHERE currency = %s AND settlement_currency = %s AND country = %s
        AND paid_at >= %s AND paid_at < %s
        AND NOT (status = 'REVIEW') AND NOT (refunded_from = 'REVIEW')
"""
WENT_BACK = """
    SELECT %s, currency, country, SUM(amount_cents)
    FROM checkout_refund AS refund CROSS JOIN checkout_order AS bought
    WHERE made_at >= %s AND made_at < %s AND bought.id = refund.order_id
        AND NOT (bought.status = 'REVIEW') AND NOT (bought.refunded_from = 'REVIEW')
    GROUP BY currency, country
"""
# Money that was refunded, and came back on that day.
CAME_BACK = WENT_BACK.replace("made_at", "failed_at")


@dataclass
class Sums:
    """What came in of some orders, and what went back in the same time, of whatever order."""

    name: str = ""
    orders: int = 0
    sold: int = 0
    delivery: int = 0
    tax: int = 0
    with_fee: int = 0
    refunded: int = 0
    fees: Counter[str] = field(default_factory=Counter)

    @property
    def net(self) -> int:
        return self.sold - self.refunded

    @property
    def fees_in_words(self) -> str:
        """What Stripe kept; it may settle in another currency than shoppers pay in."""
        return " + ".join(format_money(cents, currency) for currency, cents in self.fees.items())

    def add(self, numbers: list[Any], settled_in: str) -> None:
        """Add what A_MONTH says of some orders; sums of nothing are null."""
        orders, sold, delivery, tax, with_fee, fee = (int(number or 0) for number in numbers)
        self.orders += orders
        self.sold += sold
        self.delivery += delivery
        self.tax += tax
        self.with_fee += with_fee
        if with_fee:
            self.fees[settled_in] += fee


@dataclass
class Books:
    """A year in one currency: by months, by countries, and all of it."""

    currency: str
    months: list[Sums]
    countries: dict[str, Sums] = field(default_factory=dict)
    total: Sums = field(default_factory=lambda: Sums("All year"))

    def of(self, month: int, country: str) -> tuple[Sums, Sums, Sums]:
        """Return the three sums that something in this month, to this country, counts in."""
        name = country_name(country) if country else "No country"
        by_country = self.countries.setdefault(country, Sums(name))
        return self.months[month], by_country, self.total

    @property
    def dearest(self) -> list[Sums]:
        """The countries, that with the most sold in front; none if none was ever asked for."""
        if not any(self.countries):
            return []
        return sorted(self.countries.values(), key=lambda sums: (-sums.sold, sums.name))


def books_of(year: int) -> list[Books]:
    """Return the year's books by the shop's months, one for each currency, its own in front."""
    edges = [_midnight(year + month // 12, month % 12 + 1) for month in range(13)]
    books: dict[str, Books] = {}

    def sums(currency: str, month: int, country: str) -> tuple[Sums, Sums, Sums]:
        if currency not in books:
            books[currency] = Books(currency, [Sums(f"{edge:%B}") for edge in edges[:12]])
        return books[currency].of(month, country)

    months = [*pairwise(edges)]
    for currency, settled_in, country in _kinds(Order.objects.sold()):
        for month, *numbers in by_span(A_MONTH, months, currency, settled_in, country):
            for each in sums(currency, month, country) if numbers[0] else ():
                each.add(numbers, settled_in)
    went_back, came_back = by_span(WENT_BACK, months), by_span(CAME_BACK, months)
    for sign, rows in ((1, went_back), (-1, came_back), (1, _untold(edges))):
        for month, currency, country, cents in rows:
            for each in sums(currency, month, country):
                each.refunded += sign * int(cents)
    return sorted(books.values(), key=lambda b: (b.currency != settings.CURRENCY, b.currency))


def _midnight(year: int, month: int) -> datetime:
    return datetime.combine(date(year, month, 1), time.min, shop_zone())


def _kinds(rows: OrderQuerySet) -> Iterator[tuple[str, str, str]]:
    """Yield each currency, settlement currency and country there is, by a step in the index."""
    for currency in _values(rows, "currency"):
        of_currency = rows.filter(currency=currency)
        for settled_in in _values(of_currency, "settlement_currency"):
            for country in _values(of_currency.filter(settlement_currency=settled_in), "country"):
                yield currency, settled_in, country


def _values(rows: OrderQuerySet, name: str) -> Iterator[str]:
    found = rows.order_by(name).values_list(name, flat=True)
    value = found.first()
    while value is not None:
        yield value
        value = found.filter(**{f"{name}__gt": value}).first()


def _untold(edges: list[datetime]) -> QuerySet[Any, Any]:
    """Add up what went back of orders in each month, currency and country."""
    in_year = Q(charge_refunded_at__gte=edges[0], charge_refunded_at__lt=edges[12])
    ends = enumerate(edges[1:])
    month = Case(*[When(charge_refunded_at__lt=end, then=Value(n)) for n, end in ends])
    by = ("month", "currency", "country")
    rows = refunded_untold(Order.objects.sold().filter(in_year)).order_by().annotate(month=month)
    found: QuerySet[Any, Any] = rows.values(*by).annotate(sum=Sum("amount_cents"))
    return found.values_list(*by, "sum")


def refunded_untold(orders: OrderQuerySet) -> QuerySet[Order, Any]:
    """Return the orders of which more went back than their refunds say, and that `amount_cents`.

    Stripe's event about a charge says how much of it went back by then, and no more.
    """
    told = Refund.objects.filter(order=OuterRef("pk"), failed_at=None).order_by().values("order")
    known = Coalesce(Subquery(told.annotate(sum=Sum("amount_cents")).values("sum")), 0)
    rows = orders.filter(charge_refunded_at__isnull=False)
    return rows.annotate(amount_cents=F("refunded_cents") - known).filter(amount_cents__gt=0)


@require_safe
def money(request: HttpRequest) -> HttpResponse:
    """Show a year, this one unless another is named."""
    let_in(request)
    return page(request, ExportForm.of_last_month(today()))


def today() -> date:
    return timezone.localdate(timezone=shop_zone())


def let_in(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms([SEE_MONEY, *permissions]):
        raise PermissionDenied


def page(request: HttpRequest, form: ExportForm) -> HttpResponse:
    """Show the year and the form of the exports, which may have been refused."""
    this_year = today().year
    asked = request.GET.get("year") or str(this_year)
    is_year = asked.isascii() and asked.isdecimal() and FIRST_YEAR <= int(asked[:9]) <= LAST_YEAR
    year = int(asked) if is_year else this_year
    since, books = _since(), books_of(year)
    context = {
        "title": "Money",
        "form": form,
        "not_a_year": "" if is_year else asked,
        "year": year,
        "years": range(this_year, since.year - 1, -1),
        # Without the months before the first order, and those to come.
        "months": f"{since.month - 1 if year == since.year else 0}:"
        f"{today().month if year == this_year else 12}",
        "books": books,
        "time_zone": shop_zone(),
        "no_fee_yet": sum(each.total.orders - each.total.with_fee for each in books),
        "in_review": _in_review(year),
    }
    context = admin.site.each_context(request) | context
    status = 200 if is_year and not form.errors else 400
    return render(request, "merchant/money.html", context, status=status)


def _since() -> date:
    """Return the day of the first payment, or today."""
    paid = Order.objects.filter(paid_at__lte=timezone.now()).order_by("paid_at")
    first = paid.values_list("paid_at", flat=True).first()
    return timezone.localdate(first, shop_zone()) if first else today()


def _in_review(year: int) -> int:
    in_review = Order.objects.filter(status=Order.Status.REVIEW, paid_at__gte=_midnight(year, 1))
    return in_review.filter(paid_at__lt=_midnight(year + 1, 1)).count()
