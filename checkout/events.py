"""What a verified Stripe event does to an order. Nothing else changes a payment's state.

Events come at least once, in any order, in parallel, and two of them may state one fact. So
the order's row decides: a move is one conditional UPDATE, and a delivery that loses changes
nothing.
"""

from django.db import IntegrityError, transaction

from checkout import payments, reading, refunds
from checkout.models import StripeEvent
from checkout.reading import Json
from storefront.ops import logs
from storefront.ops.compiled_queries import CompiledInsert

Outcome = StripeEvent.Outcome
insert_event = CompiledInsert(StripeEvent)

# A handler applies its kind of event and returns the row to record, which is not saved yet.
HANDLERS = payments.HANDLERS | refunds.HANDLERS


class MalformedEvent(Exception):
    """Signed, but not the shape of an event."""


def receive(event: Json) -> Outcome:
    """Apply one verified event and record what came of it; a second delivery changes nothing.

    Raises MalformedEvent. Any other failure rolls back, so that Stripe sends the event again.
    """
    event_id, kind, thing = _envelope(event)
    logs.bind(event=event_id)
    try:
        with transaction.atomic():
            record = HANDLERS.get(kind, _ignore)(event, thing)
            record.event_id, record.type = event_id, kind
            record.created = reading.moment(event.get("created"))
            insert_event(record)
    except IntegrityError:
        # Another delivery of the same event was first, and its transaction did the work.
        if not StripeEvent.objects.filter(event_id=event_id).exists():
            raise
        return Outcome.NO_CHANGE
    return Outcome(record.outcome)


def _ignore(event: Json, thing: Json) -> StripeEvent:
    return StripeEvent(outcome=Outcome.IGNORED)


def _envelope(event: Json) -> tuple[str, str, Json]:
    thing = reading.mapping(event.get("data")).get("object")
    names = (event.get("id"), event.get("type"))
    event_id, kind = (reading.identifier(name) if isinstance(name, str) else "" for name in names)
    if not (event_id and kind and isinstance(thing, dict)):
        raise MalformedEvent("an event needs an id, a type and an object")
    return event_id, kind, thing
