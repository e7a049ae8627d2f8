"""Limits how often a shopper or an address may change something."""

import logging
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

from storefront.ops.addresses import networks_of
from storefront.ops.logins import browser_of
from storefront.ops.shopper import shopper_of

logger = logging.getLogger(__name__)

WINDOW_SECONDS, HOUR_SECONDS = 60, 60 * 60
# How long a cache that does not answer is left alone: each try would cost a shopper its time-out.
PAUSE_SECONDS = 10

_paused_until = 0.0


def seconds_to_wait(request: HttpRequest) -> int:
    """Count the request; return 0 if it is within the budgets, else the seconds until one is."""
    now = time.time()
    if now < _paused_until:
        return 0
    try:
        is_allowed = _is_allowed(request, int(now // WINDOW_SECONDS))
    except Exception as error:  # each kind of cache has its own, and none may cost an order
        _pause(now, error)
        return 0
    return 0 if is_allowed else WINDOW_SECONDS - int(now % WINDOW_SECONDS)


def times_this_hour(key: str) -> int:
    """Count once more, and return how often it was in this hour; 0 while the cache is away."""
    now = time.time()
    if now < _paused_until:
        return 0
    try:
        return _count(f"{key}/{int(now // HOUR_SECONDS)}", HOUR_SECONDS)
    except Exception as error:  # as above
        _pause(now, error)
        return 0


def _is_allowed(request: HttpRequest, window: int) -> bool:
    """The address comes first: a client can leave its cookie out, but not its address."""
    view = request.resolver_match.view_name if request.resolver_match else ""
    name = view if view in settings.BUDGETS else "changes"
    per_shopper, per_address = settings.BUDGETS[name]
    # What others try from the merchant's network must not keep the merchant out.
    if per_address and name == "admin:login" and (browser := browser_of(request)):
        return _count(f"{name}/{window}/{browser}") <= per_address
    for network, addresses in networks_of(request).items() if per_address else ():
        if _count(f"{name}/{window}/{network}") > per_address * addresses:
            return False
    shopper = shopper_of(request) if per_shopper else None
    return not shopper or _count(f"{name}/{window}/{shopper.hex}") <= per_shopper


def _count(key: str, seconds: int = WINDOW_SECONDS) -> int:
    """Return the request's number; no two requests get the same one.

    The key outlives its window: if it ended between Redis' look and its increment, Redis would
    make a new one that never ends.
    """
    try:
        return int(cache.incr(key))
    except ValueError:
        is_first = cache.add(key, 1, 2 * seconds)
        return 1 if is_first else int(cache.incr(key))


def _pause(now: float, error: Exception) -> None:
    global _paused_until
    _paused_until = now + PAUSE_SECONDS
    # The error's own message may repeat the address of the cache, with its password.
    logger.error(
        "The cache does not answer (%s), so nothing is limited for %d seconds. Look at CACHE_URL.",
        type(error).__name__,
        PAUSE_SECONDS,
    )
