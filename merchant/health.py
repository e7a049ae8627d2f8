"""The desk's page on how the shop stands: it asks nobody, and shows what was found last."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from checkout import doctor
from checkout.doctor import endpoint
from checkout.models import Heartbeat
from merchant.permissions import SEE_EVENTS
from storefront.ops.pages import SeeOther

# What the link to a new key fills in: the table in docs/deploying.md says what each is for.
PERMISSIONS = (
    *("rak_checkout_session_write", "rak_charge_write", "rak_event_read"),
    *("rak_payment_intent_read", "rak_dispute_read", "rak_product_read", "rak_webhook_read"),
)
# What a button wishes, and what the worker then does.
WISHES = {
    "stripe": (Heartbeat.Name.STRIPE_WISHED, "asks Stripe and makes the round trip"),
    "mail": (Heartbeat.Name.MAIL_WISHED, "sends you a mail"),
}


@require_http_methods(["GET", "HEAD", "POST"])
def health(request: HttpRequest) -> HttpResponse:
    """Show all findings; a post wishes that Stripe is asked, or that a mail is sent."""
    if not request.user.has_perm(SEE_EVENTS):
        raise PermissionDenied
    if request.method == "POST":
        return _wish(request)
    now = timezone.now()
    found = doctor.known(now)
    context: dict[str, Any] = {
        "title": "Health",
        "findings": sorted(found, key=lambda finding: not finding.is_wrong),
        "wrong": sum(finding.is_wrong for finding in found),
        "wishes": [
            (words, since) for name, words in WISHES.values() if (since := doctor.wished(name))
        ],
        "who": _who(),
        "address": endpoint.address(),
        "events": endpoint.EVENTS,
        "may_wish": _may_wish(request),
        "new_key": new_key("test/"),
        "new_live_key": new_key(),
    }
    return render(request, "merchant/health.html", admin.site.each_context(request) | context)


def new_key(mode: str = "") -> str:
    """Return where Stripe's dashboard makes a key with these permissions; "test/" for a test."""
    told = [("name", "Storefront"), *(("permissions[]", name) for name in PERMISSIONS)]
    return f"https://dashboard.stripe.com/{mode}apikeys/create?{urlencode(told)}"


def _wish(request: HttpRequest) -> HttpResponse:
    name, words = WISHES.get(request.POST.get("wish", ""), (None, ""))
    if name is None or not _may_wish(request):
        raise PermissionDenied
    doctor.wish(name)
    messages.success(request, f"Noted: {_who()} {words}. Look at this page again then.")
    return SeeOther(reverse("admin:health"))


def _may_wish(request: HttpRequest) -> bool:
    is_allowed = request.user.has_perm("checkout.change_heartbeat")
    return is_allowed and not settings.STRIPE_DEMO_MODE


def _who() -> str:
    """Return who does what is wished here."""
    if settings.WORKER == "off":
        return "the next run of reconcile_orders, which cron starts as WORKER is off,"
    if Heartbeat.about_worker():
        return "the worker, once one runs again,"
    return "the worker, within seconds,"
