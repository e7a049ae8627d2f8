"""Asks Stripe about what no webhook has brought, and applies it as the webhook does.

An event that could not be delivered is verified all the same, since Stripe itself lists it, and
so is its answer about a session. Safe at any time, twice at once, and with Stripe down.
"""

import logging
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils.module_loading import import_string

from checkout import events, fees, gateway, limits, outbox, reading, rebuilding, refunds, telling
from checkout.gateway import failures, reads
from checkout.models import Order, StripeEvent
from storefront.models import Reservation
from storefront.ops import logs
from storefront.ops.connections import is_outage

logger = logging.getLogger(__name__)

STRIPE_KEEPS_EVENTS_FOR = timedelta(days=30)
FAILED_INTENTS = ("requires_payment_method", "canceled")
# Each takes Stripe about a fifth of a second, and far longer when it is in trouble: what a run
# leaves, the next one asks about.
MAX_QUERIES_PER_RUN = 250
SECONDS_FOR_QUERIES = 40
BATCH = 1_000
# Orders that never got a session, or were replaced.
UNPAYABLE = Q(session_id=None) | Q(superseded_at__isnull=False)
# So far may this server's clock be from Stripe's.
MARGIN = timedelta(hours=1)
# What was delivered after a backup may have happened before it.
STRIPE_DELIVERS_FOR = timedelta(days=3)
A_DAY = timedelta(days=1)


@dataclass
class ReconcileReport:
    """What a run found and did."""

    brought_back: int = 0
    replayed: int = 0
    undelivered: int = 0
    waiting: int = 0
    applied: Counter[str] = field(default_factory=Counter)
    released: int = 0
    sent: int = 0
    unsure: int = 0
    fees: int = 0
    problem: str = ""
    is_demo: bool = False

    @property
    def is_complete(self) -> bool:
        return not (self.problem or self.applied["failed"])

    @property
    def has_news(self) -> bool:
        """Whether something was found or done; orders may wait for long."""
        done = self.replayed, self.undelivered, self.released, self.sent, self.unsure
        return bool(any(done) or self.applied or self.problem)

    def __str__(self) -> str:
        if self.is_demo:
            return f"Demo shop: Stripe is not asked; {self.sent} messages sent."
        moves = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self.applied.items()))
        words = [
            f"{self.brought_back} orders brought back" if self.brought_back else "",
            f"{self.replayed} events replayed" if self.replayed else "",
            f"{self.undelivered} undelivered events and {self.waiting} waiting orders looked at",
            moves or "nothing to change",
            f"stock of {self.released} orders given back" if self.released else "",
            f"{self.sent} messages sent" if self.sent else "",
            f"{self.unsure} messages may have been sent, or not: see the desk"
            if self.unsure
            else "",
            f"fees of {self.fees} payments noted" if self.fees else "",
            self.problem,
        ]
        return "; ".join(word for word in words if word) + "."


def reconcile(now: datetime, *, older_than: timedelta, sends: bool = True) -> ReconcileReport:
    """Fix what lost events and crashes left behind, and report what was done.

    Only orders that were placed `older_than` ago are asked about: the webhook comes first.
    A worker that `sends` no messages here does so at their own pace.
    """
    report = ReconcileReport()
    # First what needs no answer of Stripe's, since that may take long.
    _work_alone(report, now, now - older_than, sends=sends)
    until = time.monotonic() + SECONDS_FOR_QUERIES
    with _noting_failures(report):
        report.released += limits.return_hoarded(now, until)
    with _noting_failures(report):
        _replay_undelivered(report, now, until)
    with _noting_failures(report):
        _ask_about(orders_in_turn(now - older_than), report, now, until)
    with _noting_failures(report):
        _release_overdue(report, now - older_than, until)
    for name in settings.IN_EACH_ROUND:
        with _noting_failures(report):
            import_string(name)(report, now, until)
    report.fees = fees.fetch(now)
    _work_alone(report, now, now - older_than, sends=sends)
    return report


def recover(now: datetime, since: datetime) -> ReconcileReport:
    """Bring the books of a restored backup, saved at `since`, up to what Stripe knows.

    Stripe keeps events for 30 days. Of older times it still tells which sessions were completed
    and what went back; what it doesn't is the way there, such as a debit that failed.
    """
    report, since = ReconcileReport(), since - MARGIN
    with telling.recovering(), _noting_failures(report):
        rebuilt = rebuilding.rebuild(since)
        report.brought_back = len(rebuilt)
        _replay(report, max(since - STRIPE_DELIVERS_FOR, now - STRIPE_KEEPS_EVENTS_FOR), now)
        _ask_about(Order.objects.awaiting_stripe().only("session_id"), report, now)
        if since < now - STRIPE_KEEPS_EVENTS_FOR:
            _apply_what_went_back(report, since)
        rebuilding.reserve(rebuilt)
        _release_overdue(report, now)
    _work_alone(report, now, now)
    return report


def _work_alone(
    report: ReconcileReport, now: datetime, before: datetime, *, sends: bool = True
) -> None:
    _apply_deferred()
    _release_abandoned(report, before)
    if sends:
        report.sent += outbox.send_due(now)
    report.unsure = outbox.unsure(now)


