"""What every request and answer goes through besides Django's own guards."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from storefront import metrics, views
from storefront.errors import expired_form

# Of what a page may ask a browser for, the shop needs nothing.
PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
OTHER_SITES = ("cross-site", "same-site")
# A platform asks for them by whatever name or address it knows: before the host is looked at.
HEALTH = {"/healthz": views.healthz, "/readyz": views.readyz}
ABOVE_THE_HOST = HEALTH | {"/metrics": metrics.metrics}


class Guard:
    """Adds headers, tells the health, and refuses forms that another site has sent.

    `Sec-Fetch-Site` is the browser's own word on who sends a form (W3C Fetch Metadata). What
    sends none is an old browser or none at all, and needs the CSRF token as everybody does.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = ABOVE_THE_HOST.get(request.path, self.get_response)(request)
        response.headers["Permissions-Policy"] = PERMISSIONS
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        is_exempt = request.method in SAFE_METHODS or getattr(view, "csrf_exempt", False)
        if not is_exempt and request.headers.get("Sec-Fetch-Site") in OTHER_SITES:
            return expired_form(request)
        return None
