"""What happened with an order, in words: what Stripe said, what was sent and who did what."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from django.contrib.admin.models import LogEntry
from django.utils.safestring import SafeString

from checkout.admin import message_actions
from checkout.models import Message, Order, StripeEvent
from merchant.models import Parcel
from merchant.permissions import SEE_EVENTS, SEE_MESSAGES, SEE_MONEY
from storefront.money import format_money

# Of each kind; an order has a handful.
MOST = 100
NOTED = "Changed the note."

Outcome = StripeEvent.Outcome
EVENTS = {
    "checkout.session.completed": "The shopper finished paying at Stripe",
    "checkout.session.async_payment_succeeded": "The bank paid",
    "checkout.session.async_payment_failed": "The bank did not pay",
    "checkout.session.expired": "The time to pay ran out",
    "charge.refunded": "Money went back",
    "refund.created": "A refund began",
    "refund.updated": "News of a refund",
    "charge.refund.updated": "News of a refund",
    "refund.failed": "A refund failed",
    "charge.dispute.created": "The customer’s bank disputes the payment",
    "charge.dispute.updated": "News of the dispute",
    "charge.dispute.closed": "The dispute is over",
}
CAME_TO = {
    Outcome.REVIEW: "it needs a look",
    Outcome.NO_CHANGE: "which was known already",
}


@dataclass(frozen=True)
class Moment:
    at: datetime
    words: str
    more: str = ""
    event: StripeEvent | None = None
    actions: SafeString | str = ""


def timeline(order: Order, may: Callable[[str], bool]) -> list[Moment]:
    """Return what the visitor `may` see of what happened, the newest first."""
    parts = (
        (SEE_EVENTS, _events),
        (SEE_MONEY, _refunds),
        (SEE_MONEY, _asked),
        (SEE_MESSAGES, _messages),
    )
    told = chain(
        _parcels(order),
        _deeds(order),
        *(tell(order) for permission, tell in parts if may(permission)),
    )
    newest = sorted(told, key=lambda moment: moment.at, reverse=True)
    # Stripe's clock is another one, and has whole seconds: nothing was before the order.
    return [*newest, Moment(order.created_at, "Ordered")]


def _events(order: Order) -> Iterator[Moment]:
    for event in order.events.order_by("-id")[:MOST]:
        at = event.created or event.received_at
        words = EVENTS.get(event.type, event.type)
        if event.type == "checkout.session.completed" and at == order.paid_at:
            words = "Paid in the demo" if order.is_demo else "Paid through Stripe"
        came_to = CAME_TO.get(Outcome(event.outcome), "")
        yield Moment(at, f"{words}, {came_to}" if came_to else words, event.note, event)


def _refunds(order: Order) -> Iterator[Moment]:
    for refund in order.refunds.order_by("-id")[:MOST]:
        amount = format_money(refund.amount_cents, order.currency)
        yield Moment(refund.made_at, f"{amount} refunded", refund.refund_id)
        if refund.failed_at:
            yield Moment(refund.failed_at, f"The refund of {amount} failed", refund.refund_id)


def _asked(order: Order) -> Iterator[Moment]:
    for asked in order.refund_requests.select_related("asked_by").order_by("-asked_at")[:MOST]:
        asked.order = order
        who = f"{asked.asked_by}: " if asked.asked_by else ""
        words = f"{who}Refund of {asked.amount}, {asked.state}"
        yield Moment(asked.asked_at, words, asked.error or asked.note)


def _messages(order: Order) -> Iterator[Moment]:
    for message in order.messages.order_by("-id")[:MOST]:
        message.order = order
        to = f" to {message.to}" if message.to else ""
        words = f"Mail{to}: {message.get_kind_display()} ({Message.State(message.state).label})"
        at = message.sent_at or message.created_at
        yield Moment(at, words, message.error, actions=message_actions(message))


def _parcels(order: Order) -> Iterator[Moment]:
    for parcel in Parcel.objects.filter(order=order)[:MOST]:
        yield Moment(parcel.shipped_at, f"Shipped: {parcel}")


def _deeds(order: Order) -> Iterator[Moment]:
    """What was done at the desk; the newest word of the note stands with it."""
    # No two things share such an id, and the index is of it alone.
    deeds = LogEntry.objects.filter(object_id=str(order.pk))
    note = order.note
    for deed in deeds.prefetch_related("user").order_by("-action_time")[:MOST]:
        words = deed.get_change_message()
        yield Moment(deed.action_time, f"{deed.user}: {words}", note if words == NOTED else "")
        note = "" if words == NOTED else note
