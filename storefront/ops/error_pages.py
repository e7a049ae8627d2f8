"""Says in the shop's own words what went wrong; needs neither the database nor a good request."""

import logging
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    UnreadablePostError,
)
from django.template.defaultfilters import pluralize
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.views.debug import ExceptionReporter

from storefront.ops.connections import give_up, is_outage
from storefront.ops.environment import SECRETS
from storefront.ops.logs import route_of
from storefront.ops.pages import shop_context

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 30
DESK = "/admin/"


class Words(NamedTuple):
    """Title and text of a page, and what a client reads that sent JSON."""

    title: str
    text: str
    error: str


EXPIRED_FORM = Words(
    "The form has expired",
    "Nothing was charged, and your cart is as it was. Go back to the shop and press the button "
    "once more. If it happens again, allow cookies for this shop.",
    "The CSRF token is missing or too old. Nothing was charged.",
)
WORDS = {
    HTTPStatus.BAD_REQUEST: Words(
        "That request can’t be read",
        "Something in the address or the form was not as expected. Nothing was charged.",
        "The request can't be read. Nothing was charged.",
    ),
    HTTPStatus.FORBIDDEN: Words(
        "This page is not yours to see",
        "You may have to sign in first, or as somebody else. Nothing was changed.",
        "This is not yours to see. Nothing was changed.",
    ),
    HTTPStatus.NOT_FOUND: Words(
        "There is no such page",
        "The address may be mistyped, or the page is not yours to see.",
        "There is nothing at this address.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: Words(
        "Nothing to see at this address",
        "It takes the forms of the shop and shows no page of its own, for instance after a "
        "reload. Nothing was charged.",
        "There is nothing to GET at this address. Nothing was charged.",
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Words(
        "That is too large",
        "The form brought far more than this shop ever asks for, and none of it was read. Nothing "
        "was changed and nothing was charged.",
        "The request is too large. Nothing was charged.",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: Words(
        "That was too quick",
        "The shop had more from you, or from your network, than it takes within a minute. Nothing "
        "was changed by this and nothing was charged. Please go on in {wait}.",
        "Too many requests within a minute. Nothing was charged.",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: Words(
        "Something went wrong here",
        "It is our fault, and it is in our log. Your cart is safe, and a payment you have made is "
        "not lost. Please try again in a minute.",
        "Something went wrong in the shop. Please try again later.",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: Words(
        "The shop is out of order for a moment",
        "Its database does not answer. What you did last may not be saved, but nothing was "
        "charged by it, and a payment you have made is not lost. Please try again in a minute.",
        "The shop is out of order for a moment. Please try again.",
    ),
}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.BAD_REQUEST)


def expired_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, HTTPStatus.FORBIDDEN, EXPIRED_FORM)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.NOT_FOUND)


def too_large(request: HttpRequest) -> HttpResponse:
    return _answer(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def too_quick(request: HttpRequest, seconds: int) -> HttpResponse:
    title, text, error = WORDS[HTTPStatus.TOO_MANY_REQUESTS]
    text = text.format(wait=f"{seconds} second{pluralize(seconds)}")
    answer = _answer(request, HTTPStatus.TOO_MANY_REQUESTS, Words(title, text, error))
    answer["Retry-After"] = str(seconds)
    return answer


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what no view could catch, such as a session that middleware can't store."""
    error = sys.exception()
    if is_outage(error):
        return outage(request, error)
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR)


class ErrorPages:
    """Answers with a page where Django has no handler for it.

    An outage of the database is no fault of a view's and no 500: after a 503 a proxy, a browser
    and Stripe ask again. An address that takes forms alone, opened by a bookmark or a reload,
    would be an empty page.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or request.method != "GET":
            return response
        answer = _answer(request, HTTPStatus.METHOD_NOT_ALLOWED)
        answer["Allow"] = response["Allow"]
        return answer

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, UnreadablePostError):  # the client left in the middle of its body
            return _answer(request, HTTPStatus.BAD_REQUEST)
        return outage(request, error) if is_outage(error) else None


def outage(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    logger.error("The database did not answer %s.", route_of(request), exc_info=error)
    give_up()
    answer = _answer(request, HTTPStatus.SERVICE_UNAVAILABLE)
    answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


class ScrubbedExceptionReporter(ExceptionReporter):
    """Django's page for developers, without the values of secrets.

    Django hides settings by their names, but shows the variables at each line of code.
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


def _answer(request: HttpRequest, status: HTTPStatus, words: Words | None = None) -> HttpResponse:
    words = words or WORDS[status]
    if request.content_type == "application/json":
        return JsonResponse({"error": words.error}, status=status)
    return error_page(status, words, of_desk=request.path.startswith(DESK))


def error_page(status: HTTPStatus, words: Words, *, of_desk: bool = False) -> HttpResponse:
    """Answer htmx with the page as well: it takes a refusal from it (templates/base.html)."""
    context = shop_context(by_heart=True) | words._asdict()
    context["desk"] = DESK if of_desk else ""
    page = HttpResponse(render_to_string("error.html", context), status=status)
    page["Cache-Control"] = "no-store"
    return page
