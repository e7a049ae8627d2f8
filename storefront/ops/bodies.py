"""Limits the size of a request, whether it announces its length or not."""

from collections.abc import Callable
from tempfile import TemporaryFile
from typing import Any
from weakref import finalize

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest

# The shop's forms and its JSON call take a few hundred bytes, Stripe's events some thousands.
MAX_FORM_BYTES, MAX_EVENT_BYTES = 256 * 1024, 1024 * 1024
# Photographs, from merchants alone.
MAX_UPLOAD_BYTES = 64 * 1024 * 1024
CHUNK = 64 * 1024


def is_too_large(request: HttpRequest, view: Callable[..., Any]) -> bool:
    """Whether the body is more than this view takes; none is read that is announced as more.

    BadRequest for a body that breaks off.
    """
    limit = _most_bytes(request, view)
    if announced := request.META.get("CONTENT_LENGTH"):
        try:
            length = int(announced)
        except ValueError:  # and Django will not read any of it
            return False
        return length > limit and length > _most_bytes_of_uploads(request)
    return _is_unannounced_too_large(request, limit)


def _most_bytes(request: HttpRequest, view: Callable[..., Any]) -> int:
    if getattr(view, "csrf_exempt", False):
        return MAX_EVENT_BYTES
    if request.resolver_match and request.resolver_match.namespace == "admin":
        return int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    return MAX_FORM_BYTES


def _most_bytes_of_uploads(request: HttpRequest) -> int:
    """Return what this very user may send to this form; 0 if no more than anybody."""
    view = request.resolver_match.view_name if request.resolver_match else ""
    permission = settings.UPLOADS.get(view)
    if request.method != "POST" or not permission:
        return 0
    user = request.user
    is_merchant = user.is_active and user.is_staff and user.has_perm(permission)
    return MAX_UPLOAD_BYTES if is_merchant else 0


def _is_unannounced_too_large(request: HttpRequest, limit: int) -> bool:
    """Read a body that comes in chunks, as far as it may be read.

    Some routers (Cloudflare's for one) forward forms so, and Django takes a body without a length
    for an empty one. A server that knows where such a body ends says `wsgi.input_terminated`.
    """
    if not request.META.get("wsgi.input_terminated"):
        return False
    body = _read(request, limit + 1)
    if len(body) <= limit:
        vars(request)["_body"] = body  # where Django keeps what it has read
        request.META["CONTENT_LENGTH"] = str(len(body))
        return False
    most = _most_bytes_of_uploads(request)
    return not most or _is_upload_too_large(request, body, most)


def _is_upload_too_large(request: HttpRequest, begun: bytes, most: int) -> bool:
    """Read the rest into a file, for the memory, and let Django read it from there."""
    file = TemporaryFile()  # noqa: SIM115 (it is read as long as the request is there)
    finalize(request, file.close)
    length = file.write(begun)
    while length <= most and (chunk := _read(request, CHUNK)):
        length += file.write(chunk)
    file.seek(0)
    vars(request)["_stream"] = file  # from which Django reads the body
    request.META["CONTENT_LENGTH"] = str(length)
    return length > most


def _read(request: HttpRequest, most: int) -> bytes:
    try:
        return bytes(request.META["wsgi.input"].read(most))
    except Exception as error:  # each server has its own for chunks that are none
        raise BadRequest("The body breaks off") from error
