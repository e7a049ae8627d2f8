"""Pays back from the desk: a request is stored, Stripe is asked, and its event moves the order.

A request has one key, by which Stripe pays it back once, however often it is asked. Stripe forgets
keys after a day, so an older request is never repeated, only looked up there.
"""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import IntegrityError, transaction
from django.db.models import BigIntegerField, F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce, NullIf
from django.db.models.lookups import GreaterThanOrEqual
from django.utils import timezone

from checkout import reading, telling
from checkout.bills import received_for
from checkout.gateway import failures
from checkout.models import Order, OrderItem, Refund
from checkout.provider import stripe
from checkout.reading import Json
from checkout.reconciling import ReconcileReport, event_now, noting_refusals, receive
from merchant.forms import RefundForm
from merchant.models import RefundRequest
from storefront import stock
from storefront.money import format_money

MAY_REFUND = "merchant.add_refundrequest"
WITH_MONEY = (Order.Status.PAID, Order.Status.REVIEW)
# The webhook comes first.
YOUNG = timedelta(minutes=1)
MOST_LOOKED_UP = 100

# What a refusal of Stripe's means, and what to do.
REFUSALS: dict[type[failures.StripeRefused], str] = {
    failures.NotAllowed: "The shop’s key at Stripe may not refund this payment. Give the key the "
    "permission Charges and Refunds: write (in Stripe’s dashboard, under API keys) and ask "
    "again, or refund it in the dashboard.",
    failures.NoSuchPayment: "Stripe does not know this payment by the shop’s key: is the key of "
    "another account, or of the other mode, test or live? Refund it in the right dashboard.",
    failures.AlreadyRefunded: "All of this payment went back already, as Stripe says. The order "
    "shows it once Stripe’s event is here: there is nothing to do.",
    failures.MoreThanIsLeft: "Less than that is left of this payment, as Stripe says: something "
    "was refunded in the dashboard. Ask for the rest once the order shows that.",
    failures.IsDisputed: "The customer’s bank disputes this payment, and decides who gets it. "
    "Answer the dispute in Stripe’s dashboard, and don’t pay it back another way.",
    failures.BalanceTooLow: "Your balance at Stripe is too low. Add to it in Stripe’s dashboard, "
    "or wait for the next payments, and ask again.",
}
# They say nothing of what was asked by the key that the shop had before.
OF_THE_KEY = (failures.NotAllowed, failures.NoSuchPayment)
NO_SUCH = (
    "Stripe was asked, did not answer, and does not list such a refund: nothing was paid back. Ask "
    "for it again."
)
NOT_HEARD = (
    "Stripe did not answer, so nobody knows yet whether it is refunded. Ask again: it is paid back "
    "once, however often you ask. The worker looks for it as well."
)
BUSY = "Many wait for Stripe right now. The refund is noted: ask again in a moment."


class NotRefunded(Exception):
    """Nothing was asked, or nobody knows what came of it; the message says why."""


@dataclass(frozen=True)
class Refunding:
    """What an order's page shows: what was asked for, and the form if more can be."""

    order: Order
    requests: list[RefundRequest]
    left: int
    form: RefundForm | None
    may_be_repeated: bool

    @property
    def asked(self) -> RefundRequest | None:
        """The request that waits for Stripe."""
        return next((request for request in self.requests if request.is_open), None)

    @property
    def at_stripe(self) -> str:
        """Where the payment is in Stripe's dashboard."""
        return f"{dashboard(self.order)}payments/{self.order.payment_intent}"

    @property
    def is_disputed(self) -> bool:
        return bool(self.order.disputed_at) and self.order.dispute_result != "won"


def dashboard(order: Order) -> str:
    """Return where Stripe's dashboard begins for the order: it shows tests apart."""
    is_test = (order.session_id or "").startswith("cs_test_") or not settings.STRIPE_LIVE_MODE
    return f"https://dashboard.stripe.com/{'test/' if is_test else ''}"


def refund_of(
    order: Order, user: Any, now: datetime | None = None, data: Any = None
) -> Refunding | None:
    """Return what `user` can pay back of the order; None if that is nothing, or not theirs to."""
    if not user.has_perm(MAY_REFUND):
        return None
    requests = list(RefundRequest.objects.filter(order=order).select_related("asked_by"))
    left = 0 if why_not(order) else received_for(order) - order.refunded_cents
    asked = next((request for request in requests if request.is_open), None)
    if not left and not requests:
        return None
    form = None
    if left and not asked:
        form = RefundForm(order, left, _restockable(order, requests), data)
    for request in requests:
        request.order = order
    repeats = bool(asked and asked.may_be_repeated(now or timezone.now()))
    return Refunding(order, requests, left, form, repeats)


