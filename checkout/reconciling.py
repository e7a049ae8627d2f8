"""Asks Stripe about what no webhook has brought, and applies it as the webhook does.

An event that could not be delivered is verified all the same, since Stripe itself lists it, and
so is its answer about a session. Safe at any time, twice at once, and with Stripe down.
"""

import logging
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from checkout import events, gateway, limits, outbox, reading, refunds
from checkout.models import Order, StripeEvent
from storefront.models import Reservation
from storefront.ops import logs
from storefront.ops.connections import is_outage

logger = logging.getLogger(__name__)

STRIPE_KEEPS_EVENTS_FOR = timedelta(days=30)
FAILED_INTENTS = ("requires_payment_method", "canceled")
# Each takes Stripe about a fifth of a second: what a run leaves, the next one asks about.
MAX_QUERIES_PER_RUN = 250
BATCH = 1_000


@dataclass
class ReconcileReport:
    """What a run found and did."""

    undelivered: int = 0
    waiting: int = 0
    applied: Counter[str] = field(default_factory=Counter)
    released: int = 0
    followed_up: int = 0
    stuck: int = 0
    problem: str = ""
    is_demo: bool = False

    def __str__(self) -> str:
        if self.is_demo:
            return f"Demo shop: Stripe is not asked; {self.followed_up} follow-ups done."
        moves = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.applied.items()))
        words = [
            f"{self.undelivered} undelivered events and {self.waiting} waiting orders looked at",
            moves or "nothing to change",
            f"stock of {self.released} orders given back" if self.released else "",
            f"{self.followed_up} follow-ups done" if self.followed_up else "",
            f"{self.stuck} follow-ups begun and not finished: see the events" if self.stuck else "",
            self.problem,
        ]
        return "; ".join(word for word in words if word) + "."


def reconcile(now: datetime, *, older_than: timedelta) -> ReconcileReport:
    """Fix what lost events and crashes left behind, and report what was done.

    Only orders that were placed `older_than` ago are asked about: the webhook comes first.
    """
    report = ReconcileReport()
    with _noting_failures(report):
        _replay_undelivered(report, now)
    with _noting_failures(report):
        _ask_about_waiting(report, now, now - older_than)
    with _noting_failures(report):
        report.released += limits.return_hoarded(now)
    _apply_deferred()
    _release_abandoned(report, now - older_than)
    report.followed_up, report.stuck = outbox.send_due(now), outbox.stuck(now)
    return report


@contextmanager
def _noting_failures(report: ReconcileReport) -> Iterator[None]:
    """Let the next step have its turn: Stripe may answer again by then."""
    try:
        with _noting_refusals(report):
            yield
    except gateway.StripeDown as failure:
        report.problem = f"Stripe did not answer ({failure}), so the next run goes on"


@contextmanager
def _noting_refusals(report: ReconcileReport) -> Iterator[None]:
    """Let the next request have its turn: a key may be allowed one kind and not another."""
    try:
        yield
    except gateway.StripeRefused as refusal:
        report.problem = f"Stripe refused a question ({refusal}); see what the key may read"


def _replay_undelivered(report: ReconcileReport, now: datetime) -> None:
    """Apply what never arrived, oldest first; the next run goes on where this one leaves off."""
    unknown: deque[dict[str, Any]] = deque(maxlen=BATCH)
    for page in gateway.undelivered_events(events.HANDLERS, now - STRIPE_KEEPS_EVENTS_FOR):
        ids = [event["id"] for event in page]
        known = {*StripeEvent.objects.filter(event_id__in=ids).values_list("event_id", flat=True)}
        unknown.extend(event for event in page if event["id"] not in known)
    for event in reversed(unknown):
        report.undelivered += 1
        _receive(report, event)


def _ask_about_waiting(report: ReconcileReport, now: datetime, before: datetime) -> None:
    for order in orders_in_turn(before):
        report.waiting += 1
        with _noting_refusals(report):
            session = gateway.session_now(str(order.session_id))
            kind = _event_type_for(session) if session else ""
            # An order that was asked about may be purged, so not before the answer is applied.
            if not (session and kind) or _receive(report, _event(kind, session)):
                Order.objects.filter(pk=order.pk).update(asked_at=now)


def orders_in_turn(before: datetime) -> QuerySet[Order]:
    """Return the orders to ask about: first those that were never asked about, then the oldest."""
    waiting = Order.objects.awaiting_stripe().filter(created_at__lte=before).only("session_id")
    return waiting.order_by(F("asked_at").asc(nulls_first=True))[:MAX_QUERIES_PER_RUN]


def _receive(report: ReconcileReport, event: dict[str, Any]) -> bool:
    """Apply the event, and count what came of it. False if the shop failed on it."""
    try:
        with logs.log_context():
            outcome = events.receive(event)
    except events.MalformedEvent:
        return True
    except Exception as error:
        if is_outage(error):
            raise
        # An event that the shop fails on keeps no other waiting.
        logger.exception("Could not apply event %s.", event["id"])
        report.applied["failed"] += 1
        return False
    if outcome != StripeEvent.Outcome.NO_CHANGE:
        report.applied[outcome] += 1
    return True


def _event_type_for(session: dict[str, Any]) -> str:
    """Return the type of the event that Stripe would have sent about such a session, if any."""
    if session["status"] == "expired":
        return "checkout.session.expired"
    if session["status"] != "complete":
        return ""
    intent = reading.mapping(session.get("payment_intent"))
    has_failed = session["payment_status"] == "unpaid" and intent.get("status") in FAILED_INTENTS
    return f"checkout.session.{'async_payment_failed' if has_failed else 'completed'}"


def _event(kind: str, session: dict[str, Any]) -> dict[str, Any]:
    """Return the event that was lost, made from the session; the same answer makes the same one."""
    intent = reading.mapping(session.get("payment_intent"))
    return {
        "id": f"reconciled_{session['id']}_{kind.rsplit('.')[-1]}_{session['payment_status']}",
        "type": kind,
        "created": intent.get("created"),
        "livemode": session["livemode"],
        "data": {"object": session},
    }


def _apply_deferred() -> None:
    """Apply events that were deferred at the very moment when their payment arrived."""
    deferred = StripeEvent.objects.filter(deferred__isnull=False).exclude(payment_intent="")
    intents = deferred.values("payment_intent")
    # Unordered: a planner would look through the newest orders until it has so many.
    for order in Order.objects.filter(payment_intent__in=intents).order_by()[:BATCH]:
        with transaction.atomic():
            refunds.apply_deferred(order, order.payment_intent)
    unlinked = refunds.unlinked_payments(intents)
    for event in unlinked.order_by()[:BATCH]:
        if event.order:
            with transaction.atomic():
                refunds.flag_unlinked(event.order, event.payment_intent)


def _release_abandoned(report: ReconcileReport, before: datetime) -> None:
    """Release the stock of orders that never got a session, have outlived it, or were replaced."""
    is_over = Q(session_expires_at__lte=before)
    is_abandoned = Q(
        Q(session_id=None) | Q(superseded_at__isnull=False) | is_over,
        status=Order.Status.PENDING,
        attempt_at__lte=before,
    )
    holding = Order.objects.filter(
        is_abandoned, Exists(Reservation.objects.filter(order=OuterRef("pk")))
    )
    for order in holding.order_by()[:BATCH]:
        with transaction.atomic():
            # Its shopper may have come back since it was read.
            if order.lock(is_abandoned):
                order.release_stock()
                report.released += 1
