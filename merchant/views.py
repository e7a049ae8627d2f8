"""The pages of the desk that Django's admin does not have: what to ship, and its slips."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from checkout.admin import NewestPages
from checkout.models import Order
from merchant import shipping
from merchant.exporting import export_these
from merchant.forms import ParcelForm
from merchant.models import Parcel
from merchant.order_page import address_of, desk_page, let_in, log, order_of, show
from merchant.shipping import NotShipped
from storefront.ops.pages import SeeOther

PAGE_SIZE = 25
MOST_SLIPS = 100

read_or_post = require_http_methods(["GET", "HEAD", "POST"])


@read_or_post
def to_ship(request: HttpRequest) -> HttpResponseBase:
    """List what waits to be sent; print slips of what is ticked, ship it, or export it."""
    let_in(request)
    if request.method == "POST":
        ticked = _ids(request.POST.getlist("order"))
        # Which button it was; the list's are named as Django's script expects it.
        buttons = {*request.POST, request.POST.get("index")}
        if not ticked:
            messages.warning(request, "Tick the orders first.")
        elif "slips" in buttons:
            return SeeOther(f"{reverse('admin:slips')}?{urlencode({'order': ticked}, doseq=True)}")
        elif "export" in buttons:
            return export_these(request, ticked)
        else:
            let_in(request, to_change=True)
            _ship_all(request, ticked)
        return SeeOther(_list_of(request))
    orders = shipping.orders_to_ship().prefetch_related("items__product")
    shown = NewestPages(orders, PAGE_SIZE).get_page(request.GET.get("page"))
    forms = [(order, ParcelForm(auto_id=f"%s-{order.pk}")) for order in shown]
    return desk_page(request, "to_ship", {"title": "To ship", "shown": shown, "forms": forms})


def _list_of(request: HttpRequest) -> str:
    """Return where the form stands: here, or in the list of orders as it was searched."""
    if "list" not in request.POST:
        return reverse("admin:to-ship")
    shown = QueryDict(request.POST["list"]).urlencode()
    return f"{reverse('admin:checkout_order_changelist')}?{shown}"


def _ship_all(request: HttpRequest, ticked: list[UUID]) -> None:
    """Mark each as shipped, in a parcel that nothing is known of."""
    shipped = []
    for order in Order.objects.filter(pk__in=ticked):
        try:
            shipping.ship(order, Parcel(), timezone.now())
        except NotShipped as reason:
            messages.warning(request, str(reason))
        else:
            log(request, order, "Marked as shipped.")
            shipped.append(order.reference)
    if shipped:
        messages.success(request, f"Marked as shipped: {', '.join(shipped)}.")


@read_or_post
def shipment(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show where an order goes and what was sent of it; a post marks it as shipped."""
    order = order_of(request, pk)
    form = ParcelForm(request.POST or None)
    if request.method != "POST":
        return show(request, order)
    let_in(request, to_change=True)
    if not form.is_valid():
        return show(request, order, parcel=form, status=422)
    try:
        shipping.ship(order, form.save(commit=False), timezone.now())
    except NotShipped as reason:
        messages.warning(request, str(reason))
    else:
        log(request, order, "Marked as shipped.")
        words = f"Order {order.reference} is marked as shipped."
        link = format_html('{} <a href="{}">Change or undo</a>', words, address_of(order))
        messages.success(request, link if "to-ship" in request.POST else words)
    if "to-ship" in request.POST:
        return SeeOther(reverse("admin:to-ship"))
    return SeeOther(address_of(order))


@require_POST
def undo(request: HttpRequest, pk: UUID) -> HttpResponse:
    order = order_of(request, pk, to_change=True)
    try:
        shipping.undo(order, timezone.now())
    except NotShipped as reason:
        messages.warning(request, str(reason))
    else:
        log(request, order, "Marked as not shipped.")
        messages.success(request, f"Order {order.reference} waits to be shipped again.")
    return SeeOther(address_of(order))


@require_POST
def parcels(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Add a parcel to an order that is shipped."""
    order = order_of(request, pk, to_change=True)
    form = ParcelForm(request.POST)
    if not form.is_valid():
        return show(request, order, parcel=form, status=422)
    shown = request.POST.get("shown", "")
    try:
        shipping.add_parcel(order, form.save(commit=False), shown, timezone.now())
    except NotShipped as reason:
        messages.warning(request, str(reason))
    else:
        log(request, order, "Added a parcel.")
        messages.success(request, f"Order {order.reference} has one more parcel.")
    return SeeOther(address_of(order))


@read_or_post
def parcel(request: HttpRequest, pk: UUID, parcel: int) -> HttpResponse:
    """Change what is said of a parcel."""
    order = order_of(request, pk, to_change=True)
    row = get_object_or_404(Parcel, pk=parcel, order=order)
    form = ParcelForm(request.POST or None, instance=row)
    if request.method == "POST" and form.is_valid():
        # Not saved as a whole: that would bring back what was undone meanwhile.
        if Parcel.objects.filter(pk=row.pk).update(**form.cleaned_data):
            log(request, order, "Changed a parcel.")
            messages.success(request, f"A parcel of order {order.reference} is changed.")
        return SeeOther(address_of(order))
    context = {"title": f"Parcel of order {order.reference}", "order": order, "form": form}
    return desk_page(request, "parcel", context, status=422 if form.errors else 200)


@require_safe
def slip(request: HttpRequest, pk: UUID) -> HttpResponse:
    return _slips(request, [order_of(request, pk).pk])


@require_safe
def slips(request: HttpRequest) -> HttpResponse:
    """Show a sheet for each `order` that the address names."""
    let_in(request)
    return _slips(request, _ids(request.GET.getlist("order")))


def _slips(request: HttpRequest, ids: list[UUID]) -> HttpResponse:
    found = Order.objects.prefetch_related("items__product").in_bulk(ids[:MOST_SLIPS])
    if not found:
        raise Http404
    orders = [found[pk] for pk in ids if pk in found]
    here = urlencode({"order": [order.pk for order in orders]}, doseq=True)
    context = {"orders": orders, "here": here, "is_gift": "gift" in request.GET}
    return desk_page(request, "slips", context)


def _ids(texts: list[str]) -> list[UUID]:
    """Return the orders that are named, each once."""
    found = []
    for text in dict.fromkeys(texts):
        try:
            found.append(UUID(text))
        except ValueError:
            raise Http404 from None
    return found
