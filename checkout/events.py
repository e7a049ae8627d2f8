"""What a verified Stripe event does to an order. Nothing else changes a payment's state.

Events come at least once, in any order, in parallel, and two of them may tell one fact. So
the order's row decides: a move is one conditional UPDATE, and whoever loses changes nothing.
"""

from django.db import IntegrityError, transaction

from checkout import payments, reading, refunds
from checkout.event_result import EventResult, Outcome
from checkout.models import StripeEvent
from checkout.reading import Json
from storefront.ops import logs

HANDLERS = payments.HANDLERS | refunds.HANDLERS


class MalformedEvent(Exception):
    """Signed, but not the shape of an event."""


def receive(event: Json) -> Outcome:
    """Apply one verified event and record what came of it; a second delivery changes nothing.

    Raises MalformedEvent. Whatever else goes wrong rolls back, so that Stripe sends again.
    """
    event_id, kind, thing = _envelope(event)
    logs.bind(event=event_id)
    try:
        with transaction.atomic():
            result = HANDLERS.get(kind, _ignore)(event, thing)
            StripeEvent.objects.create(
                event_id=event_id,
                type=kind,
                order=result.order,
                outcome=result.outcome,
                note=result.note,
                payment_intent=result.payment_intent,
                parked=result.parked,
                follow_up=result.follow_up,
                created=reading.moment(event.get("created")),
            )
    except IntegrityError:
        # Another delivery of the same event was first, and its transaction did the work.
        if not StripeEvent.objects.filter(event_id=event_id).exists():
            raise
        return Outcome.NO_CHANGE
    return result.outcome


def _ignore(event: Json, thing: Json) -> EventResult:
    return EventResult(Outcome.IGNORED)


def _envelope(event: Json) -> tuple[str, str, Json]:
    thing = reading.mapping(event.get("data")).get("object")
    names = (event.get("id"), event.get("type"))
    event_id, kind = (reading.identifier(name) if isinstance(name, str) else "" for name in names)
    if not (event_id and kind and isinstance(thing, dict)):
        raise MalformedEvent("an event needs an id, a type and an object")
    return event_id, kind, thing
