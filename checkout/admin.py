"""The merchant's desk: orders and what Stripe said, to read."""

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from checkout.models import Order, OrderItem, Refund, StripeEvent
from storefront.money import written


class ReadOnly:
    """Stripe's events alone change these rows, so the desk shows them and offers no form."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ItemInline(ReadOnly, admin.TabularInline):
    model = OrderItem
    extra = 0


class RefundInline(ReadOnly, admin.TabularInline):
    model = Refund
    extra = 0


class NeedsALook(admin.SimpleListFilter):
    """Orders with a reason to look at, whatever their state."""

    title = "needs a look"
    parameter_name = "look"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        return queryset.exclude(review_reason="") if self.value() else queryset


class EventInline(ReadOnly, admin.TabularInline):
    model = StripeEvent
    extra = 0
    fields = ("type", "outcome", "note", "created", "received_at", "event_id")


@admin.register(Order)
class OrderAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("reference", "status", "total", "email", "created_at", "paid_at")
    list_filter = (NeedsALook, "status", ("disputed_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("id", "session_id", "payment_intent", "email")
    inlines = (ItemInline, RefundInline, EventInline)
    date_hierarchy = "created_at"

    @admin.display(ordering="total_cents")
    def total(self, order: Order) -> str:
        return written(order.total_cents, order.currency)


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("type", "outcome", "order", "created", "received_at")
    list_filter = ("outcome", "type")
    list_select_related = ("order",)
    search_fields = ("event_id", "order__id", "order__session_id")
