"""Lets nobody try passwords so that others have to wait, and the merchant in at any time.

A hash takes half a second of a whole core. So a process makes one at a time, and who comes while
another waits already is asked to come again. A browser that has signed in here before waits its
turn instead, and has a budget of its own (rate_limits.py): whoever tries passwords, from however
many addresses, does not keep the merchant out.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.signing import BadSignature
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from storefront.ops.error_pages import too_quick

SALT = "storefront.logins"
ONE_YEAR = 365 * 24 * 60 * 60
SECONDS_TO_WAIT = 2

_turn = Lock()
_places = BoundedSemaphore(2)  # for the one whose turn it is, and one who waits


class Busy(Exception):
    """Another password is being checked, and one waits already."""


class OneAtATime(ModelBackend):
    """Checks one password at a time."""

    def authenticate(self, request: HttpRequest | None, *args: Any, **kwargs: Any) -> Any:
        with _its_turn(request):
            user = super().authenticate(request, *args, **kwargs)
        if request and isinstance(user, AbstractBaseUser):
            vars(request)["has_right_password"] = True
        return user


class Logins:
    """Remembers a browser that has signed in, and answers one that has to come again."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if "has_right_password" in vars(request):
            response.set_signed_cookie(
                settings.DESK_COOKIE_NAME,
                browser_of(request) or secrets.token_hex(16),
                salt=SALT,
                max_age=ONE_YEAR,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return too_quick(request, SECONDS_TO_WAIT) if isinstance(error, Busy) else None


def browser_of(request: HttpRequest) -> str:
    """Return the id of a browser that has signed in here before, or nothing."""
    try:
        return str(
            request.get_signed_cookie(settings.DESK_COOKIE_NAME, salt=SALT, max_age=ONE_YEAR)
        )
    except (KeyError, BadSignature):
        return ""


@contextmanager
def _its_turn(request: HttpRequest | None) -> Iterator[None]:
    is_known = request is None or bool(browser_of(request))
    if not is_known and not _places.acquire(blocking=False):
        raise Busy
    try:
        with _turn:
            yield
    finally:
        if not is_known:
            _places.release()
