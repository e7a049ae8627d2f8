"""What was found of one thing that the shop needs, how it is kept, and who has to look again."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from checkout.gateway import failures
from checkout.models import Heartbeat

# What Stripe's dashboard calls the permissions that its refusals name.
PERMISSIONS = {
    "rak_accounts_kyc_basic_read": "Account: read",
    "rak_checkout_session_write": "Checkout Sessions: write",
    "rak_event_read": "Events: read",
    "rak_webhook_read": "Webhook Endpoints: read",
    "rak_webhook_write": "Webhook Endpoints: write",
}


class State(StrEnum):
    FINE = "fine"
    WRONG = "wrong"
    NOT_ALLOWED = "not allowed to look"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """How one thing stands: in words, with what to do, and when that was so."""

    title: str
    state: State
    words: str
    todo: str = ""
    at: datetime | None = None

    @property
    def is_wrong(self) -> bool:
        return self.state is State.WRONG

    @property
    def mark(self) -> str:
        return {State.FINE: "✓", State.WRONG: "✗", State.NOT_ALLOWED: "–"}.get(self.state, "?")


def fine(title: str, words: str, todo: str = "", at: datetime | None = None) -> Finding:
    return Finding(title, State.FINE, words, todo, at)


def wrong(title: str, words: str, todo: str, at: datetime | None = None) -> Finding:
    return Finding(title, State.WRONG, words, todo, at)


def not_allowed(title: str, words: str, todo: str) -> Finding:
    return Finding(title, State.NOT_ALLOWED, words, todo)


def unknown(title: str, words: str, todo: str = "") -> Finding:
    return Finding(title, State.UNKNOWN, words, todo)


def of_failure(
    title: str, failure: failures.StripeFailed, *, may_be: str = "", blocks_sales: bool = False
) -> Finding:
    """Return what it means that Stripe gave no answer; `may_be` is what the key would need."""
    if isinstance(failure, failures.WrongKey):
        todo = "Copy the secret key from Stripe's dashboard into STRIPE_SECRET_KEY once more."
        return wrong(title, f"Stripe does not take the shop's key ({failure}).", todo)
    if isinstance(failure, failures.NotAllowed):
        needed = PERMISSIONS.get(failure.permission, failure.permission) or may_be
        words = f"The shop's key may not do this ({failure})."
        todo = f"Give the key {needed or 'that right'}: docs/deploying.md lists what it needs."
        return wrong(title, words, todo) if blocks_sales else not_allowed(title, words, todo)
    if isinstance(failure, failures.AskedTooOften):
        return unknown(title, "Stripe is asked too much at the moment.", "Look again in a minute.")
    if isinstance(failure, failures.StripeDown):
        todo = "Look again later; https://status.stripe.com says whether it is Stripe."
        return unknown(title, f"Stripe did not answer ({failure}).", todo)
    return wrong(title, f"Stripe refuses this: {failure}.", "docs/payments.md lists what it needs.")


def store(name: Heartbeat.Name, findings: Iterable[Finding], now: datetime) -> None:
    """Keep them, where each process reads them: with their time, in place of earlier ones."""
    rows = [[f.title, f.state, f.words, f.todo] for f in findings]
    Heartbeat.beat(name, now, json.dumps(rows))


def stored(name: Heartbeat.Name) -> list[Finding]:
    """Return what was found last; nothing if that can't be read, as another release wrote it."""
    row = Heartbeat.objects.filter(name=name).first()
    try:
        found = json.loads(row.note) if row else []
        return [Finding(t, State(s), words, todo, row.at) for t, s, words, todo in found if row]
    except (TypeError, ValueError):
        return []
