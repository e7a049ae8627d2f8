"""Answers a request with a page, or with the part of it that htmx asked for."""

import secrets
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.html import escape
from django.utils.module_loading import import_string
from django_htmx.middleware import HtmxDetails

# Stands for the CSRF token until the page is finished, so that a part is the same for everybody.
TOKEN_PLACEHOLDER = f"csrf-token-{secrets.token_hex(8)}"
# Stands for where the forms of the page lead back to, which has a search in it.
BACK_PLACEHOLDER = f"back-to-{secrets.token_hex(8)}"
PLACEHOLDERS = {"csrf_token": TOKEN_PLACEHOLDER, "back_to": BACK_PLACEHOLDER}
VARY = ["HX-Request", "HX-Boosted", "HX-History-Restore-Request", "HX-Target"]


class HtmxRequest(HttpRequest):
    """A request as the shop's middleware leaves it."""

    htmx: HtmxDetails


class SeeOther(HttpResponseRedirect):
    """The answer to a form: go there and GET."""

    status_code = 303


def wants_fragment(request: HtmxRequest) -> bool:
    """Whether a part is enough: not for boosted links, restored history or a renewed page."""
    htmx = request.htmx
    needs_all = htmx.boosted or htmx.history_restore_request or htmx.target == "main"
    return bool(htmx) and not needs_all


def page(
    request: HtmxRequest,
    template: str,
    context: dict[str, Any],
    *,
    partial: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render the template, or its partial if htmx asked; `back_to` is where its forms lead."""
    name = f"{template}#{partial}" if partial and wants_fragment(request) else template
    whole = {"swap_oob": False} | context | PLACEHOLDERS
    html = render_to_string(name, whole, request).encode()
    html = html.replace(BACK_PLACEHOLDER.encode(), escape(context.get("back_to", "")).encode())
    if (placeholder := TOKEN_PLACEHOLDER.encode()) in html:
        html = html.replace(placeholder, get_token(request).encode())
    response = HttpResponse(html, status=status)
    patch_vary_headers(response, VARY)
    return response


def base_url(request: HttpRequest) -> str:
    """Return where the shop is, such as https://shop.example."""
    return settings.SITE_URL or f"{request.scheme}://{request.get_host()}"


def own_url() -> str:
    """Return the same where nobody asks for a page; nothing if the settings don't tell."""
    names = [host for host in settings.ALLOWED_HOSTS if "*" not in host and host[:1] != "."]
    if settings.SITE_URL or not (names or settings.DEBUG):
        return settings.SITE_URL
    scheme = "https" if settings.USE_HTTPS else "http"
    return f"{scheme}://{names[0] if names else f'localhost:{settings.PORT}'}"


def page_context(request: HttpRequest) -> dict[str, Any]:
    """What every template may say about the shop and the request (a context processor)."""
    is_get = request.method == "GET"
    return shop_context() | {
        "base_url": base_url(request),
        # Where the page renews itself from: a form that was posted can't be asked for again.
        "current_url": request.get_full_path() if is_get else reverse("storefront:home"),
    }


def shop_context(*, by_heart: bool = False) -> dict[str, Any]:
    """What every template may say about the shop; `shop_values` is all of it, as a key.

    `by_heart` asks no database: it may be what the page is about.
    """
    shop: dict[str, Any] = import_string(settings.ABOUT_THE_SHOP)(by_heart=by_heart)
    shop |= _about_the_payments()
    return shop | {"shop_values": tuple(shop.values())}


def _about_the_payments() -> dict[str, Any]:
    return {
        "currency": settings.CURRENCY.upper(),
        "demo_mode": settings.STRIPE_DEMO_MODE,
        # On one's own machine they are no surprise.
        "test_mode": settings.IS_PUBLIC and payment_mode() == "test",
        "payment_mode": payment_mode(),
        "tax": settings.TAX,
        "takes_codes": settings.PROMOTION_CODES,
    }


def payment_mode() -> str:
    if settings.STRIPE_DEMO_MODE:
        return "demo"
    return "live" if settings.STRIPE_LIVE_MODE else "test"
