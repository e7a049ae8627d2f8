"""What a merchant has to know at once: it stands in red above every page of the desk."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils.timesince import timesince

from checkout import doctor, outbox
from checkout.models import Heartbeat, Message, Order, StripeEvent

# What was refused so long ago, or asked for, says nothing of today.
FRESH = timedelta(days=2)
# Stripe tells of a session that is over within minutes.
TELLS_WITHIN = timedelta(hours=1)


def alarms(now: datetime, *, sees_messages: bool) -> list[str]:
    found = [_about_debug(), about_webhook(now), _about_worker()]
    if sees_messages:
        found.append(_about_mails())
    return [words for words in found if words]


def ago(at: datetime, now: datetime) -> str:
    seconds = max(int((now - at).total_seconds()), 0)
    return f"{seconds} s ago" if seconds < 90 else f"{timesince(at, now, depth=1)} ago"


def _about_debug() -> str:
    if settings.DEBUG and (settings.STRIPE_LIVE_MODE or settings.IS_PUBLIC):
        return "DEBUG is on, so strangers see how the shop is made. Set DEBUG=false."
    return ""


def about_webhook(now: datetime) -> str:
    """Return why what Stripe tells does not arrive, if anything says so."""
    if settings.STRIPE_DEMO_MODE:
        return ""
    if not settings.STRIPE_WEBHOOK_SECRET:
        return (
            "STRIPE_WEBHOOK_SECRET is not set, so all that Stripe tells is refused. Set it to the "
            "signing secret of the shop’s endpoint at Stripe."
        )
    heard = StripeEvent.objects.newest_heard()
    since = max(heard.received_at if heard else now - FRESH, now - FRESH)
    if trip := doctor.failed_round_trip(since):
        return f"Stripe’s webhooks do not arrive. {trip.words} {trip.todo}".replace("`", "")
    return _about_refusals(now, since) or _about_silence(now, since)


def _about_refusals(now: datetime, since: datetime) -> str:
    refused = Heartbeat.objects.filter(name=Heartbeat.Name.REFUSED, at__gt=since).first()
    if not refused:
        return ""
    return (
        f"A webhook was refused {ago(refused.at, now)}, as {refused.note}, and none was taken "
        "since. If Stripe sent it, see whether STRIPE_WEBHOOK_SECRET is the signing secret of its "
        "endpoint."
    )


def _about_silence(now: datetime, since: datetime) -> str:
    asked_for = StripeEvent.objects.newest_asked_for()
    if asked_for and asked_for.received_at > since:
        return (
            "Stripe’s webhooks do not arrive: the worker had to ask for the last payment "
            f"{ago(asked_for.received_at, now)}. See at Stripe whether the endpoint is "
            "there, is enabled, and leads to this shop."
        )
    if waiting := _oldest_that_waits(now, since):
        return (
            f"Stripe is silent: order {waiting.reference}, placed {ago(waiting.created_at, now)}, "
            "still waits for its word. See at Stripe whether the endpoint is there, is "
            "enabled, and leads to this shop."
        )
    return ""


def _oldest_that_waits(now: datetime, since: datetime) -> Order | None:
    """Return an order of whose session Stripe should have told the end, paid or not."""
    latest = now - settings.CHECKOUT_LIFETIME - TELLS_WITHIN
    waiting = Order.objects.filter(status=Order.Status.PENDING, created_at__range=(since, latest))
    if settings.STRIPE_LIVE_MODE:  # Stripe tells the shop no more of the tests before
        waiting = waiting.filter(session_id__startswith="cs_live_")
    return waiting.filter(session_id__isnull=False).order_by("created_at").first()


def _about_worker() -> str:
    words = Heartbeat.about_worker()
    return words and (
        f"{words}: what Stripe could not deliver waits, and so does all that is to be told. "
        "See WORKER in docs/configuration.md."
    )


def _about_mails() -> str:
    if not outbox.has_a_way():
        return ""
    tried = Message.objects.waiting().filter(is_demo=False, tries__gt=0).order_by("due_at").first()
    return f"Mails are put off, and tried again: {tried.error}." if tried else ""
