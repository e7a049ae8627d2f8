"""Orders, what was bought and what went back, as CSV files for spreadsheets and bookkeepers.

A file is written page by page while it is sent, each page by a query of its own: of a million
orders the shop holds some hundreds, and no transaction and no cursor stays open meanwhile, which
a pool of connections would not carry. A row that is there is written once, whatever others write.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from heapq import merge
from itertools import batched, chain
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from checkout.bills import address_lines
from checkout.models import Order, OrderItem, Refund
from checkout.models.order_queries import reference_of
from merchant.export_form import ExportForm
from merchant.models import Parcel
from merchant.money import let_in, page, refunded_untold, today
from storefront.exporting import written
from storefront.models import shop_zone
from storefront.money import decimals

logger = logging.getLogger(__name__)

PAGE = 500
BROKEN = "THIS FILE IS NOT COMPLETE: something went wrong in the shop. Export it once more."

Row = tuple[object, ...]
Moments = tuple[datetime, datetime]

ORDERS = (
    *("reference", "date", "paid at", "status", "country", "e-mail"),
    *("items gross", "discount", "shipping", "tax", "tax behaviour", "total"),
    *("refunded", "refunded at", "currency", "fee", "net to you", "settlement currency"),
    *("payment intent", "name", "address", "shipped at", "tracking"),
)
LINES = ("order", "paid at", "product", "variant", "quantity", "unit", "sum", "currency")
REFUNDS = ("order", "date", "amount", "currency", "what", "refund", "payment intent", "paid at")


@require_GET
def export(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Send the file of this kind; if its days can't be read, show the form with the reason."""
    let_in(request, "checkout.view_order")
    if kind not in FILES:
        raise Http404
    form = ExportForm.asked(request.GET, today())
    if not form.is_valid():
        return page(request, form)
    columns, rows_of = FILES[kind]
    name = "-".join([kind, *map(date.isoformat, form.days)])
    return _file(name, columns, rows_of(form.moments), *form.marks)


def export_these(request: HttpRequest, ticked: list[UUID]) -> HttpResponseBase:
    """Send the file of these orders, paid or not."""
    let_in(request, "checkout.view_order")
    now = timezone.localtime(timezone=shop_zone())
    return _file(f"orders-ticked-{now:%Y-%m-%d}", ORDERS, _order_rows((now, now), ticked))


def _file(
    name: str, columns: Row, rows: Iterator[Row], delimiter: str = ",", point: str = "."
) -> HttpResponseBase:
    # The first of them before the answer begins: it can still say that the database is away.
    pages = chain([[columns]], batched(rows, PAGE))
    texts = (written(page, delimiter, point) for page in pages)
    first = [next(texts), *[text for text in [next(texts, "")] if text]]
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingHttpResponse(
        _encoded(chain(first, texts)), content_type="text/csv; charset=utf-8", headers=headers
    )


def _encoded(texts: Iterable[str]) -> Iterator[bytes]:
    """Yield the file with its mark: without it, Excel would take it for another encoding.

    One that breaks says so in its last line, as not every browser tells that an answer broke off.
    """
    yield b"\xef\xbb\xbf"
    try:
        for text in texts:
            yield text.encode()
    except Exception:
        logger.error("An export broke off, and says so in its last line.")
        yield f"\n{BROKEN}\n".encode()
        raise


def _in_turn(rows: QuerySet[Any, Any], when: str, moments: Moments) -> Iterator[list[Any]]:
    """Yield pages of the rows, by their moment, and of one moment by their id."""
    rows = rows.filter(**{f"{when}__lt": moments[1]}).order_by(when, "pk")
    ahead = rows.filter(**{f"{when}__gte": moments[0]})
    while found := list(ahead[:PAGE]):
        yield found
        moment, pk = getattr(found[-1], when), found[-1].pk
        ahead = rows.filter(**{f"{when}__gte": moment}).exclude(**{when: moment, "pk__lte": pk})


def _pages_of_orders(
    moments: Moments, *fields: str, ticked: list[UUID] | None = None
) -> Iterator[list[Any]]:
    """Yield plain rows: a million instances would take longer than all that is done with them."""
    rows = Order.objects.values_list("pk", "paid_at", "currency", *fields, named=True)
    if ticked is None:
        return _in_turn(rows, "paid_at", moments)
    return iter([list(rows.filter(pk__in=ticked).order_by("created_at", "pk"))])


