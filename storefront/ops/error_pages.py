"""What goes wrong, in the shop's own words; no page here needs the database or a good request."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from storefront.ops.environment import SECRETS
from storefront.ops.logs import route_of
from storefront.ops.pages import shop_context

logger = logging.getLogger(__name__)

SECONDS_TO_WAIT = 30
WORDS = {
    HTTPStatus.BAD_REQUEST: "The request can't be read. Nothing was charged.",
    HTTPStatus.FORBIDDEN: "The CSRF token is missing or too old. Nothing was charged.",
    HTTPStatus.NOT_FOUND: "There is nothing at this address.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The request is too large. Nothing was charged.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests within a minute. Nothing was charged.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong in the shop. Please try again later.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The shop is out of order for a moment. Please try again.",
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.BAD_REQUEST, "400.html")


def expired_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, HTTPStatus.FORBIDDEN, "403_csrf.html")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.FORBIDDEN, "403.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.NOT_FOUND, "404.html")


def too_large(request: HttpRequest) -> HttpResponse:
    return _answer(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "413.html")


def too_quick(request: HttpRequest, seconds: int) -> HttpResponse:
    """The page is the answer to htmx as well, which takes its refusal (templates/base.html)."""
    answer = _answer(request, HTTPStatus.TOO_MANY_REQUESTS, "429.html", {"seconds": seconds})
    answer["Retry-After"] = str(seconds)
    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "500.html")


class ErrorPages:
    """A middleware, because an outage of the database is neither a view's fault nor a 500.

    A proxy or a browser may ask again after a 503; Stripe does so too. A page that answers to
    forms alone, opened by a bookmark or a reload, is a dead end with words in it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET":
            page = _page(HTTPStatus.METHOD_NOT_ALLOWED, "405.html")
            page["Allow"] = response["Allow"]
            return page
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, OperationalError | InterfaceError):
            return None
        logger.error("The database did not answer %s.", route_of(request), exc_info=error)
        answer = _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "503.html")
        answer["Retry-After"] = str(SECONDS_TO_WAIT)
        return answer


class ScrubbedExceptionReporter(ExceptionReporter):
    """Django's page for developers, without the values of secrets.

    Django hides settings by their names, but shows what each line of code has in hand.
    """

    def get_traceback_html(self) -> SafeString:
        return _without_secrets(super().get_traceback_html())

    def get_traceback_text(self) -> SafeString:
        return _without_secrets(super().get_traceback_text())


def _without_secrets(safe: SafeString) -> SafeString:
    text: str = safe
    for secret in SECRETS:
        text = text.replace(secret, "…").replace(escape(secret), "…")
    return SafeString(text)


def _answer(
    request: HttpRequest, status: HTTPStatus, template: str, context: dict[str, Any] | None = None
) -> HttpResponse:
    if request.content_type == "application/json":
        return JsonResponse({"error": WORDS[status]}, status=status)
    return _page(status, template, context)


def _page(status: HTTPStatus, template: str, context: dict[str, Any] | None = None) -> HttpResponse:
    about = shop_context() | (context or {})
    page = HttpResponse(render_to_string(template, about), status=status)
    page["Cache-Control"] = "no-store"
    return page
