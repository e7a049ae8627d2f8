"""The account itself: whose it is, what its keys may, where its events go, how it taxes."""

from typing import Any
from urllib.parse import urlsplit

from tools.stripe_stand_in.refusals import Refusal
from tools.stripe_stand_in.shapes import API_VERSION, Json, new_id

ACCOUNT_ID = "acct_1StandIn00000000"
ANOTHER_ID = "acct_1Another00000000"
MOST_ENDPOINTS = 16
# What has to be set before Stripe works out any tax, by what the account lacks.
MISSING_FOR_TAX = {
    "no_head_office": ["head_office"],
    "not_activated": ["defaults.tax_code", "head_office"],
}
# By the beginning of a path; Stripe's words name no permission for the settings of tax.
PERMISSIONS = {
    "/v1/account": "rak_accounts_kyc_basic",
    "/v1/charges": "rak_charge",
    "/v1/checkout/sessions": "rak_checkout_session",
    "/v1/disputes": "rak_dispute",
    "/v1/events": "rak_event",
    "/v1/payment_intents": "rak_payment_intent",
    "/v1/refunds": "rak_charge",
    "/v1/tax": "tax",
    "/v1/webhook_endpoints": "rak_webhook",
}


def id_of(key: str) -> str:
    """The account of a key: those that begin with `sk_test_another` are of another one."""
    return ANOTHER_ID if key[8:].startswith("another") else ACCOUNT_ID


def check_permission(method: str, path: str, key: str, forbidden: set[tuple[str, str]]) -> None:
    """Refuse what the key may not; to write implies to read."""
    name = next((PERMISSIONS[start] for start in PERMISSIONS if path.startswith(start)), "")
    needed = {f"{name}_read"} | ({f"{name}_write"} if method != "GET" else set())
    if not any((permission, who) in forbidden for permission in needed for who in (key, "")):
        return
    message = (
        f"The provided key '{key[:8]}*********{key[-3:]}' does not have the required permissions "
        f"for this endpoint on account '{id_of(key)}'."
    )
    if name.startswith("rak_"):
        wanted = f"{name}_{'read' if method == 'GET' else 'write'}"
        message += f" Having the '{wanted}' permission would allow this request to continue."
    raise Refusal(message, status=403)


def endpoint(
    url: str,
    enabled_events: Any,
    secret: str = "",
    *,
    created: int,
    api_version: str = API_VERSION,
    description: str | None = None,
    metadata: Json | None = None,
) -> Json:
    """A webhook endpoint, with its secret, which the API tells only when it makes one."""
    return {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": api_version,
        "application": None,
        "created": created,
        "description": description,
        "enabled_events": list(enabled_events),
        "livemode": False,
        "metadata": dict(metadata or {}),
        "secret": secret or new_id("whsec", 32),
        "status": "enabled",
        "url": url,
    }


def without_secret(endpoint: Json) -> Json:
    """The endpoint as the API shows it later."""
    return {name: value for name, value in endpoint.items() if name != "secret"}


def account(id: str, told: Json) -> Json:
    """The account, as a key of its own sees it."""
    problem = None if told["charges"] else "requirements.past_due"
    return {
        "id": id,
        "object": "account",
        "business_profile": {"name": "Tea & Co", "url": None},
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": told["charges"],
        "country": told["country"],
        "created": 1_700_000_000,
        "default_currency": told["currency"],
        "details_submitted": True,
        "email": "merchant@example.com",
        "metadata": {},
        "payouts_enabled": told["charges"],
        "requirements": {"disabled_reason": problem},
        "settings": {
            "branding": {},
            "card_payments": {},
            "dashboard": {"display_name": "Tea & Co", "timezone": "Etc/UTC"},
            "payments": {},
        },
        "type": "standard",
    }


def tax_settings(told: Json) -> Json:
    """Whether tax can be worked out, by what `configure` says of it."""
    missing = MISSING_FOR_TAX.get(told["tax"], [])
    details: Json = {"pending": {"missing_fields": missing}} if missing else {"active": {}}
    address = dict.fromkeys("city line1 line2 postal_code state".split())
    office = None if "head_office" in missing else {"address": {**address, "country": "DE"}}
    return {
        "object": "tax.settings",
        "defaults": {"provider": "stripe", "tax_behavior": None, "tax_code": "txcd_99999999"},
        "head_office": office,
        "livemode": False,
        "status": "pending" if missing else "active",
        "status_details": details,
    }


def registration(country: str, created: int) -> Json:
    """A place where the account collects tax."""
    return {
        "id": new_id("taxreg"),
        "object": "tax.registration",
        "active_from": created,
        "country": country,
        "country_options": {country.lower(): {"type": "standard"}},
        "created": created,
        "expires_at": None,
        "livemode": False,
        "status": "active",
    }


def check_url(url: str) -> None:
    """Refuse an address that is none; one on this machine is taken, unlike Stripe does."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refusal("Invalid URL: An explicit scheme must be provided.", param="url")
