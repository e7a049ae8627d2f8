"""Reads the ledger for the API: lists with filters and pages, and expanded objects."""

import copy
from collections.abc import Iterable
from fnmatch import fnmatch
from typing import Any

from tools.stripe_stand_in.account import registration, without_secret
from tools.stripe_stand_in.after_payment import listing
from tools.stripe_stand_in.ledger import Ledger
from tools.stripe_stand_in.refusals import Refusal, no_such
from tools.stripe_stand_in.rules import Json

SESSION_FILTERS = "customer customer_account payment_intent payment_link status subscription"
MONTH = 30 * 24 * 60 * 60


def sessions(ledger: Ledger, params: Json) -> Json:
    """Sessions, newest first."""
    found = [
        session
        for session in ledger.sessions.values()
        if _has(session, params, SESSION_FILTERS.split()) and _has_email(session, params)
    ]
    return _page("/v1/checkout/sessions", reversed(_in_time(found, params)), params)


def refunds(ledger: Ledger, params: Json) -> Json:
    """Refunds, newest first."""
    found = [r for r in ledger.refunds.values() if _has(r, params, ["charge", "payment_intent"])]
    return _page("/v1/refunds", reversed(_in_time(found, params)), params)


def charges(ledger: Ledger, params: Json) -> Json:
    """Charges, newest first."""
    found = [
        charge
        for charge in ledger.charges.values()
        if _has(charge, params, "customer payment_intent transfer_group".split())
    ]
    return _page("/v1/charges", reversed(_in_time(found, params)), params)


def disputes(ledger: Ledger, params: Json) -> Json:
    """Disputes, newest first."""
    found = [d for d in ledger.disputes.values() if _has(d, params, ["charge", "payment_intent"])]
    return _page("/v1/disputes", reversed(_in_time(found, params)), params)


def promotion_codes(ledger: Ledger, params: Json) -> Json:
    """Codes, newest first."""
    found = [
        code
        for code in ledger.codes.values()
        if _has(code, params, ["active", "code"])
        and params.get("coupon") in (None, code["promotion"]["coupon"])
    ]
    return _page("/v1/promotion_codes", reversed(_in_time(found, params)), params)


def lines(ledger: Ledger, id: str, params: Json) -> Json:
    """The line items of a session, in their order."""
    ledger.session(id)
    return _page(f"/v1/checkout/sessions/{id}/line_items", ledger.lines[id], params)


def events(ledger: Ledger, params: Json, undelivered: set[str]) -> Json:
    """Events of the last 30 days, newest first."""
    if "type" in params and "types" in params:
        raise Refusal("You may pass either `type` or `types`, but not both.", param="types")
    if len(params.get("types", [])) > 20:
        raise Refusal("You may pass up to 20 types.", param="types")
    patterns = params.get("types") or [params.get("type", "*")]
    since = ledger.now() - MONTH
    found = [
        event
        for event in ledger.events
        if event["created"] >= since
        and any(fnmatch(event["type"], pattern) for pattern in patterns)
        and params.get("delivery_success") in (None, event["id"] not in undelivered)
    ]
    return _page("/v1/events", reversed(_in_time(found, params)), params)


def endpoints(found: dict[str, Json], params: Json) -> Json:
    """Webhook endpoints, newest first, without their secrets."""
    shown = map(without_secret, reversed(found.values()))
    return _page("/v1/webhook_endpoints", shown, params)


def registrations(ledger: Ledger, params: Json) -> Json:
    """Where the account collects tax: all of it is active."""
    active = params.get("status", "active") in ("active", "all")
    countries = ledger.account["registrations"] if active else []
    found = [registration(country, ledger.now()) for country in countries]
    return _page("/v1/tax/registrations", found, params)


def _has(item: Json, params: Json, fields: list[str]) -> bool:
    return all(item.get(name) == params[name] for name in fields if name in params)


def _has_email(session: Json, params: Json) -> bool:
    if "customer_details" not in params:
        return True
    details = session["customer_details"] or {}
    return bool(details.get("email") == params["customer_details"]["email"])


def _in_time(items: list[Json], params: Json) -> list[Json]:
    when = params.get("created")
    if when is None:
        return items
    if isinstance(when, int):
        return [item for item in items if item["created"] == when]
    return [item for item in items if _is_within(item["created"], when)]


def _is_within(created: int, when: dict[str, int]) -> bool:
    tests = {
        "gt": created.__gt__,
        "gte": created.__ge__,
        "lt": created.__lt__,
        "lte": created.__le__,
    }
    return all(tests[name](bound) for name, bound in when.items())


def _page(url: str, items: Iterable[Json], params: Json) -> Json:
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        message = f"Invalid limit: {limit}; it must be between 1 and 100."
        raise Refusal(message, code="parameter_invalid_integer", param="limit")
    items = list(items)
    if "ending_before" in params:
        before = items[: _place_of(items, params, "ending_before")]
        return listing(url, before[-limit:], len(before) > limit)
    start = _place_of(items, params, "starting_after") + 1 if "starting_after" in params else 0
    return listing(url, items[start : start + limit], len(items) > start + limit)


def _place_of(items: list[Json], params: Json, cursor: str) -> int:
    for place, item in enumerate(items):
        if item["id"] == params[cursor]:
            return place
    raise no_such("object", params[cursor], cursor)


def expanded(ledger: Ledger, found: Json, paths: list[str]) -> Json:
    """A copy of the object, with the named references replaced by what they refer to."""
    shown = copy.deepcopy(found)
    for path in paths:
        _expand(ledger, shown, path.split("."), path)
    return shown


def _expand(ledger: Ledger, item: Json, steps: list[str], path: str) -> None:
    name, *rest = steps
    if item.get("object") == "list" and name == "data" and rest:
        for each in item["data"]:
            _expand(ledger, each, rest, path)
        return
    value = _referred(ledger, item, name, path)
    item[name] = copy.deepcopy(value)
    if rest and value is not None:
        _expand(ledger, item[name], rest, path)


def _referred(ledger: Ledger, item: Json, name: str, path: str) -> Any:
    tables = {
        "payment_intent": ledger.payment_intents,
        "charge": ledger.charges,
        "latest_charge": ledger.charges,
        "balance_transaction": ledger.balance_transactions,
        "product": ledger.products,
        "shipping_rate": ledger.shipping_rates,
        "coupon": ledger.coupons,
    }
    if item.get("object") == "checkout.session" and name == "line_items":
        return lines(ledger, item["id"], {})
    reference = item.get(name)
    if isinstance(reference, dict):
        return reference
    is_played = name in tables and name in item and (not reference or reference in tables[name])
    if not is_played:
        raise Refusal(f"This property cannot be expanded ({path}).", param="expand")
    return tables[name][reference] if reference else None
