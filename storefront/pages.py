"""Answers a request with a page, or with the part of it that htmx asked for."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.middleware import HtmxDetails

VARY = ["HX-Request", "HX-Boosted", "HX-History-Restore-Request"]


class HtmxRequest(HttpRequest):
    """A request as the shop's middleware leaves it."""

    htmx: HtmxDetails


class SeeOther(HttpResponseRedirect):
    """The answer to a form: go there and GET."""

    status_code = 303


def wants_fragment(request: HtmxRequest) -> bool:
    """Boosted links and restored history need the whole page, although htmx asks."""
    htmx = request.htmx
    return bool(htmx) and not (htmx.boosted or htmx.history_restore_request)


def page(
    request: HtmxRequest,
    template: str,
    context: dict[str, Any],
    *,
    partial: str = "",
    status: int = 200,
) -> HttpResponse:
    """Render the template, or its partial if htmx asked; carts and orders are never stored."""
    name = f"{template}#{partial}" if partial and wants_fragment(request) else template
    response = render(request, name, context, status=status)
    patch_vary_headers(response, VARY)
    response["Cache-Control"] = "no-store"
    return response


def shop(request: HttpRequest) -> dict[str, Any]:
    """What every template may say about the shop (a context processor)."""
    return {"shop_name": settings.SHOP_NAME, "demo_mode": settings.STRIPE_DEMO_MODE}
