"""The first page of the desk: what waits for the merchant, then what was sold."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince

from checkout import outbox
from checkout.admin import MAX_ROWS
from checkout.models import Heartbeat, Message, Order, StripeEvent
from merchant import figures, shipping
from merchant.alarms import about_webhook, ago
from merchant.first_steps import first_steps, has_sold, is_open
from merchant.permissions import SEE_MESSAGES, SEE_MONEY, SEE_ORDERS, SEE_PRODUCTS, may_any
from storefront.models import Product
from storefront.money import format_money

PREPARES_THE_SHOP = "storefront.change_product"

NEWEST = 10
NAMED = 3
# What could not be sent so long ago is no work of today.
MESSAGES_SINCE = timedelta(days=14)


@dataclass(frozen=True)
class Card:
    """Something to do: how much of it, what is said of it, and where it is done."""

    title: str
    count: int
    action: str
    address: str
    words: str = ""
    links: list[tuple[str, str]] = field(default_factory=list)
    is_urgent: bool = False


def today(request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows to its visitor."""
    now, may = timezone.now(), request.user.has_perm
    sees_orders = may_any(request, SEE_ORDERS)
    context: dict[str, Any] = {"title": "Today", "now": now, "beats": _beats(now)}
    context["is_heard"] = not about_webhook(now)
    context["cards"] = cards = list(_cards(request, now))
    if sees_orders and not cards:
        context["last_order"] = _last_order(now)
    if may(PREPARES_THE_SHOP) and not is_open():
        context["steps"] = first_steps(request)
        context["is_new"] = not has_sold()
    if context.get("is_new"):
        return context
    if may(SEE_MONEY):
        by_day, before = figures.sales_by_day(now)
        context["periods"] = figures.periods(by_day, before)
        context["days"] = figures.bars(now, by_day)
        context["best"] = figures.best_sold(now)
    if sees_orders:
        paid = Order.objects.filter(paid_at__lte=now).order_by("-paid_at")
        context["newest"] = list(paid.prefetch_related("items")[:NEWEST])
    return context


def _cards(request: HttpRequest, now: datetime) -> Iterator[Card]:
    if may_any(request, SEE_ORDERS):
        sees_money = request.user.has_perm(SEE_MONEY)
        yield from _to_ship(now, may_ship=request.user.has_perm("checkout.change_order"))
        yield from _needs_a_look(sees_money=sees_money)
        yield from _disputes(now, may_answer=sees_money)
    if may_any(request, SEE_PRODUCTS):
        yield from _low_stock()
    if request.user.has_perm(SEE_MESSAGES):
        yield from _messages(now)
    if request.user.has_perm(SEE_MONEY) and (differ := Heartbeat.about_books()):
        orders = reverse("admin:checkout_order_changelist")
        yield Card("Books", 1, "See the orders", orders, f"{differ}.", is_urgent=True)


def _to_ship(now: datetime, *, may_ship: bool) -> Iterator[Card]:
    waiting = shipping.orders_to_ship()
    if first := waiting.first():
        words = f"oldest: {timesince(first.paid_at or now, now, depth=1)}"
        action = "Ship them" if may_ship else "See them"
        yield Card("To ship", _count(waiting), action, reverse("admin:to-ship"), words)


def _needs_a_look(*, sees_money: bool) -> Iterator[Card]:
    rows = Order.objects.exclude(review_reason="").order_by("created_at")
    if first := rows.first():
        count = _count(rows)
        amount = format_money(first.total_cents, first.currency)
        words = first.reference
        if sees_money:
            words += f", {amount}: {first.review_reason.splitlines()[0]}"
        is_one = count == 1
        where = _order(first) if is_one else f"{_orders()}?tab=look"
        action = "Open it" if is_one else "Look at them"
        yield Card("Needs a look", count, action, where, words, is_urgent=True)


def _disputes(now: datetime, *, may_answer: bool) -> Iterator[Card]:
    disputed = Order.objects.exclude(disputed_at=None).filter(dispute_result="")
    if rows := list(disputed.order_by("created_at")[:100]):
        first = min(rows, key=lambda order: order.dispute_due_by or now)
        due_by = first.dispute_due_by
        words = f"answer by {date_format(timezone.localtime(due_by), 'j M, H:i')}" if due_by else ""
        where = _order(first) if len(rows) == 1 else f"{_orders()}?disputed_at__isempty=0"
        action = "Answer" if may_answer else "See them"
        yield Card("Disputes", len(rows), action, where, words, is_urgent=True)


def _low_stock() -> Iterator[Card]:
    """Name what is on sale and has run low, the scarcest first."""
    least = max(settings.LOW_STOCK, 1)
    low = Product.objects.on_sale().filter(stock__lt=least).order_by("stock", "pk")
    if rows := list(low.values_list("pk", "name", "variant", "stock")[:100]):
        links = [
            (f"{', '.join(filter(None, names))}: {left}", _product(pk))
            for pk, *names, left in rows[:NAMED]
        ]
        products = reverse("admin:storefront_product_changelist")
        yield Card("Low stock", len(rows), "Restock", products, links=links)


def _messages(now: datetime) -> Iterator[Card]:
    messages = reverse("admin:checkout_message_changelist")
    unsure = outbox.unsure(now)
    refused = Message.objects.refused_since(now - MESSAGES_SINCE)
    if unsure or refused:
        said = [f"{unsure} unsure" if unsure else "", f"{len(refused)} refused" if refused else ""]
        state = "unsure" if unsure else "failed"
        where = f"{messages}?state={state}"
        words = ", ".join(filter(None, said))
        yield Card("Messages", unsure + len(refused), "See them", where, words)
    elif not outbox.has_a_way():
        waiting = _count(Message.objects.waiting().filter(is_demo=False))
        if waiting:
            words = "MAIL_URL is not set, so no mail is sent"
            yield Card("Messages", waiting, "See them", f"{messages}?state=waiting", words)


def _beats(now: datetime) -> dict[str, Any]:
    """Return how long ago the shop's regular events were, as far as they are known."""
    heard = StripeEvent.objects.newest_heard()
    moments = {
        "heard": heard and heard.received_at,
        "round": Heartbeat.last_round(),
        "backup": Heartbeat.last(Heartbeat.Name.BACKUP),
    }
    return {name: at and ago(at, now) for name, at in moments.items()}


def _last_order(now: datetime) -> str:
    """Return when it came, as people say it."""
    last = Order.objects.filter(paid_at__lte=now).order_by("-paid_at").first()
    if last is None or last.paid_at is None:
        return ""
    at, today = timezone.localtime(last.paid_at), timezone.localtime(now)
    days = (today.date() - at.date()).days
    if days < 2:
        return ("today", "yesterday")[days]
    return f"on {date_format(at, 'l' if days < 7 else 'j F Y')}"


def _count(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:MAX_ROWS].count()


def _orders() -> str:
    return reverse("admin:checkout_order_changelist")


def _order(order: Order) -> str:
    return reverse("admin:checkout_order_change", args=[order.pk])


def _product(pk: int) -> str:
    return reverse("admin:storefront_product_change", args=[pk])
