"""The merchant's desk: orders and Stripe's events, to read.

A million orders open as quickly as ten: nothing here counts, sorts or searches all of them.
"""

import base64
import unicodedata
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse

from checkout import persons, receipts
from checkout.bills import address_lines, bill_of, delivery_name
from checkout.models import Heartbeat, Order, OrderItem, Refund, StripeEvent
from checkout.views import order_page
from storefront.countries import country_name
from storefront.money import format_money
from storefront.ops.pages import HtmxRequest

MAX_ROWS = 10_000


class NewestPages(Paginator):
    """Pages of the newest rows; a filter or a search finds older ones."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Model] = self.object_list  # type: ignore[assignment]
        return rows[:MAX_ROWS].count()


class LargeTableAdmin(admin.ModelAdmin):
    """A list that grows with the shop."""

    paginator = NewestPages
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    search_fields = ("id",)  # shows the search box; `search` decides what is found

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        # As a keyboard for other letters may write it.
        term = unicodedata.normalize("NFKC", search_term).strip()
        return self.search(queryset, term) if term else queryset, False

    def search(self, rows: Any, term: str) -> Any:
        """Return the rows that the term names in full, so that an index answers."""
        raise NotImplementedError


class ReadOnly:
    """Only Stripe's events change these rows, so the desk shows them without a form."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def amount(of: str, words: str) -> Any:
    """Return a column with the amount that the row has by this name, in its order's currency."""

    @admin.display(description=words)
    def shown(desk: object, row: Any) -> str:
        cents, order = getattr(row, of), getattr(row, "order", row)
        return "" if cents is None else format_money(cents, order.currency)

    return shown


class OfAnOrder(ReadOnly, admin.TabularInline):
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("order")


class ItemInline(OfAnOrder):
    model = OrderItem
    fields = ("product", "name", "quantity", "unit_price", "total")
    readonly_fields = ("unit_price", "total")
    unit_price = amount("unit_price_cents", "unit price")
    total = amount("amount_cents", "total")


class RefundInline(OfAnOrder):
    model = Refund
    fields = ("refund_id", "went_back", "made_at", "failed_at")
    readonly_fields = ("went_back",)
    went_back = amount("amount_cents", "amount")


class NeedsALook(admin.SimpleListFilter):
    """Orders with a reason to look at, whatever their state."""

    title = "needs a look"
    parameter_name = "look"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        return queryset.exclude(review_reason="") if self.value() else queryset


MONEY = ("goods", "discount", "delivery", "tax", "total", "received", "refunded")
WHEN = ("created_at", "paid_at")
AT_STRIPE = (
    *("session_id", "session_url", "session_expires_at", "attempt", "attempt_at", "superseded_at"),
    *("payment_intent", "disputed_at", "dispute_id", "dispute_result"),
)


class EventInline(ReadOnly, admin.TabularInline):
    model = StripeEvent
    extra = 0
    fields = ("type", "outcome", "note", "created", "received_at", "event_id")


@admin.register(Order)
class OrderAdmin(ReadOnly, LargeTableAdmin):
    list_display = ("reference", "status", "total", "email", "created_at", "paid_at")
    list_filter = (NeedsALook, "status", ("disputed_at", admin.EmptyFieldListFilter), "created_at")
    search_help_text = "A reference, an order's id, an e-mail address, or Stripe's cs_… or pi_…"
    inlines = (ItemInline, RefundInline, EventInline)
    fieldsets = (
        (None, {"fields": ("status", "review_reason", "email", "private_link", *WHEN)}),
        ("Money", {"fields": (*MONEY, "currency")}),
        ("Delivery", {"fields": ("needs_shipping", "way", "address", "phone", "shipped_at")}),
        ("At Stripe", {"fields": AT_STRIPE}),
    )
    readonly_fields = ("private_link", *MONEY, "way", "address")
    discount = amount("discount_cents", "discount")
    delivery = amount("shipping_cents", "delivery")
    tax = amount("tax_cents", "tax")
    total = amount("total_cents", "total")
    received = amount("received_cents", "received")
    refunded = amount("refunded_cents", "refunded")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if note := Heartbeat.about_books():
            messages.error(request, f"{note}.")
        return super().changelist_view(request, extra_context)

    @admin.display(description="private link")
    def private_link(self, order: Order) -> str:
        """What a customer can be shown of an order that their browser doesn't know."""
        return receipts.address_of(order) or "none"

    @admin.display(description="goods")
    def goods(self, order: Order) -> str:
        return format_money(bill_of(order, order.items.all()).goods_cents, order.currency)

    @admin.display(description="delivery")
    def way(self, order: Order) -> str:
        """How it was to be delivered, and where to."""
        return ", ".join(filter(None, (delivery_name(order), country_name(order.country))))

    @admin.display(description="ship to")
    def address(self, order: Order) -> str:
        return "\n".join(address_lines(order)) or "no address"

    def get_urls(self) -> Any:
        preview = path(
            "<uuid:pk>/preview/",
            self.admin_site.admin_view(self.preview),
            name="checkout_order_preview",
        )
        return [preview, *super().get_urls()]

    def view_on_site(self, order: Order) -> str:
        return reverse("admin:checkout_order_preview", args=[order.pk])

    def preview(self, request: HtmxRequest, pk: UUID) -> HttpResponse:
        """Show what the shopper sees of the order, without what the shopper alone may do."""
        order = get_object_or_404(Order, pk=pk)
        if not self.has_view_permission(request, order):
            raise PermissionDenied
        return order_page(request, order, is_shared=True)

    def search(self, rows: Any, term: str) -> Any:
        if "@" in term:
            return persons.orders_of(term, rows)
        if term.startswith(("cs_", "pi_")):
            return rows.filter(Q(session_id=term) | Q(payment_intent=term))
        first, last = _id_range(term)
        return rows.filter(pk__range=(first, last)) if first else rows.none()


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnly, LargeTableAdmin):
    list_display = ("type", "outcome", "order", "created", "received_at")
    list_filter = ("outcome",)
    list_select_related = ("order",)
    ordering = ("-id",)
    search_help_text = "Stripe's evt_…, cs_… or pi_…, in full"

    def search(self, rows: Any, term: str) -> Any:
        if term.startswith("cs_"):
            return rows.filter(order__session_id=term)
        return rows.filter(**{"payment_intent" if term.startswith("pi_") else "event_id": term})


def _id_range(term: str) -> tuple[UUID | None, UUID | None]:
    """Return the first and the last id that a reference, or an id, can mean."""
    try:
        begin = (
            base64.b32decode(term.upper().replace("-", "")) if len(term) < 10 else UUID(term).bytes
        )
        return UUID(bytes=begin.ljust(16, b"\x00")), UUID(bytes=begin.ljust(16, b"\xff"))
    except ValueError:
        return None, None
