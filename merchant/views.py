"""The pages of the desk that Django's admin does not have: what to ship, and its slips."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from checkout.admin import NewestPages
from checkout.models import Order
from merchant import shipping
from merchant.forms import ParcelForm
from merchant.models import Parcel
from merchant.shipping import NotShipped
from storefront.ops import logs
from storefront.ops.pages import SeeOther

PAGE_SIZE = 25
MOST_SLIPS = 100
SEE_ORDERS = ("checkout.view_order", "checkout.change_order")

read_or_post = require_http_methods(["GET", "HEAD", "POST"])


@read_or_post
def to_ship(request: HttpRequest) -> HttpResponse:
    """List what waits to be sent; print slips of what is ticked, or mark it as shipped."""
    _let_in(request)
    if request.method == "POST":
        ticked = _ids(request.POST.getlist("order"))
        if not ticked:
            messages.warning(request, "Tick the orders first.")
        elif "slips" in request.POST:
            return SeeOther(f"{reverse('admin:slips')}?{urlencode({'order': ticked}, doseq=True)}")
        else:
            _let_in(request, to_change=True)
            _ship_all(request, ticked)
        return SeeOther(reverse("admin:to-ship"))
    orders = shipping.orders_to_ship().prefetch_related("items__product")
    shown = NewestPages(orders, PAGE_SIZE).get_page(request.GET.get("page"))
    forms = [(order, ParcelForm(auto_id=f"%s-{order.pk}")) for order in shown]
    return _page(request, "to_ship", {"title": "To ship", "shown": shown, "forms": forms})


def _ship_all(request: HttpRequest, ticked: list[UUID]) -> None:
    """Mark each as shipped, in a parcel that nothing is known of."""
    shipped = []
    for order in Order.objects.filter(pk__in=ticked):
        try:
            shipping.ship(order, Parcel(), timezone.now())
        except NotShipped as reason:
            messages.warning(request, str(reason))
        else:
            _note(request, order, "Marked as shipped.")
            shipped.append(order.reference)
    if shipped:
        messages.success(request, f"Marked as shipped: {', '.join(shipped)}.")


@read_or_post
def shipment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show where an order goes and what was sent of it; a post marks it as shipped."""
    order = _order(request, pk)
    form = ParcelForm(request.POST or None)
    if request.method != "POST":
        return _shipment_page(request, order, ParcelForm())
    _let_in(request, to_change=True)
    if not form.is_valid():
        return _shipment_page(request, order, form, status=422)
    try:
        shipping.ship(order, form.save(commit=False), timezone.now())
    except NotShipped as reason:
        messages.warning(request, str(reason))
    else:
        _note(request, order, "Marked as shipped.")
        words = f"Order {order.reference} is marked as shipped."
        link = format_html('{} <a href="{}">Change or undo</a>', words, _shipment(order))
        messages.success(request, link if "to-ship" in request.POST else words)
    if "to-ship" in request.POST:
        return SeeOther(reverse("admin:to-ship"))
    return _to_shipment(order)


@require_POST
def undo(request: HttpRequest, pk: UUID) -> HttpResponse:
    order = _order(request, pk, to_change=True)
    try:
        shipping.undo(order, timezone.now())
    except NotShipped as reason:
        messages.warning(request, str(reason))
    else:
        _note(request, order, "Marked as not shipped.")
        messages.success(request, f"Order {order.reference} waits to be shipped again.")
    return _to_shipment(order)


@require_POST
def parcels(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add a parcel to an order that is shipped."""
    order = _order(request, pk, to_change=True)
    form = ParcelForm(request.POST)
    if not form.is_valid():
        return _shipment_page(request, order, form, status=422)
    shown = request.POST.get("shown", "")
    try:
        shipping.add_parcel(order, form.save(commit=False), shown, timezone.now())
    except NotShipped as reason:
        messages.warning(request, str(reason))
    else:
        _note(request, order, "Added a parcel.")
        messages.success(request, f"Order {order.reference} has one more parcel.")
    return _to_shipment(order)


@read_or_post
def parcel(request: HttpRequest, pk: UUID, parcel: int) -> HttpResponse:
    """Change what is said of a parcel."""
    order = _order(request, pk, to_change=True)
    row = get_object_or_404(Parcel, pk=parcel, order=order)
    form = ParcelForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        # Not saved as a whole: that would bring back what was undone meanwhile.
        if Parcel.objects.filter(pk=row.pk).update(**form.cleaned_data):
            _note(request, order, "Changed a parcel.")
            messages.success(request, f"A parcel of order {order.reference} is changed.")
        return _to_shipment(order)
    context = {"title": f"Parcel of order {order.reference}", "order": order, "form": form}
    return _page(request, "parcel", context, status=422 if form.errors else 200)


@require_safe
def slip(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _slips(request, [_order(request, pk).pk])


@require_safe
def slips(request: HttpRequest) -> HttpResponse:
    """Show a sheet for each `order` that the address names."""
    _let_in(request)
    return _slips(request, _ids(request.GET.getlist("order")))


def _slips(request: HttpRequest, ids: list[UUID]) -> HttpResponse:
    found = Order.objects.prefetch_related("items__product").in_bulk(ids[:MOST_SLIPS])
    if not found:
        raise Http404
    orders = [found[pk] for pk in ids if pk in found]
    here = urlencode({"order": [order.pk for order in orders]}, doseq=True)
    context = {"orders": orders, "here": here, "is_gift": "gift" in request.GET}
    return _page(request, "slips", context)


def _shipment_page(
    request: HttpRequest, order: Order, form: ParcelForm, status: int = 200
) -> HttpResponse:
    context = {
        "title": f"Order {order.reference}",
        "order": order,
        "form": form,
        "parcels": list(order.parcels.all()),
        "can_be_undone": shipping.can_be_undone(order, timezone.now()),
    }
    return _page(request, "shipment", context, status)


def _page(
    request: HttpRequest, name: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    own = {
        "may_ship": request.user.has_perm("checkout.change_order"),
        "carriers": [*settings.TRACKING_URLS],
    }
    context = admin.site.each_context(request) | own | context
    return render(request, f"merchant/{name}.html", context, status=status)


def _order(request: HttpRequest, pk: UUID, *, to_change: bool = False) -> Order:
    _let_in(request, to_change=to_change)
    order = get_object_or_404(Order.objects.prefetch_related("items__product"), pk=pk)
    logs.bind(order=str(order.pk))
    return order


def _let_in(request: HttpRequest, *, to_change: bool = False) -> None:
    """Let in the staff who may see orders, or change them; all others get a 403."""
    may = ("checkout.change_order",) if to_change else SEE_ORDERS
    if not any(map(request.user.has_perm, may)):
        raise PermissionDenied


def _to_shipment(order: Order) -> HttpResponse:
    return SeeOther(_shipment(order))


def _shipment(order: Order) -> str:
    return reverse("admin:shipment", args=[order.pk])


def _note(request: HttpRequest, order: Order, words: str) -> None:
    """Write into the history of the order who did it."""
    who = request.user.pk or 0  # nobody is let in without a name
    LogEntry.objects.log_actions(who, [order], CHANGE, change_message=words, single_object=True)


def _ids(texts: list[str]) -> list[UUID]:
    """Return the orders that are named, each once."""
    found = []
    for text in dict.fromkeys(texts):
        try:
            found.append(UUID(text))
        except ValueError:
            raise Http404 from None
    return found
