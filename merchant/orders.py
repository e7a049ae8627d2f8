"""The list of orders: tabs, a forgiving search, and what is done to several at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path
from django.utils.timezone import localtime

from checkout.admin import LargeTableAdmin, ReadOnly
from checkout.models import WAITING, Heartbeat, Order
from checkout.models.order_queries import IsNotPaid
from checkout.views import order_page as shoppers_page
from merchant import order_page
from merchant.finding import MOST, WHAT, found
from merchant.permissions import SEE_MONEY
from merchant.shipping import orders_to_ship
from storefront.ops.pages import HtmxRequest, SeeOther

NEWEST = ("-created_at", "-id")
FEW = 5
# They say nothing of which orders are meant.
QUIET = {"p", "e", "o", "all"}


@dataclass(frozen=True)
class Tab:
    words: str
    nothing: str
    narrow: Callable[[Any], Any]
    ordering: tuple[str, ...] = NEWEST


def _to_ship(rows: Any) -> Any:
    return rows & orders_to_ship().order_by()


TABS = {
    "to-ship": Tab("To ship", "No order waits to be shipped.", _to_ship, ("paid_at", "id")),
    "paid": Tab("Paid", "No order is paid yet.", lambda rows: rows.filter(status="PAID")),
    "waiting": Tab(
        "Waiting", "No order waits for its payment.", lambda rows: rows.filter(status__in=WAITING)
    ),
    "look": Tab(
        "Needs a look", "No order needs a look.", lambda rows: rows.exclude(review_reason="")
    ),
    "refunded": Tab(
        "Refunded", "Nothing was refunded.", lambda rows: rows.exclude(refunded_cents=0)
    ),
    "unpaid": Tab(
        "Not paid", "No order was left unpaid.", lambda rows: rows.filter(IsNotPaid("status"))
    ),
    "all": Tab("All", "There is no order yet.", lambda rows: rows),
}


def tab_of(request: HttpRequest) -> str:
    """Return the tab that is asked for; a search or a filter looks among all orders."""
    said = request.GET.get("tab", "")
    if said in TABS and not request.GET.get("q"):
        return said
    return "all" if {*request.GET} - QUIET - {"tab"} else "to-ship"


class ByTab(admin.SimpleListFilter):
    title = "tab"
    parameter_name = "tab"
    template = "merchant/_tabs.html"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [(name, tab.words) for name, tab in TABS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> Any:
        return TABS[tab_of(request)].narrow(queryset)

    def choices(self, changelist: object) -> Iterator[Any]:
        current = tab_of(self.request)
        for name, words in self.lookup_choices:
            yield {"selected": name == current, "query_string": f"?tab={name}", "display": words}


class ByDispute(admin.EmptyFieldListFilter):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.title = "dispute"

    def choices(self, changelist: Any) -> Iterator[Any]:
        words = ("All", "Not disputed", "Disputed")
        for choice, display in zip(super().choices(changelist), words, strict=True):
            yield {**choice, "display": display}


class ByDay(admin.DateFieldListFilter):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.title = "day"


def _to_look_at() -> list[Order]:
    """Return the newest orders that need a look: they are no matter of one tab alone."""
    return list(Order.objects.exclude(review_reason="").order_by("-created_at")[:FEW])


def _day(order: Order, by: str) -> date:
    """Return the day of the shop on which it was paid or placed."""
    return localtime(getattr(order, by)).date()


class OrderAdmin(ReadOnly, LargeTableAdmin):
    """Only Stripe's events change a payment: what the desk may do, the order's page has."""

    list_display = ("reference",)
    list_filter = (ByTab, ("disputed_at", ByDispute), ("created_at", ByDay))
    list_per_page = 50
    actions = None
    change_list_template = "merchant/orders.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = super().get_queryset(request).defer("offer", "session_url")
        return rows.prefetch_related("items")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return TABS[tab_of(request)].ordering

    def search(self, rows: Any, term: str) -> Any:
        return rows.filter(pk__in=found(term))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if "look" in request.GET:  # as the filter was called
            return SeeOther("?tab=look")
        if note := Heartbeat.about_books():
            messages.error(request, f"{note}.")
        tab = TABS[tab_of(request)]
        own = {
            "title": "Orders",
            "tab": tab,
            "to_look_at": _to_look_at() if tab is TABS["to-ship"] else [],
            "what": WHAT,
            "most": MOST,
            "may_ship": request.user.has_perm("checkout.change_order"),
            "may_export": request.user.has_perms([SEE_MONEY, "checkout.view_order"]),
        }
        response: Any = super().changelist_view(request, own | (extra_context or {}))
        if context := getattr(response, "context_data", None):
            by_day = partial(_day, by=tab.ordering[0].strip("-"))
            days = groupby(context["cl"].result_list, by_day)
            context["days"] = [(day, [*orders]) for day, orders in days]
        return response  # type: ignore[no-any-return]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        try:
            pk = UUID(object_id)
        except ValueError:
            raise Http404 from None
        return order_page.show(request, order_page.order_of(request, pk))

    def get_urls(self) -> Any:
        wrap = self.admin_site.admin_view
        preview = path("<uuid:pk>/preview/", wrap(self.preview), name="checkout_order_preview")
        return [preview, *super().get_urls()]

    def preview(self, request: HtmxRequest, pk: UUID) -> HttpResponse:
        """Show what the shopper sees of the order, without what the shopper alone may do."""
        order = get_object_or_404(Order, pk=pk)
        if not self.has_view_permission(request, order):
            raise PermissionDenied
        return shoppers_page(request, order, is_shared=True)