def why_not(order: Order) -> str:
    """Return why nothing of the order can be refunded, if that is so."""
    if order.is_demo and not settings.STRIPE_DEMO_MODE:
        return "This order is of the demo: nothing was paid."
    if settings.STRIPE_DEMO_MODE and not order.is_demo:
        return "The shop has no keys of Stripe now: refund it in Stripe’s dashboard."
    if order.status == Order.Status.REFUNDED:
        return "All of this order is refunded."
    if order.status not in WITH_MONEY:
        return f"Nothing was paid: {order.get_status_display()}."
    if not order.payment_intent and order.status == Order.Status.REVIEW:
        return "The order has no payment of its own: refund what came in Stripe’s dashboard."
    if not order.payment_intent:
        return "Nothing was paid: the order was free."
    if order.refunded_cents >= received_for(order):
        return "All of this order is refunded."
    return ""


def store(request: RefundRequest, order: Order, seen: int) -> None:
    """Store the request, if no other is open and so much is left of the order.

    The one statement decides, as the database is by then: `seen` is how much had been refunded
    when the merchant looked. Raises NotRefunded.
    """
    still_open = RefundRequest.objects.filter(order=OuterRef("pk"), closed_at=None).order_by()
    cents = still_open.values("order").annotate(sum=Sum("amount_cents")).values("sum")
    asked = Coalesce(Subquery(cents), 0, output_field=BigIntegerField())
    received = Coalesce(NullIf("received_cents", Value(0)), "total_cents")
    rows = Order.objects.filter(pk=order.pk, status__in=WITH_MONEY, refunded_cents=seen)
    is_enough: Any = GreaterThanOrEqual(
        received, F("refunded_cents") + asked + request.amount_cents
    )
    enough = rows.filter(is_enough).exclude(payment_intent="")
    # Without such an order it is empty, which the column may not be.
    to_store: Any = request
    to_store.order_id = Subquery(enough.order_by().values("pk"))
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except (IntegrityError, EmptyResultSet):  # the latter of what no column can be
        raise NotRefunded(_why_not_stored(request, order, seen)) from None
    finally:
        request.order = order


def ask(request: RefundRequest, now: datetime, *, is_first: bool = False) -> None:
    """Ask Stripe to pay it back, by its key; what was refused is closed, and says why.

    Raises NotRefunded if nothing is known by that: then it stays open.
    """
    if not request.may_be_repeated(now):
        raise NotRefunded(f"{request.amount} was asked for too long ago: look it up at Stripe.")
    rows = RefundRequest.objects.filter(pk=request.pk)
    try:
        refund_id = stripe().refund(
            request.order,
            request.amount_cents,
            reason=request.reason,
            key=request.key,
            request_id=str(request.pk),
        )
    except failures.StripeRefused as refusal:
        words = _words(refusal)
        if isinstance(refusal, OF_THE_KEY) and not is_first:
            raise NotRefunded(words) from refusal
        _give_up(request, now, words)
    except (failures.StripeBusy, failures.StillAsking) as failure:
        raise NotRefunded(BUSY) from failure
    except failures.StripeDown as failure:
        raise NotRefunded(NOT_HEARD) from failure
    else:
        rows.filter(refund_id="").update(refund_id=refund_id)
    request.refresh_from_db()


def look_up(request: RefundRequest, now: datetime, report: ReconcileReport) -> None:
    """Look at Stripe whether it is paid back, and apply what is there as the webhook does.

    What Stripe doesn't list once it can't be repeated any more is given up, for another request.
    Raises StripeDown or StripeRefused.
    """
    for refund in stripe().refunds_of(request.order.payment_intent):
        if _answers(refund, request):
            receive(report, event_now("refund.updated", refund))
            break
    else:
        if not request.may_be_repeated(now):
            _give_up(request, now, NO_SUCH)
    request.refresh_from_db()


def look_up_all(report: ReconcileReport, now: datetime, until: float) -> None:
    """Look up what has waited for its event for a while; the worker does so in each round.

    Raises StripeDown.
    """
    waiting = RefundRequest.objects.filter(closed_at=None, asked_at__lte=now - YOUNG)
    for request in waiting.select_related("order").order_by("asked_at", "pk")[:MOST_LOOKED_UP]:
        if time.monotonic() > until:
            break
        with noting_refusals(report):
            look_up(request, now, report)


