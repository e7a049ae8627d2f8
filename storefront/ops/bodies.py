"""Limits the size of a request, whether it announces its length or not."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest

# The shop's forms and its JSON call take a few hundred bytes, Stripe's events some thousands.
MAX_FORM_BYTES, MAX_EVENT_BYTES = 256 * 1024, 1024 * 1024


def is_too_large(request: HttpRequest, view: Callable[..., Any]) -> bool:
    """Whether the body is more than this view takes; none is read that is announced as more.

    BadRequest for a body that breaks off.
    """
    limit = _most_bytes(request, view)
    if announced := request.META.get("CONTENT_LENGTH"):
        try:
            return int(announced) > limit
        except ValueError:  # and Django will not read any of it
            return False
    return _read_unannounced(request, limit + 1) > limit


def _most_bytes(request: HttpRequest, view: Callable[..., Any]) -> int:
    if getattr(view, "csrf_exempt", False):
        return MAX_EVENT_BYTES
    if request.resolver_match and request.resolver_match.namespace == "admin":
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    return MAX_FORM_BYTES


def _read_unannounced(request: HttpRequest, most: int) -> int:
    """Read a body that comes in chunks; return its length.

    Some routers (Cloudflare's for one) forward forms so, and Django takes a body without a length
    for an empty one. A server that knows where such a body ends says `wsgi.input_terminated`.
    """
    if not request.META.get("wsgi.input_terminated"):
        return 0
    try:
        body = request.META["wsgi.input"].read(most)
    except Exception as error:  # each server has its own for chunks that are none
        raise BadRequest("The body breaks off") from error
    vars(request)["_body"] = body  # where Django keeps what it has read
    request.META["CONTENT_LENGTH"] = str(len(body))
    return len(body)
