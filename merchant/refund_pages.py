"""The page of the desk on which money is paid back: the form, then who gets what, then Stripe."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from checkout import reading
from checkout.gateway import failures
from checkout.models import Order
from checkout.reconciling import ReconcileReport
from merchant import refunding
from merchant.forms import RefundForm
from merchant.models import RefundRequest
from merchant.order_page import address_of, desk_page, order_of
from merchant.refunding import MAY_REFUND, NotRefunded, Refunding, refund_of
from merchant.views import read_or_post
from storefront.ops.pages import SeeOther


@read_or_post
def refund(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show what can be refunded of an order; a post says who gets what, and the next one asks."""
    order = order_of(request, pk)
    if not request.user.has_perm(MAY_REFUND):
        raise PermissionDenied
    shown = refund_of(order, request.user, timezone.now(), request.POST or None)
    if request.method != "POST":
        return _page(request, order, shown)
    if "again" in request.POST or "look" in request.POST:
        return _go_on(request, shown.asked) if shown and shown.asked else _to_order(order)
    is_confirmed = "confirmed" in request.POST
    if is_confirmed and (asked := _asked_before(request, order)):
        messages.info(request, f"{asked.amount} is asked for already: {asked.state}.")
        return _to_order(order)
    if not shown or not shown.form:
        messages.warning(request, _why_no_form(order, shown))
        return SeeOther(reverse("admin:refund", args=[order.pk]))
    if not shown.form.is_valid():
        return _page(request, order, shown, status=422)
    if "change" in request.POST:
        return _page(request, order, shown)
    if not is_confirmed:
        return _confirmation(request, shown, shown.form)
    return _ask(request, shown, shown.form)


def _ask(request: HttpRequest, shown: Refunding, form: RefundForm) -> HttpResponse:
    """Store what was confirmed, and ask Stripe once that is committed."""
    order, said, now = shown.order, form.cleaned_data, timezone.now()
    pk = reading.uuid(request.POST.get("request_id")) or uuid4()
    wanted = RefundRequest(
        id=pk,
        amount_cents=said["amount"],
        reason=said["reason"],
        note=said["note"],
        restock={str(item.pk): quantity for item, quantity in form.put_back()},
        key=f"refund-{pk}",
        asked_by_id=request.user.pk,
        asked_at=now,
    )
    seen = request.POST.get("seen", "")
    try:
        refunding.store(wanted, order, int(seen[:20]) if seen.isdecimal() else -1)
    except NotRefunded as reason:
        form.add_error(None, str(reason))
        return _page(request, order, shown, status=422)
    _tell(request, wanted, is_first=True)
    return _to_order(order)


def _go_on(request: HttpRequest, asked: RefundRequest) -> HttpResponse:
    """Ask Stripe again, or look up there what has become of it."""
    if "again" in request.POST:
        _tell(request, asked)
        return _to_order(asked.order)
    try:
        refunding.look_up(asked, timezone.now(), ReconcileReport())
    except failures.StripeRefused as refusal:
        words = "The shop’s key may not read refunds at Stripe ({}): give it Charges and Refunds."
        messages.error(request, words.format(refusal))
    except failures.StripeDown:
        messages.error(request, "Stripe did not answer. Look again in a moment.")
    else:
        _say_how_it_is(request, asked)
    return _to_order(asked.order)


def _tell(request: HttpRequest, asked: RefundRequest, *, is_first: bool = False) -> None:
    try:
        refunding.ask(asked, timezone.now(), is_first=is_first)
    except NotRefunded as reason:
        messages.warning(request, str(reason))
    else:
        _say_how_it_is(request, asked)


def _say_how_it_is(request: HttpRequest, asked: RefundRequest) -> None:
    if asked.error:
        messages.error(request, f"{asked.amount} is not refunded. {asked.error}")
    elif asked.is_open and not asked.refund_id:
        messages.info(request, f"Stripe does not list the refund of {asked.amount} so far.")
    else:
        messages.success(request, f"Refund of {asked.amount}: {asked.state}.")


def _asked_before(request: HttpRequest, order: Order) -> RefundRequest | None:
    """Return what this very page has asked for, if it was sent twice."""
    pk = reading.uuid(request.POST.get("request_id"))
    return RefundRequest.objects.filter(pk=pk, order=order).first() if pk else None


def _why_no_form(order: Order, shown: Refunding | None) -> str:
    if shown and shown.asked:
        return f"{shown.asked.amount} of this order is asked for, and waits for Stripe."
    return refunding.why_not(order)


def _confirmation(request: HttpRequest, shown: Refunding, form: RefundForm) -> HttpResponse:
    cents = form.cleaned_data["amount"]
    context = {
        "title": f"Refund order {shown.order.reference}",
        "order": shown.order,
        "refund": shown,
        "form": form,
        "cents": cents,
        "rest": shown.left - cents,
        "put_back": form.put_back(),
        "is_fraud": form.cleaned_data["reason"] == RefundRequest.Reason.FRAUDULENT,
        "request_id": uuid4(),
    }
    return desk_page(request, "refund_confirm", context)


def _page(
    request: HttpRequest, order: Order, shown: Refunding | None, status: int = 200
) -> HttpResponse:
    context = {
        "title": f"Refund order {order.reference}",
        "order": order,
        "refund": shown,
        "why_not": refunding.why_not(order),
    }
    return desk_page(request, "refund", context, status)


def _to_order(order: Order) -> HttpResponse:
    return SeeOther(address_of(order))