def _order_rows(moments: Moments, ticked: list[UUID] | None = None) -> Iterator[Row]:
    fields = (
        *("created_at", "status", "country", "email", "offer", "discount_cents"),
        *("shipping_cents", "tax_cents", "total_cents", "refunded_cents", "charge_refunded_at"),
        *("fee_cents", "net_cents", "settlement_currency"),
        *("payment_intent", "shipping_name", "ship_to", "shipped_at"),
    )
    for orders in _pages_of_orders(moments, *fields, ticked=ticked):
        goods, parcels = _goods(orders), _by_order(Parcel.objects.all(), orders)
        went_back = _refund_dates(orders)
        for order in orders:
            tax = (order.offer or {}).get("tax") or "off"
            money, settled_in = order.currency, order.settlement_currency
            yield (
                *(
                    reference_of(order.pk),
                    _time(order.created_at, moments),
                    _time(order.paid_at, moments),
                    order.status,
                ),
                *(order.country, order.email, _amount(goods.get(order.pk, 0), money)),
                *(_amount(order.discount_cents, money), _amount(order.shipping_cents, money)),
                *(_amount(order.tax_cents, money), "" if tax == "off" else tax),
                *(_amount(order.total_cents, money), _amount(order.refunded_cents, money)),
                *(_time(went_back.get(order.pk), moments), money.upper()),
                *(_amount(order.fee_cents, settled_in), _amount(order.net_cents, settled_in)),
                "" if order.fee_cents is None else settled_in.upper(),
                *(order.payment_intent, order.shipping_name, _address(order)),
                *(_time(order.shipped_at, moments), ", ".join(map(str, parcels.get(order.pk, ())))),
            )


def _refund_dates(orders: list[Any]) -> dict[Any, datetime | None]:
    """Return when money went back last, for the orders of which some did."""
    refunded = [order for order in orders if order.refunded_cents]
    made = Refund.objects.filter(failed_at=None).values_list("order_id", "made_at", named=True)
    refunds = _by_order(made, refunded)
    return {
        order.pk: max(
            (refund.made_at for refund in refunds.get(order.pk, ())),
            default=order.charge_refunded_at,
        )
        for order in refunded
    }


def _goods(orders: list[Any]) -> dict[Any, int]:
    items = _of(orders, OrderItem.objects.order_by()).values("order_id")
    sums = items.annotate(sum=Sum(F("unit_price_cents") * F("quantity")))
    return dict(sums.values_list("order_id", "sum"))


def _address(order: Any) -> str:
    """Return it in one line, without the name, which has a column of its own."""
    return ", ".join(address_lines(order)[bool(order.shipping_name) :])


def _by_order(rows: QuerySet[Any, Any], orders: list[Any]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for row in _of(orders, rows):
        found.setdefault(row.order_id, []).append(row)
    return found


def _of(orders: list[Any], rows: QuerySet[Any, Any]) -> QuerySet[Any, Any]:
    return rows.filter(order__in=[order.pk for order in orders])


def _line_rows(moments: Moments) -> Iterator[Row]:
    fields = ("order_id", "name", "unit_price_cents", "quantity", "product__variant")
    lines = OrderItem.objects.values_list(*fields, named=True)
    for orders in _pages_of_orders(moments):
        items = _by_order(lines, orders)
        for order in orders:
            reference, paid_at = reference_of(order.pk), _time(order.paid_at, moments)
            for item in items.get(order.pk, ()):
                cents, money = item.unit_price_cents, order.currency
                yield (
                    *(reference, paid_at, *_parted(item.name, item.product__variant or "")),
                    *(item.quantity, _amount(cents, money)),
                    *(_amount(item.quantity * cents, money), money.upper()),
                )


def _parted(name: str, variant: str) -> tuple[str, str]:
    """Return what was bought and of which kind, as far as the product of today tells them apart."""
    if variant and name.endswith(f", {variant}"):
        return name.removesuffix(f", {variant}"), variant
    return name, ""


def _refund_rows(moments: Moments) -> Iterator[Row]:
    """Yield what went back, by its date; what came back in turn has a row of its own, below zero.

    So the sum of any days is what left the merchant's balance in them.
    """
    refunds = Refund.objects.select_related("order")
    untold = refunded_untold(Order.objects.all())
    kinds = (
        _dated(refunds, "made_at", moments, 1, "refund"),
        _dated(refunds, "failed_at", moments, -1, "refund failed"),
        _dated(untold, "charge_refunded_at", moments, 1, "refund"),
    )
    for _, row in merge(*kinds, key=itemgetter(0)):
        yield row


def _dated(
    rows: QuerySet[Any], when: str, moments: Moments, sign: int, what: str
) -> Iterator[tuple[datetime, Row]]:
    for row in chain.from_iterable(_in_turn(rows, when, moments)):
        order, id = (row.order, row.refund_id) if isinstance(row, Refund) else (row, "")
        at, amount = getattr(row, when), _amount(sign * row.amount_cents, order.currency)
        yield (
            at,
            (
                *(order.reference, _time(at, moments), amount, order.currency.upper(), what, id),
                *(order.payment_intent, _time(order.paid_at, moments)),
            ),
        )


def _amount(cents: int | None, currency: str) -> Decimal | str:
    return "" if cents is None else Decimal(cents).scaleb(-decimals(currency))


def _time(moment: datetime | None, of: Moments) -> str:
    """Return it by the shop's clock, as spreadsheets read it."""
    return f"{moment.astimezone(of[0].tzinfo):%Y-%m-%d %H:%M:%S}" if moment else ""


FILES: dict[str, tuple[Row, Callable[[Moments], Iterator[Row]]]] = {
    "orders": (ORDERS, _order_rows),
    "lines": (LINES, _line_rows),
    "refunds": (REFUNDS, _refund_rows),
}
