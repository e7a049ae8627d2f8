"""Money that doesn't fit its order is never dropped: the merchant sees it and decides."""

import logging

from django.conf import settings

from checkout import lifecycle, offers, reading, refunds
from checkout.lifecycle import UNPAID, Fact
from checkout.models import Order, StripeEvent
from checkout.reading import Json

logger = logging.getLogger(__name__)

ANOTHER_SESSION = "another Checkout Session is the order's own"


def mismatch(order: Order, event: Json, session: Json) -> str:
    """Return what about the session contradicts the order, or nothing if it fits."""
    misfit, currency = offers.misfit(order, session), session.get("currency")
    mine = (None, str(order.pk))
    intent = reading.intent(session)
    complaints = {
        ANOTHER_SESSION: order.session_id not in (None, session["id"]),
        misfit: misfit != "",
        f"the currency is not {order.currency}": not isinstance(currency, str)
        or currency.lower() != order.currency,
        "it is of the other mode, test or live": any(
            json.get("livemode") not in (None, settings.STRIPE_LIVE_MODE)
            for json in (event, session)
        ),
        "it is not a one-time payment": session.get("mode") not in (None, "payment"),
        "its client_reference_id is another": session.get("client_reference_id") not in mine,
        "its metadata names another order": reading.mapping(session.get("metadata")).get("order_id")
        not in mine,
        "its PaymentIntent is another": bool(order.payment_intent and intent)
        and intent != order.payment_intent,
    }
    return next((complaint for complaint, is_true in complaints.items() if is_true), "")


def hold(order: Order, event: Json, session: Json, mismatch: str) -> StripeEvent:
    """Bring an unpaid order to REVIEW, or flag a paid one, and say why."""
    reason = f"Money arrived in {session['id']}, but {mismatch}."
    intent, money = reading.intent(session), reading.payment(event, session)
    own = order.session_id
    if own not in (None, session["id"]):
        # The order's own session may still bring its own payment.
        money = {"paid_at": money["paid_at"]}
    lifecycle.apply(Fact.MISMATCH, order, own or session["id"], **money)
    _flag(order, reason)
    if order.has_deferred_events and not _is_own_payment(order, intent):
        refunds.flag_unlinked(order, intent)
    return StripeEvent(
        outcome=StripeEvent.Outcome.REVIEW, order=order, note=reason, payment_intent=intent
    )


def look_at(order: Order, session: Json) -> None:
    """Say what the merchant should look at before a paid order is shipped; its money fits."""
    if (offer := order.offer) is None:
        return
    address = reading.contact(session).get("ship_to") or order.ship_to or {}
    is_delivered = bool(order.country and offer.get("shipping"))
    is_taxed = (offer.get("tax") or "off") != "off"
    tax = reading.mapping(session.get("automatic_tax"))
    doubts = {
        "It was paid without a whole address: ask where to send it.": is_delivered
        and not (address.get("line1") and address.get("country")),
        f"Delivery was offered to {order.country}, and the address is in another country.": (
            is_delivered and address.get("country") not in (None, order.country)
        ),
        "Stripe did not work out the tax: look up its payment.": is_taxed
        and tax.get("status", "complete") != "complete",
    }
    for doubt in filter(doubts.get, doubts):
        _flag(order, doubt)


def paid_late(order: Order, session: Json) -> StripeEvent:
    """Say that the goods of this order were gone when it was paid."""
    reason = f"Paid late in {session['id']}, when the goods were gone: refund or restock."
    _flag(order, reason)
    return StripeEvent(
        outcome=StripeEvent.Outcome.REVIEW,
        order=order,
        note="The goods are gone.",
        payment_intent=reading.intent(session),
    )


def paid_before(order: Order, event: Json, session: Json) -> StripeEvent:
    """The order took money already, or is under review: is this the same money once more?"""
    intent = reading.intent(session)
    if order.status in UNPAID:  # when it was read: another delivery was quicker
        order.refresh_from_db(fields=["status", "session_id", "payment_intent"])
    if order.session_id != session["id"]:
        return hold(order, event, session, ANOTHER_SESSION)
    if order.status == Order.Status.REVIEW and order.payment_intent != intent:
        rows = Order.objects.filter(pk=order.pk, payment_intent="")
        rows.update(**reading.payment(event, session))
        return hold(order, event, session, "the order was under review already")
    order.add_contact(session["id"], reading.contact(session))
    return StripeEvent(outcome=StripeEvent.Outcome.NO_CHANGE, order=order, payment_intent=intent)


def _flag(order: Order, reason: str) -> None:
    order.flag(reason)
    logger.error("Order %s needs a look: %s", order.pk, reason)


def _is_own_payment(order: Order, intent: str) -> bool:
    """Whether the payment is the order's own by now; `order` was read before."""
    return Order.objects.filter(pk=order.pk, payment_intent=intent).exists()