@contextmanager
def _noting_failures(report: ReconcileReport) -> Iterator[None]:
    """Let the next step have its turn: Stripe may answer again by then."""
    try:
        with noting_refusals(report):
            yield
    except failures.StripeDown as failure:
        report.problem = f"Stripe did not answer ({failure}), so the next run goes on"


@contextmanager
def noting_refusals(report: ReconcileReport) -> Iterator[None]:
    """Let the next request have its turn: a key may be allowed one kind and not another."""
    try:
        yield
    except failures.StripeRefused as refusal:
        report.problem = f"Stripe refused a question ({refusal}); see what the key may read"


def _replay_undelivered(report: ReconcileReport, now: datetime, until: float) -> None:
    """Apply what never arrived, oldest first; the next run goes on where this one leaves off."""
    unknown: deque[dict[str, Any]] = deque(maxlen=BATCH)
    for page in reads.undelivered_events(events.HANDLERS, now - STRIPE_KEEPS_EVENTS_FOR):
        unknown.extend(_unknown(page))
        if time.monotonic() > until:
            break
    for event in reversed(unknown):
        report.undelivered += 1
        if receive(report, event):
            row = StripeEvent.objects.filter(event_id=event["id"])
            row.update(note=Concat("note", Value(StripeEvent.ASKED_FOR)))


def _replay(report: ReconcileReport, since: datetime, now: datetime) -> None:
    """Apply everything that has happened since, oldest first.

    It goes day by day, for Stripe lists the newest first.
    """
    while since <= now:
        end = since + A_DAY
        times = reads.between(since, end if end <= now else None)
        pages = reads.pages_of("events", types=list(events.HANDLERS), created=times)
        for event in reversed([event for page in pages for event in _unknown(page)]):
            report.replayed += 1
            receive(report, event)
        since = end


def _unknown(page: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those of the events that were not received yet; a probe's is to come by itself."""
    ids = [event["id"] for event in page]
    known = {*StripeEvent.objects.filter(event_id__in=ids).values_list("event_id", flat=True)}
    unknown = (event for event in page if event["id"] not in known)
    return [event for event in unknown if not reading.probe_note(event["data"]["object"])]


def _apply_what_went_back(report: ReconcileReport, since: datetime) -> None:
    """Apply refunds and disputes as they stand now, for their events may be too old."""
    kinds = {"refunds": "refund.updated", "disputes": "charge.dispute.updated"}
    for things, kind in kinds.items():
        for page in reads.pages_of(things, created=reads.between(since)):
            for thing in page:
                receive(report, event_now(kind, thing))


def event_now(kind: str, thing: dict[str, Any]) -> dict[str, Any]:
    """Return an event that says what Stripe itself lists."""
    return {
        "id": f"reconciled_{thing['id']}_{thing['status']}",
        "type": kind,
        "created": thing["created"],
        "data": {"object": thing},
    }


def _ask_about(
    orders: Iterable[Order], report: ReconcileReport, now: datetime, until: float = inf
) -> None:
    for order in orders:
        if time.monotonic() > until:
            break
        report.waiting += 1
        with noting_refusals(report):
            session = gateway.session_now(str(order.session_id))
            kind = _event_type_for(session) if session else ""
            # An order that was asked about may be purged, so not before the answer is applied.
            if not (session and kind) or receive(report, _event(kind, session)):
                Order.objects.filter(pk=order.pk).update(asked_at=now)


def orders_in_turn(before: datetime) -> QuerySet[Order]:
    """Return the orders to ask about: first those that were never asked about, then the oldest."""
    waiting = Order.objects.awaiting_stripe().filter(created_at__lte=before).only("session_id")
    return waiting.order_by(F("asked_at").asc(nulls_first=True), "pk")[:MAX_QUERIES_PER_RUN]


def receive(report: ReconcileReport, event: dict[str, Any]) -> bool:
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
    """Release the stock of orders that nobody can pay."""
    is_abandoned = UNPAYABLE & Q(status=Order.Status.PENDING, attempt_at__lte=before)
    for order in _holding_stock(is_abandoned):
        _release(report, order, is_abandoned)


def _release_overdue(report: ReconcileReport, before: datetime, until: float = inf) -> None:
    """Release the stock of orders whose session is over, once Stripe has closed it as well.

    It may have been paid; or our clock is ahead of Stripe's, and it may still be.
    """
    is_over = Q(status=Order.Status.PENDING, session_expires_at__lte=before)
    for order in _holding_stock(is_over):
        if time.monotonic() > until:
            break
        with noting_refusals(report):
            if gateway.close_session(str(order.session_id)):
                _release(report, order, is_over)


def _holding_stock(is_abandoned: Q) -> QuerySet[Order]:
    reserved = Reservation.objects.filter(order=OuterRef("pk"))
    return Order.objects.filter(is_abandoned, Exists(reserved)).order_by()[:BATCH]


@transaction.atomic
def _release(report: ReconcileReport, order: Order, is_abandoned: Q) -> None:
    # Its shopper may have come back since it was read.
    if order.lock(is_abandoned):
        order.release_stock()
        report.released += 1
