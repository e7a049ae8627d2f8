"""What a verified Stripe event does to an order. Nothing else changes a payment's state.

Events come at least once, in any order, in parallel, and two of them may tell one fact. So
the order's row decides: a move is one conditional UPDATE, and whoever loses changes nothing.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from checkout.models import Order, StripeEvent

logger = logging.getLogger("checkout.events")

Json = Mapping[str, Any]
Status = Order.Status
Outcome = StripeEvent.Outcome
IDENTIFIER = re.compile(r"[\w.\-]{1,255}", re.ASCII)


class MalformedEvent(Exception):
    """Signed, but not the shape of an event."""


class Fact(StrEnum):
    """What an event about a Checkout Session says."""

    PAID = "paid"
    AWAITED = "completed, not yet paid"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Move:
    target: Status
    sources: tuple[Status, ...]


# Late or reordered news never takes a payment back, and late money is still money.
MOVES = {
    Fact.PAID: Move(
        Status.PAID, (Status.PENDING, Status.PROCESSING, Status.FAILED, Status.EXPIRED)
    ),
    Fact.AWAITED: Move(Status.PROCESSING, (Status.PENDING, Status.EXPIRED)),
    Fact.FAILED: Move(Status.FAILED, (Status.PENDING, Status.PROCESSING)),
    Fact.EXPIRED: Move(Status.EXPIRED, (Status.PENDING,)),
}
# Money that doesn't fit brings an unpaid order here; a paid one stays paid and is flagged.
UNPAID = MOVES[Fact.PAID].sources


@dataclass(frozen=True)
class Verdict:
    """What came of an event: recorded with it, in the same transaction."""

    outcome: Outcome
    order: Order | None = None
    note: str = ""


def receive(event: Json) -> Outcome:
    """Apply one verified event and record what came of it; a second delivery changes nothing.

    Raises MalformedEvent. Whatever else goes wrong rolls back, so that Stripe sends again.
    """
    event_id, kind, thing = _envelope(event)
    try:
        with transaction.atomic():
            verdict = HANDLERS.get(kind, _ignore)(event, thing)
            StripeEvent.objects.create(
                event_id=event_id,
                type=kind,
                order=verdict.order,
                outcome=verdict.outcome,
                note=verdict.note,
                created=_moment(event.get("created")),
            )
    except IntegrityError:
        # Another delivery of the same event was first, and its transaction did the work.
        if not StripeEvent.objects.filter(event_id=event_id).exists():
            raise
        return Outcome.NO_CHANGE
    return verdict.outcome


def _ignore(event: Json, thing: Json) -> Verdict:
    return Verdict(Outcome.IGNORED)


def _completed(event: Json, session: Json) -> Verdict:
    # An unknown payment status is not paid: Stripe may add words to the list.
    is_paid = session.get("payment_status") in ("paid", "no_payment_required")
    return _tell(event, session, Fact.PAID if is_paid else Fact.AWAITED)


def _failed(event: Json, session: Json) -> Verdict:
    return _tell(event, session, Fact.FAILED)


def _expired(event: Json, session: Json) -> Verdict:
    return _tell(event, session, Fact.EXPIRED)


HANDLERS = {
    "checkout.session.completed": _completed,
    "checkout.session.async_payment_succeeded": _completed,
    "checkout.session.async_payment_failed": _failed,
    "checkout.session.expired": _expired,
}


def _tell(event: Json, session: Json, fact: Fact) -> Verdict:
    """Bring one fact about a session to the order that it belongs to."""
    order, verdict = _order_of(session)
    if order is None:
        return verdict
    misfit = _misfit(order, event, session)
    if fact is Fact.PAID:
        return _review(order, session, misfit) if misfit else _pay(order, event, session)
    won = not misfit and _move(order, session, fact)
    return Verdict(Outcome.APPLIED if won else Outcome.NO_CHANGE, order, misfit)


def _move(order: Order, session: Json, fact: Fact, **changes: Any) -> bool:
    """Make the move that the fact calls for. True for the one delivery that wins."""
    move = MOVES[fact]
    # The read spares a statement; the WHERE of the UPDATE is what decides.
    return order.status in move.sources and order.move(
        move.target, sources=move.sources, session_id=session["id"], **changes
    )


def _pay(order: Order, event: Json, session: Json) -> Verdict:
    won = _move(
        order,
        session,
        Fact.PAID,
        paid_at=_moment(event.get("created")) or timezone.now(),
        payment_intent=_reference(session.get("payment_intent")),
        email=_email(session),
    )
    if won:
        order.take_out_of_cart(order.lines_in_cart)
        return Verdict(Outcome.APPLIED, order)
    if order.status in UNPAID:  # when it was read: another delivery was quicker
        order.refresh_from_db(fields=["status", "session_id"])
    if order.session_id != session["id"]:
        return _review(order, session, "another Checkout Session is the order's own")
    if order.status == Status.REVIEW:
        return _review(order, session, "the order was under review already")
    return Verdict(Outcome.NO_CHANGE, order)


def _review(order: Order, session: Json, misfit: str) -> Verdict:
    """Money that doesn't fit is never dropped: the merchant sees it and decides."""
    reason = f"Money arrived in {session['id']}, but {misfit}."
    order.flag(reason, review=UNPAID)
    logger.error("Order %s needs a look: %s", order.pk, reason)
    return Verdict(Outcome.REVIEW, order, reason)


