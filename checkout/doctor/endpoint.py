"""The webhook endpoint at Stripe: what it should be like, and how far those that are there are."""

import hashlib
from collections.abc import Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import reverse

from checkout import events
from checkout.doctor.findings import Finding, fine, wrong
from checkout.gateway.accounts import API_VERSION
from checkout.reading import Json
from storefront.ops.pages import own_url

TITLE = "Webhook endpoint"
# The shop understands these as well, and needs none of them.
NOT_NEEDED = ("charge.refund.updated", "charge.dispute.updated")
EVENTS = tuple(kind for kind in events.HANDLERS if kind not in NOT_NEEDED)
MOST = 16
# Where `stripe_setup` notes which secret an endpoint has; nobody gets the secret out of it.
DIGEST = "secret_digest"
COPY_IT = (
    "Copy the endpoint's signing secret from Stripe's dashboard into STRIPE_WEBHOOK_SECRET, or "
    "run `manage.py stripe_setup --roll`."
)


def address() -> str:
    """Return where Stripe has to send events; nothing if the settings don't tell."""
    own = own_url()
    return own + reverse("checkout:stripe-webhook") if own else ""


def at_ours(endpoints: Sequence[Json]) -> list[Json]:
    """Return the endpoints with the shop's address, the newest first; a slash is no difference."""
    ours = [one for one in endpoints if _plain(one["url"]) == _plain(address())]
    return sorted(ours, key=lambda one: one["created"], reverse=True)


def near_misses(endpoints: Sequence[Json]) -> list[str]:
    """Return the addresses that may be meant for this shop, but are not its own."""
    ours = urlsplit(_plain(address()))
    return sorted(
        one["url"]
        for one in endpoints
        if (their := urlsplit(_plain(one["url"]))) != ours
        and (their.path == ours.path or _name(their.hostname) == _name(ours.hostname))
    )


def missing_events(endpoint: Json) -> list[str]:
    enabled = endpoint["enabled_events"]
    return [] if "*" in enabled else [kind for kind in EVENTS if kind not in enabled]


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


def known_secret(endpoint: Json) -> str:
    """Return the endpoint's secret if the shop surely has it, as far as the endpoint tells."""
    secrets = settings.STRIPE_WEBHOOK_SECRET.split(",")
    told = endpoint["metadata"].get(DIGEST)
    return next((secret for secret in secrets if secret and digest(secret) == told), "")


def is_secret_wrong(endpoint: Json) -> bool:
    """Whether the shop surely does not have the endpoint's secret."""
    is_told = DIGEST in endpoint["metadata"]
    return not settings.STRIPE_WEBHOOK_SECRET or (is_told and not known_secret(endpoint))


def faults(endpoint: Json) -> list[str]:
    """Return in words what is wrong with an endpoint of ours."""
    missing = missing_events(endpoint)
    version = endpoint["api_version"] or API_VERSION
    found = [
        "" if endpoint["status"] == "enabled" else "it is disabled",
        f"it lacks {', '.join(missing)}" if missing else "",
        ""
        if version == API_VERSION
        else f"it sends API version {version}, and the shop is made for {API_VERSION}",
    ]
    return [words for words in found if words]


def finding(endpoints: Sequence[Json]) -> Finding:
    """Return how the endpoints stand that the account has."""
    url, ours, near = address(), at_ours(endpoints), near_misses(endpoints)
    if not url:
        return wrong(TITLE, "The shop does not know its own address.", "Set SITE_URL.")
    if not ours:
        others = f" There is one at {', '.join(near)}." if near else ""
        words = f"The account has no endpoint with the address {url}.{others}"
        todo = "Run `manage.py stripe_setup`, or make it by hand: docs/deploying.md says how."
        return wrong(TITLE, words, todo)
    found = [words for one in ours for words in faults(one)]
    if len(ours) > 1:
        words = f"{len(ours)} endpoints have the address {url}, so each event comes as often."
        todo = (
            "If a secret is being rolled, end that by `manage.py stripe_setup --finish`; else "
            "delete all but one in Stripe's dashboard."
        )
        return wrong(TITLE, words, todo)
    if found:
        roll = " --roll" if "API version" in found[-1] else ""
        todo = f"Run `manage.py stripe_setup{roll}`."
        return wrong(TITLE, f"{url}: {'; '.join(found)}.", todo)
    if is_secret_wrong(ours[0]):
        words = f"{url}: STRIPE_WEBHOOK_SECRET is not this endpoint's signing secret."
        return wrong(TITLE, words, COPY_IT)
    return fine(TITLE, f"{url}, enabled, with all {len(EVENTS)} events.")


def _plain(url: str) -> str:
    """Return the address without what makes no other place of it: case, usual port, last slash."""
    parts = urlsplit(url.strip())
    host = parts.netloc.lower().removesuffix({"https": ":443", "http": ":80"}.get(parts.scheme, ""))
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def _name(host: str | None) -> str:
    return (host or "").removeprefix("www.")
