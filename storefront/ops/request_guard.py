"""Guards every request and answer, besides what Django guards by itself."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from storefront.ops.bodies import is_too_large
from storefront.ops.error_pages import expired_form, too_large, too_quick
from storefront.ops.rate_limits import seconds_to_wait

logger = logging.getLogger(__name__)

# The shop needs none of what a page may ask a browser for.
PERMISSIONS = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")
OTHER_SITES = ("cross-site", "same-site")


class RequestGuard:
    """Adds headers, and refuses what is too large, comes from another site or too often.

    In `Sec-Fetch-Site` the browser itself says which site sends a form (W3C Fetch Metadata). A
    client that sends no such header, such as an old browser, needs the CSRF token all the same.

    A page that a browser fetches before it is asked for (a router may tell it to) would show the
    cart as it was then, so such a page is refused: the browser asks again when it is needed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers["Permissions-Policy"] = PERMISSIONS
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        # An answer that does not say how long it may be kept is not kept.
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
            return HttpResponse(status=HTTPStatus.FORBIDDEN)
        is_form = request.method not in SAFE_METHODS and not getattr(view, "csrf_exempt", False)
        refusal = _refusal_of_a_form(request) if is_form else None
        # Last, since it may read the body.
        return refusal or (too_large(request) if is_too_large(request, view) else None)


def _refusal_of_a_form(request: HttpRequest) -> HttpResponse | None:
    site = request.headers.get("Sec-Fetch-Site")
    # Not counted: a shopper is not to blame for what another site makes the browser send.
    if site in OTHER_SITES:
        logger.warning("Refused a form: by Sec-Fetch-Site it is %s.", site)
        return expired_form(request)
    if site == "same-origin" and request.headers.get("Origin", "null") == "null":
        # Where a router adds `Referrer-Policy: no-referrer`, browsers do not name the origin of a
        # plain form any more. That it is the shop's they still say, and no script can say it.
        request.META["HTTP_ORIGIN"] = f"{request.scheme}://{request.get_host()}"
    seconds = seconds_to_wait(request)
    return too_quick(request, seconds) if seconds else None
