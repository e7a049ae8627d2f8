"""What Stripe itself says of the shop: its account, its endpoint, its tax, and the round trip."""

from collections.abc import Callable
from datetime import datetime
from itertools import chain

from django.conf import settings

from checkout import events, reading
from checkout.doctor import endpoint, round_trip
from checkout.doctor.findings import Finding, fine, of_failure, unknown, wrong
from checkout.gateway import accounts, failures, reads
from checkout.models import StripeEvent
from checkout.reconciling import STRIPE_KEEPS_EVENTS_FOR

ACCOUNT, UNDELIVERED, TAX = "Account at Stripe", "Undelivered events", "Tax"
# In their order, with what is looked at.
LOOKS_AT = {
    ACCOUNT: "whose the key is, and whether the account may take payments",
    endpoint.TITLE: "its address, its events and its version",
    round_trip.OPENING: "whether the key may open one with delivery, codes and tax as they are set",
    round_trip.ARRIVING: "whether an event of Stripe's arrives, and by the right secret",
    UNDELIVERED: "what Stripe could not deliver in 30 days",
    TAX: "whether Stripe Tax is ready, if TAX is on",
}


def examine(now: datetime) -> list[Finding]:
    """Ask Stripe about all of it; once it doesn't answer, or knows no such key, no further."""
    found: list[Finding] = []
    try:
        for title, look in _looks(now).items():
            found += _found(title, look)
    except failures.StripeFailed as failure:
        left = [title for title in LOOKS_AT if title not in {finding.title for finding in found}]
        found.append(of_failure(left[0], failure))
        found += [unknown(title, "Stripe was not asked, see above.") for title in left[1:]]
    return found


def _looks(now: datetime) -> dict[str, Callable[[], list[Finding]]]:
    return {
        ACCOUNT: _account,
        endpoint.TITLE: lambda: [endpoint.finding(accounts.endpoints())],
        round_trip.OPENING: round_trip.travel,
        UNDELIVERED: lambda: [_undelivered(now)],
        TAX: _tax,
    }


def _found(title: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """Return what was found. Raises WrongKey or StripeDown: then nothing else is known either."""
    needed = {ACCOUNT: "Account: read", endpoint.TITLE: "Webhook Endpoints: read", TAX: "Tax: read"}
    try:
        return look()
    except (failures.WrongKey, failures.StripeDown):
        raise
    except failures.StripeRefused as refusal:
        return [of_failure(title, refusal, may_be=needed.get(title, ""))]


def _account() -> list[Finding]:
    account = accounts.current()
    dashboard = reading.mapping(reading.mapping(account.get("settings")).get("dashboard"))
    name = reading.text(dashboard.get("display_name"))
    currency = reading.text(account.get("default_currency")).upper()
    where = f"{account.get('country') or 'no country'}, paid out in {currency or 'no currency'}"
    words = f"{name or 'Without a name'} ({account['id']}), {where}."
    if not account.get("charges_enabled"):
        reason = reading.mapping(account.get("requirements")).get("disabled_reason")
        words += f" It may take no payments{f': {reason}' if reason else ''}."
        return [wrong(ACCOUNT, words, "Stripe's dashboard says what it needs to know of you.")]
    if currency and currency != settings.CURRENCY.upper():
        words += f" Prices are in {settings.CURRENCY.upper()}: Stripe converts them, for a fee."
    return [fine(ACCOUNT, words)]


def _undelivered(now: datetime) -> Finding:
    pages = reads.undelivered_events(events.HANDLERS, now - STRIPE_KEEPS_EVENTS_FOR)
    listed = chain(*pages)
    ids = [e["id"] for e in listed if not reading.probe_note(e["data"]["object"])]
    known = StripeEvent.objects.filter(event_id__in=ids[:1000]).count()
    if missing := len(ids[:1000]) - known:
        words = f"Of the last 30 days, not delivered and not here: {missing}."
        todo = "The worker applies them; or run `manage.py reconcile_orders`."
        return wrong(UNDELIVERED, words, todo)
    words = f"All are here; what the worker fetched of the last 30 days: {known}."
    return fine(UNDELIVERED, words if known else "None.")


def _tax() -> list[Finding]:
    if settings.TAX == "off":
        return [fine(TAX, "Stripe works out none: TAX is off.")]
    tax = accounts.tax_settings()
    if tax["status"] != "active":
        pending = reading.mapping(reading.mapping(tax.get("status_details")).get("pending"))
        missing = ", ".join(map(str, pending.get("missing_fields") or [])) or "something"
        words = f"TAX is {settings.TAX}, and Stripe Tax is not ready: it lacks {missing}."
        todo = "Complete https://dashboard.stripe.com/settings/tax, or set TAX=off."
        return [wrong(TAX, words, todo)]
    places = sorted({str(place["country"]) for place in accounts.tax_registrations()})
    if not places:
        words = f"TAX is {settings.TAX}, and the account is registered nowhere: all tax is 0."
        todo = "Add where you collect tax at https://dashboard.stripe.com/tax/registrations."
        return [wrong(TAX, words, todo)]
    return [fine(TAX, f"Ready, {settings.TAX}, collected in {', '.join(places)}.")]
