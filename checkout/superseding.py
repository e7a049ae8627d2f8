"""One shopper has one checkout: a new one closes the session of an earlier cart."""

from datetime import datetime
from uuid import UUID

from checkout.gateway import failures
from checkout.models import Order
from checkout.provider import stripe
from checkout.requested import EarlierPayment


def close_other_sessions(shopper: UUID, fingerprint: str, now: datetime) -> None:
    """Close what an earlier cart opened. Raises EarlierPayment if that is being paid."""
    for order in Order.objects.for_shopper(shopper).open():
        is_same = order.fingerprint == fingerprint
        if is_same and (order.session_id is None or _is_open(order, now)):
            continue
        _close(order, now)


def close_those_beside(order: Order, now: datetime) -> None:
    """Close what another tab has ordered at the same moment. Raises EarlierPayment."""
    for other in Order.objects.for_shopper(order.shopper).open().exclude(pk=order.pk):
        _close(other, now)


def _close(order: Order, now: datetime) -> None:
    # An expired session is asked about too: it may have been paid, and the event lost.
    if order.session_id and not stripe().close_session(order.session_id):
        raise EarlierPayment(
            f"Your order {order.reference} is being paid: we are waiting for Stripe's "
            "confirmation. You don't need to pay again."
        )
    if not order.supersede(now):
        order.refresh_from_db(fields=["session_id", "superseded_at"])
        if order.superseded_at is None:
            _close(order, now)  # its own click was just given a session


def _is_open(order: Order, now: datetime) -> bool:
    """Whether its session takes money, by Stripe's word: the event that ended it may be lost."""
    if not order.can_be_paid_at(now):
        return False
    try:
        session = stripe().session_now(str(order.session_id))
    except failures.StripeFailed:
        return True  # as far as we know
    return session is not None and session["status"] == "open"