def hear(order: Order, row: Refund, refund: Json, at: datetime) -> None:
    """Note what a verified event says of a refund that was asked for here; others are not ours.

    Stock comes back once, when it says that the money did. If the bank refuses that later, the
    goods stay on the shelf, where others may have bought them by then, and the order needs a look.
    """
    is_its = Q(refund_id=row.refund_id)
    if pk := _request_id(refund):
        is_its |= Q(pk=pk, refund_id="")
    request = RefundRequest.objects.filter(is_its, order=order).first()
    if request is None:
        return
    rows = RefundRequest.objects.filter(pk=request.pk)
    known: dict[str, Any] = {"refund_id": row.refund_id, "closed_at": request.closed_at or at}
    if refund.get("status") in ("failed", "canceled"):
        rows.update(**known, error=_why_failed(refund))
        if request.restocked_at:
            telling.needs_a_look(order, _on_the_shelf(request, order))
    elif not row.failed_at:
        rows.update(**known, error="")
        if refund.get("status") == "succeeded" and request.restock:
            _restock(request, at)


def _restock(request: RefundRequest, at: datetime) -> None:
    rows = RefundRequest.objects.filter(pk=request.pk, restocked_at=None)
    if rows.update(restocked_at=at) != 1:
        return
    items = OrderItem.objects.filter(order=request.order_id, product__isnull=False)
    pieces: Counter[int] = Counter()
    for item, product in items.values_list("pk", "product"):
        pieces[product] += request.restock.get(str(item), 0)
    stock.put_back(+pieces)


def _restockable(order: Order, requests: list[RefundRequest]) -> list[tuple[OrderItem, int]]:
    """Return the items that were taken from a counted stock, and how many are not back there.

    The goods of an order that is not paid as it was offered were never sold.
    """
    if order.status != Order.Status.PAID:
        return []
    back: Counter[str] = Counter()
    for request in requests:
        if not request.error or request.restocked_at:
            back.update(request.restock)
    items = order.items.select_related("product").filter(product__stock__isnull=False)
    left = ((item, item.quantity - back[str(item.pk)]) for item in items)
    return [(item, most) for item, most in left if most > 0]


def _answers(refund: Json, request: RefundRequest) -> bool:
    is_known = bool(request.refund_id) and refund.get("id") == request.refund_id
    return is_known or _request_id(refund) == request.pk


def _request_id(refund: Json) -> Any:
    return reading.uuid(reading.mapping(refund.get("metadata")).get("request_id"))


def _give_up(request: RefundRequest, now: datetime, words: str) -> None:
    """Close it, unless Stripe's word of it has come meanwhile."""
    rows = RefundRequest.objects.filter(pk=request.pk, closed_at=None, refund_id="")
    rows.update(closed_at=now, error=words)


def _words(refusal: failures.StripeRefused) -> str:
    kinds = (words for kind, words in REFUSALS.items() if isinstance(refusal, kind))
    other = f"Stripe refused it ({refusal}). Look up the payment in Stripe’s dashboard."
    return next(kinds, other)


def _why_failed(refund: Json) -> str:
    why = reading.text(refund.get("failure_reason")).replace("_", " ")
    return (
        f"The bank did not take it{f' ({why})' if why else ''}. The money is in your balance at "
        "Stripe again: pay the customer another way."
    )


def _on_the_shelf(request: RefundRequest, order: Order) -> str:
    amount = format_money(request.amount_cents, order.currency)
    return (
        f"The refund of {amount} has failed, and what was put back into stock for it is on sale "
        "again: count it before you send anything."
    )


def _why_not_stored(request: RefundRequest, order: Order, seen: int) -> str:
    order.refresh_from_db()
    mine = RefundRequest.objects.filter(order=order)
    if mine.filter(pk=request.pk).exists():
        return "This was asked for already."
    if mine.filter(closed_at=None).exists():
        return "Another refund of this order was asked for meanwhile, and waits for Stripe."
    if order.refunded_cents != seen:
        amount = format_money(order.refunded_cents, order.currency)
        return f"Meanwhile {amount} of this order is refunded: look again at how much is left."
    return why_not(order) or "No more than is left of this order can be refunded."
