"""What every request and answer goes through besides Django's own guards."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from storefront.ops import health, metrics
from storefront.ops.error_pages import expired_form, too_large, too_quick
from storefront.ops.rate_limits import is_too_large, seconds_to_wait

# Of what a page may ask a browser for, the shop needs nothing.
PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
OTHER_SITES = ("cross-site", "same-site")
# A platform asks for them by whatever name or address it knows: before the host is looked at.
HEALTH = {"/healthz": health.healthz, "/readyz": health.readyz}
HOST_CHECK_EXEMPT = HEALTH | {"/metrics": metrics.metrics}


class RequestGuard:
    """Adds headers, tells the health, and refuses what is too large, foreign or too frequent.

    `Sec-Fetch-Site` is the browser's own word on who sends a form (W3C Fetch Metadata). What
    sends none is an old browser or none at all, and needs the CSRF token as everybody does.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = HOST_CHECK_EXEMPT.get(request.path, self.get_response)(request)
        response.headers["Permissions-Policy"] = PERMISSIONS
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        # What does not say how long it may be kept is not kept.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if is_too_large(request, view):
            return too_large(request)
        is_exempt = request.method in SAFE_METHODS or getattr(view, "csrf_exempt", False)
        if is_exempt:
            return None
        # Not counted: what another site makes a shopper's browser send is not the shopper's doing.
        if request.headers.get("Sec-Fetch-Site") in OTHER_SITES:
            return expired_form(request)
        seconds = seconds_to_wait(request)
        return too_quick(request, seconds) if seconds else None
