"""Leads visitors from every other name of the shop to the one in SITE_URL."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect

PORT = re.compile(r":\d+$")


class SiteAddress:
    """Shows pages at one host name only.

    Cookies belong to the name that set them. A shopper who buys at www.your.shop and comes back
    from Stripe to your.shop would find neither the cart nor the order there.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SITE_URL and request.method in ("GET", "HEAD") and _is_elsewhere(request):
            return HttpResponsePermanentRedirect(settings.SITE_URL + request.get_full_path())
        return self.get_response(request)


def _is_elsewhere(request: HttpRequest) -> bool:
    if _host_seen(request) == _name_in(urlsplit(settings.SITE_URL).netloc):
        return False
    # Stripe takes a redirect for a failure, as it does of one to https.
    path = request.path.lstrip("/")
    return not any(re.search(pattern, path) for pattern in settings.SECURE_REDIRECT_EXEMPT)


def _host_seen(request: HttpRequest) -> str:
    """Return the host that the visitor asked for; the router may ask the shop by another one."""
    host = request.get_host()
    if settings.TRUST_PROXY:
        host = str(request.META.get("HTTP_X_FORWARDED_HOST", host)).partition(",")[0].strip()
    return _name_in(host)


def _name_in(host: str) -> str:
    """Leave the port out: some routers add the one that they listen to, or ask."""
    return PORT.sub("", host.lower())
