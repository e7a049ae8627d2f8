"""How the shop stands: what its own tables say, and what Stripe said when it was asked last.

`manage.py doctor` asks Stripe at once. The desk's page asks nobody: its button leaves a wish,
and the worker, or the next run of cron, looks and keeps what it found. It looks once a day by
itself as well. One UPDATE decides who does: if that one dies, the merchant wishes again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from checkout import outbox
from checkout.doctor import at_home, at_stripe, round_trip
from checkout.doctor.findings import Finding, State, fine, store, stored, unknown, wrong
from checkout.models import Heartbeat

__all__ = [
    "Finding",
    "State",
    "ask_stripe",
    "failed_round_trip",
    "grant_wishes",
    "known",
    "try_mail",
    "wish",
    "wished",
]

Name = Heartbeat.Name
BEGUN = "begun"
A_DAY = timedelta(days=1)
NOT_ASKED = "Stripe was not asked yet"
IN_DEMO = "In the demo there is no Stripe to ask"
TEST_MAIL = "Test mail"


def known(now: datetime) -> list[Finding]:
    """Return all that is known without asking anybody, Stripe's word with its time."""
    first, *others = at_home.look(now)
    return [first, *said_by_stripe(), *others, *stored(Name.TEST_MAIL)]


def said_by_stripe() -> list[Finding]:
    """Return what Stripe said when it was asked last; in the demo, what it would be asked."""
    why_not = IN_DEMO if settings.STRIPE_DEMO_MODE else NOT_ASKED
    nothing = [unknown(title, f"{why_not}: {it}.") for title, it in at_stripe.LOOKS_AT.items()]
    return nothing if settings.STRIPE_DEMO_MODE else stored(Name.AT_STRIPE) or nothing


def failed_round_trip(since: datetime) -> Finding | None:
    """Return what the last round trip found to be wrong, unless that is older."""
    found = (f for f in stored(Name.AT_STRIPE) if f.title == round_trip.ARRIVING and f.is_wrong)
    return next((finding for finding in found if finding.at and finding.at > since), None)


def ask_stripe() -> list[Finding]:
    """Ask Stripe now, and keep what it says; in the demo there is nobody to ask."""
    if settings.STRIPE_DEMO_MODE:
        return said_by_stripe()
    now = timezone.now()
    found = at_stripe.examine(now)
    store(Name.AT_STRIPE, found, now)
    return found


def try_mail() -> Finding:
    """Send a mail to the merchant now, and keep what came of it."""
    found = _try_mail()
    store(Name.TEST_MAIL, [found], timezone.now())
    return found


def _try_mail() -> Finding:
    to = settings.MERCHANT_MAIL
    if not to:
        return wrong(TEST_MAIL, "There is nobody to send it to.", "Set MERCHANT_MAIL.")
    if not outbox.has_a_way():
        return wrong(TEST_MAIL, "There is no way to send it.", "Set MAIL_URL.")
    if problem := outbox.send_test(to):
        return wrong(TEST_MAIL, f"It could not be sent to {to}: {problem}.", "Look at MAIL_URL.")
    words = f"It was handed over for {to}."
    return fine(TEST_MAIL, words, "If it does not arrive, look at SPF and DKIM of the domain.")


def wish(name: Heartbeat.Name) -> None:
    """Have the worker look soon: `STRIPE_WISHED` or `MAIL_WISHED`."""
    Heartbeat.beat(name)


def wished(name: Heartbeat.Name) -> datetime | None:
    """Return since when it is wished and not done yet."""
    return Heartbeat.last(name)


def grant_wishes() -> None:
    """Do what is wished, unless another process is at it; ask Stripe once a day unasked."""
    _grant(Name.STRIPE_WISHED, ask_stripe)
    _grant(Name.MAIL_WISHED, try_mail)
    if not settings.STRIPE_DEMO_MODE and Heartbeat.claim(Name.DOCTOR, timezone.now(), A_DAY):
        ask_stripe()


def _grant(name: Heartbeat.Name, do: Callable[[], Any]) -> None:
    wishes = Heartbeat.objects.filter(name=name)
    if not wishes.filter(note="").exists() or not wishes.filter(note="").update(note=BEGUN):
        return
    try:
        do()
    finally:
        # What is wished meanwhile is done once more.
        wishes.filter(note=BEGUN).delete()
