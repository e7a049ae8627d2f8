"""Asks Stripe about what we have not been told, and brings it through the webhook's function.

An event that could not be delivered is Stripe's own word all the same, and so is its answer
about a session. Safe at any time, twice at once, and with Stripe down.
"""

import logging
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from checkout import events, gateway, outbox, reading, refunds
from checkout.models import Order, StripeEvent
from storefront.models import Reservation
from storefront.ops import logs

logger = logging.getLogger("checkout.reconciling")

STRIPE_KEEPS_EVENTS_FOR = timedelta(days=30)
FAILED_INTENTS = ("requires_payment_method", "canceled")
# A question takes Stripe about a fifth of a second: what a run leaves, the next one asks about.
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
    unsure: int = 0
    trouble: str = ""
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
            f"{self.unsure} follow-ups begun and not finished: see the events"
            if self.unsure
            else "",
            self.trouble,
        ]
        return "; ".join(word for word in words if word) + "."


def reconcile(now: datetime, *, older_than: timedelta) -> ReconcileReport:
    """Mend what lost messages and crashes left behind, and say what was done.

    Only orders that were placed `older_than` ago are asked about: the webhook comes first.
    """
    report = ReconcileReport()
    with _telling_of_trouble(report):
        _replay_undelivered(report, now)
    with _telling_of_trouble(report):
        _ask_about_waiting(report, now, now - older_than)
    _apply_deferred()
    _release_abandoned(report, now - older_than)
    report.followed_up, report.unsure = outbox.send_due(now), outbox.unsure(now)
    return report


@contextmanager
def _telling_of_trouble(report: ReconcileReport) -> Iterator[None]:
    """Let the next step have its turn: Stripe may be there again by then."""
    try:
        with _telling_of_refusal(report):
            yield
    except gateway.StripeDown as failure:
        report.trouble = f"Stripe did not answer ({failure}), so the next run goes on"


@contextmanager
def _telling_of_refusal(report: ReconcileReport) -> Iterator[None]:
    """Let the other questions have their turn: a key may be allowed one and not the next."""
    try:
        yield
    except gateway.StripeRefused as refusal:
        report.trouble = f"Stripe refused a question ({refusal}); see what the key may read"


def _replay_undelivered(report: ReconcileReport, now: datetime) -> None:
    """Apply what never arrived, oldest first; the next run goes on where this one leaves off."""
    unheard: deque[dict[str, Any]] = deque(maxlen=BATCH)
    for page in gateway.undelivered_events(events.HANDLERS, now - STRIPE_KEEPS_EVENTS_FOR):
        ids = [event["id"] for event in page]
        heard = {*StripeEvent.objects.filter(event_id__in=ids).values_list("event_id", flat=True)}
        unheard.extend(event for event in page if event["id"] not in heard)
    for event in reversed(unheard):
        report.undelivered += 1
        _receive(report, event)


def _ask_about_waiting(report: ReconcileReport, now: datetime, before: datetime) -> None:
    for order in in_turn(before):
        report.waiting += 1
        with _telling_of_refusal(report):
            session = gateway.session_now(str(order.session_id))
            news = _event_type_for(session) if session else None
            # Whoever counts as asked about may be forgotten, so not before the answer is taken.
            if not (session and news) or _receive(report, _event(news, session)):
                Order.objects.filter(pk=order.pk).update(asked_at=now)


def in_turn(before: datetime) -> QuerySet[Order]:
    """Those first that nobody has asked about yet, or not for the longest time."""
    waiting = Order.objects.awaiting_stripe().filter(created_at__lte=before).only("session_id")
    return waiting.order_by(F("asked_at").asc(nulls_first=True))[:MAX_QUERIES_PER_RUN]


def _receive(report: ReconcileReport, event: dict[str, Any]) -> bool:
    """Apply the event, and count what came of it. False if the shop failed on it."""
    try:
        with logs.log_context():
            outcome = events.receive(event)
    except events.MalformedEvent:
        return True
    except (InterfaceError, OperationalError):
        raise
    except Exception:
        # One that the shop can't take keeps none of the others waiting.
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
    """Dress the session as the event that was lost; the same answer makes the same event."""
    intent = reading.mapping(session.get("payment_intent"))
    return {
        "id": f"reconciled_{session['id']}_{kind.rsplit('.')[-1]}_{session['payment_status']}",
        "type": kind,
        "created": intent.get("created"),
        "livemode": session["livemode"],
        "data": {"object": session},
    }


def _apply_deferred() -> None:
    """A refund and its payment, received at the same moment, may not have seen each other."""
    parked = StripeEvent.objects.filter(parked__isnull=False).exclude(payment_intent="")
    intents = parked.values("payment_intent")
    # In no order: a planner would look through the newest orders until it has so many.
    for order in Order.objects.filter(payment_intent__in=intents).order_by()[:BATCH]:
        with transaction.atomic():
            refunds.apply_deferred(order, order.payment_intent)
    beside = refunds.unlinked_payments(intents)
    for event in beside.order_by()[:BATCH]:
        if event.order:
            with transaction.atomic():
                refunds.flag_unlinked(event.order, event.payment_intent)


def _release_abandoned(report: ReconcileReport, before: datetime) -> None:
    """Stock of orders that never got a session, have outlived it, or were replaced."""
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
