"""How much one request may bring, and how often a shopper or an address may change something."""

import logging
import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from storefront.ops.shopper import shopper_of

logger = logging.getLogger("storefront.ops.rate_limits")

# The shop's forms and its JSON call take a few hundred bytes, Stripe's events some thousands.
FORM_BYTES, EVENT_BYTES = 256 * 1024, 1024 * 1024

WINDOW_SECONDS = 60
# A cache that is away is left alone for so long: each try would cost a shopper its time-out.
PAUSE_SECONDS = 10

_paused_until = 0.0


def is_too_large(request: HttpRequest, view: Callable[..., Any]) -> bool:
    """Whether the body is announced as more than this view takes; nothing of it is read yet."""
    most = FORM_BYTES
    if getattr(view, "csrf_exempt", False):
        most = EVENT_BYTES
    elif request.resolver_match and request.resolver_match.namespace == "admin":
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    try:
        return int(request.headers.get("Content-Length") or 0) > most
    except ValueError:  # nor will Django read any of it
        return False


def seconds_to_wait(request: HttpRequest) -> int:
    """Count the request; 0 if it is within the budgets, else how long until the next one is."""
    now = time.time()
    if now < _paused_until:
        return 0
    try:
        is_allowed = _is_allowed(request, int(now // WINDOW_SECONDS))
    except Exception as error:  # each kind of cache has its own, and none may cost an order
        _pause(now, error)
        return 0
    return 0 if is_allowed else WINDOW_SECONDS - int(now % WINDOW_SECONDS)


def _is_allowed(request: HttpRequest, window: int) -> bool:
    """The address comes first: it is there without a cookie, which anybody can leave out."""
    view = request.resolver_match.view_name if request.resolver_match else ""
    name = view if view in settings.BUDGETS else "changes"
    of_shopper, of_address = settings.BUDGETS[name]
    if of_address and _count(f"{name}/{window}/{_address_of(request)}") > of_address:
        return False
    shopper = shopper_of(request) if of_shopper else None
    return not shopper or _count(f"{name}/{window}/{shopper.hex}") <= of_shopper


def _count(key: str) -> int:
    """Two requests at once never get the same number.

    The key outlives its window: Redis would make a new one, for ever, of one that ends between
    its look and its increment.
    """
    try:
        return int(cache.incr(key))
    except ValueError:
        is_first = cache.add(key, 1, 2 * WINDOW_SECONDS)
        return 1 if is_first else int(cache.incr(key))


def _address_of(request: HttpRequest) -> str:
    """Return who sends the request.

    The router in front appends what it sees to what the client claims, so that of all the
    entries the right-most one alone can't be made up.
    """
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.TRUST_PROXY else ""
    return _customer(forwarded.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", ""))


@lru_cache(maxsize=1_000)
def _customer(address: str) -> str:
    """Tell customers from one another: with IPv6 each of them has a whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or f"{int(parsed) >> 64:x}")
    return str(parsed)


def _pause(now: float, error: Exception) -> None:
    global _paused_until
    _paused_until = now + PAUSE_SECONDS
    # The words of an error may repeat the address of the cache, with its password.
    logger.error(
        "The cache does not answer (%s), so nothing is limited for %d seconds. Look at CACHE_URL.",
        type(error).__name__,
        PAUSE_SECONDS,
    )