def _order_of(session: Json) -> tuple[Order | None, Verdict]:
    """Find the order by the session; by our reference only if no order has the session.

    `client_reference_id` identifies nothing: on a Payment Link the customer writes it.
    """
    session_id = session.get("id")
    if not isinstance(session_id, str) or not IDENTIFIER.fullmatch(session_id):
        return None, Verdict(Outcome.IGNORED, note="A session without a readable id.")
    named = _uuid(_dict(session.get("metadata")).get("order_id"))
    orders = Order.objects.with_lines_in_cart()
    found = list(orders.filter(Q(session_id=session_id) | Q(pk=named)))
    for order in sorted(found, key=lambda order: order.session_id != session_id):
        return order, Verdict(Outcome.NO_CHANGE, order)
    if named is None:
        return None, Verdict(Outcome.IGNORED)
    logger.error("Session %s names order %s, which is not here.", session_id, named)
    return None, Verdict(Outcome.UNMATCHED, note=f"It names order {named}.")


def _misfit(order: Order, event: Json, session: Json) -> str:
    """Say what about the session contradicts the order; nothing if it fits."""
    amount, currency = session.get("amount_total"), session.get("currency")
    mine = (None, str(order.pk))
    stray = order.session_id not in (None, session["id"])
    intent = _reference(session.get("payment_intent"))
    complaints = {
        "another Checkout Session is the order's own": stray,
        f"the amount is not {order.total_cents}": type(amount) is not int
        or amount != order.total_cents,
        f"the currency is not {order.currency}": not isinstance(currency, str)
        or currency.lower() != order.currency,
        "it is of the other mode, test or live": any(
            json.get("livemode") not in (None, settings.STRIPE_LIVE_MODE)
            for json in (event, session)
        ),
        "it is not a one-time payment": session.get("mode") not in (None, "payment"),
        "its client_reference_id is another": session.get("client_reference_id") not in mine,
        "its metadata names another order": _dict(session.get("metadata")).get("order_id")
        not in mine,
        "its PaymentIntent is another": bool(order.payment_intent and intent)
        and intent != order.payment_intent,
    }
    return next((complaint for complaint, is_true in complaints.items() if is_true), "")


def _envelope(event: Json) -> tuple[str, str, Json]:
    event_id, kind = event.get("id"), event.get("type")
    thing = _dict(event.get("data")).get("object")
    if not (isinstance(event_id, str) and IDENTIFIER.fullmatch(event_id)):
        raise MalformedEvent("an event needs an id")
    if not (isinstance(kind, str) and IDENTIFIER.fullmatch(kind)):
        raise MalformedEvent("an event needs a type")
    if not isinstance(thing, dict):
        raise MalformedEvent("an event needs an object")
    return event_id, kind, thing


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _reference(value: object) -> str:
    """Return the id of another object, which older versions and expansion send whole."""
    value = _dict(value).get("id", value)
    return value if isinstance(value, str) and IDENTIFIER.fullmatch(value) else ""


def _email(session: Json) -> str:
    details = _dict(session.get("customer_details"))
    email = details.get("email") or session.get("customer_email")
    if not isinstance(email, str) or len(email) > 254 or not email.isprintable():
        return ""
    return email


def _moment(seconds: object) -> datetime | None:
    if type(seconds) is not int or not 0 < seconds < 2**32:
        return None
    return datetime.fromtimestamp(seconds, tz=UTC)
