"""The page of one order: what to do, what was bought, where it goes, and what came of it."""

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from checkout import persons, receipts
from checkout.bills import delivery_name
from checkout.models import Message, Order
from merchant import shipping
from merchant.advice import reasons_and_advice
from merchant.forms import NoteForm, ParcelForm
from merchant.permissions import SEE_MESSAGES, SEE_MONEY, SEE_ORDERS, may_any
from merchant.refunding import dashboard, refund_of
from merchant.timeline import NOTED, timeline
from storefront.countries import country_name
from storefront.ops import logs
from storefront.ops.pages import SeeOther, base_url
from storefront.pictures import show_pictures

MOST_OTHERS = 100
RAW = (
    *("id", "status", "created_at", "paid_at", "currency", "country", "needs_shipping"),
    *("session_id", "session_url", "session_expires_at", "attempt", "attempt_at", "asked_at"),
    *("returned_at", "superseded_at", "payment_intent", "refunded_from", "charge_refunded_at"),
    *("disputed_at", "dispute_id", "dispute_result", "counts_stock", "put_back_at"),
)


def order_of(request: HttpRequest, pk: UUID, *, to_change: bool = False) -> Order:
    let_in(request, to_change=to_change)
    order = get_object_or_404(Order.objects.prefetch_related("items__product"), pk=pk)
    logs.bind(order=str(order.pk))
    return order


def let_in(request: HttpRequest, *, to_change: bool = False) -> None:
    """Let in the staff who may see orders, or change them; all others get a 403."""
    may = ("checkout.change_order",) if to_change else SEE_ORDERS
    if not may_any(request, may):
        raise PermissionDenied


def show(
    request: HttpRequest,
    order: Order,
    *,
    parcel: ParcelForm | None = None,
    note: NoteForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Answer with the page; a form that was refused comes back with what was typed."""
    show_pictures(item.product for item in order.items.all() if item.product)
    context = {
        "title": f"Order {order.reference}",
        "opts": Order._meta,
        "order": order,
        "form": parcel or ParcelForm(),
        "note": note or NoteForm(initial={"note": order.note, "seen": digest(order.note)}),
        "parcels": list(order.parcels.all()),
        "can_be_undone": shipping.can_be_undone(order, timezone.now()),
        "way": ", ".join(filter(None, (delivery_name(order), country_name(order.country)))),
        "reasons": reasons_and_advice(order.review_reason),
        "seen": digest(order.review_reason),
        "refund": refund_of(order, request.user),
        "moments": timeline(order, request.user.has_perm),
        "other_orders": _other_orders(order),
        "private_link": _private_link(request, order),
        **_money(order, request.user.has_perm),
        **_mails(order, request.user.has_perm),
    }
    return desk_page(request, "order", context, status)


def _money(order: Order, may: Callable[[str], bool]) -> dict[str, Any]:
    sees_money = may(SEE_MONEY)
    shown = RAW if sees_money else ()
    return {
        "net_cents": order.received_cents - order.refunded_cents,
        "may_see_money": sees_money,
        "may_settle": may("checkout.change_order"),
        "raw": [(name.replace("_", " "), getattr(order, name)) for name in shown],
        **_at_stripe(order),
    }


def _mails(order: Order, may: Callable[[str], bool]) -> dict[str, Any]:
    return {
        "mail_trouble": _mail_trouble(order) if may(SEE_MESSAGES) else "",
        "last_mail": _last_mail(order) if may("checkout.change_message") else None,
    }


@require_POST
def note(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Keep the note, unless somebody has written another one since the page was shown."""
    order = order_of(request, pk, to_change=True)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return show(request, order, note=form, status=422)
    words = form.cleaned_data["note"]
    if words == order.note:
        return _to_order(order)
    with transaction.atomic():
        is_kept = form.cleaned_data["seen"] == digest(order.note) and order.write_note(
            words, seen=order.note
        )
        if is_kept:
            log(request, order, NOTED)
    if not is_kept:
        order.refresh_from_db(fields=["note"])
        form.tell_of(order.note, digest(order.note))
        return show(request, order, note=form, status=409)
    messages.success(request, f"The note of order {order.reference} is kept.")
    return _to_order(order)


@require_POST
def settling(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take the order from what needs a look; the payment's state stays as it is."""
    order = order_of(request, pk, to_change=True)
    if not request.user.has_perm(SEE_MONEY):
        raise PermissionDenied
    reason = order.review_reason
    with transaction.atomic():
        is_settled = request.POST.get("seen") == digest(reason) and order.settle(reason)
        if is_settled:
            log(request, order, f"Settled: {reason.strip()}")
    if is_settled:
        messages.success(request, f"Order {order.reference} needs no look any more.")
    elif Order.objects.filter(pk=order.pk, review_reason="").exists():
        messages.warning(request, f"Order {order.reference} was settled already.")
    else:
        messages.warning(request, "There is more to look at by now. Please read it first.")
    return _to_order(order)


def log(request: HttpRequest, thing: Model, words: str) -> None:
    """Write into the history of an order, or of the shop, who did it."""
    who = request.user.pk or 0  # nobody is let in without a name
    LogEntry.objects.log_actions(who, [thing], CHANGE, change_message=words, single_object=True)


def digest(text: str) -> str:
    """Return what tells one text from another; browsers change the ends of lines in forms."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def address_of(order: Order) -> str:
    return reverse("admin:checkout_order_change", args=[order.pk])


def desk_page(
    request: HttpRequest, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    own = {
        "may_ship": request.user.has_perm("checkout.change_order"),
        "carriers": [*settings.TRACKING_URLS],
    }
    context = admin.site.each_context(request) | own | context
    return render(request, f"merchant/{name}.html", context, status=status)


def _to_order(order: Order) -> HttpResponse:
    return SeeOther(address_of(order))


def _other_orders(order: Order) -> int:
    """Return how many more the customer has, as far as anybody counts."""
    if not order.email:
        return 0
    return persons.orders_of(order.email).exclude(pk=order.pk).order_by()[:MOST_OTHERS].count()


def _private_link(request: HttpRequest, order: Order) -> str:
    """Return it as it is sent to a customer; nothing if there is none."""
    path = receipts.address_of(order)
    return f"{base_url(request)}{path}" if path else ""


def _at_stripe(order: Order) -> dict[str, Any]:
    """Return where Stripe shows the payment and its dispute."""
    if order.is_demo:
        return {}
    begin = dashboard(order)
    intent, dispute = order.payment_intent, order.dispute_id
    return {
        "payment_at_stripe": f"{begin}payments/{intent}" if intent else "",
        "dispute_at_stripe": f"{begin}disputes/{dispute}" if dispute else "",
    }


def _mail_trouble(order: Order) -> str:
    """Return why the shopper can't be reached by mail, if that is so."""
    refused = order.messages.failed().filter(tries__gt=0).exclude(error="").first()
    return refused.error if refused else ""


def _last_mail(order: Order) -> Message | None:
    """Return what was written to the shopper last, if it can be sent once more."""
    to_shopper = order.messages.exclude(kind__startswith="merchant_").order_by("-id")
    last = to_shopper.first()
    return last if last and last.state != Message.State.WAITING else None
