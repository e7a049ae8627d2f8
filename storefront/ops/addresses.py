"""Knows where a request comes from, however the router in front writes it down."""

import logging
from collections.abc import Mapping
from functools import cache, lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest

logger = logging.getLogger(__name__)

# What a customer has with IPv6, and how many addresses of IPv4 that may stand for: a /64 is a
# phone's or a small home's, a /56 is a larger home's, or that of some phones.
PREFIXES = {64: 1, 56: 2}


def networks_of(request: HttpRequest) -> Mapping[str, int]:
    """Return the networks that the request counts for, and how many addresses each stands for.

    That is an IPv4 address itself; of IPv6 it is the networks that one customer may have.
    """
    return _networks_of(_address_of(request))


def _address_of(request: HttpRequest) -> str:
    """Return the sender's address as it is written.

    The router in front appends what it sees to what the client claims, so only the right-most
    entry can't be made up. One that can't be read must not make one sender of all the world.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    if not settings.TRUST_PROXY:
        return peer
    seen = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2]
    if _parsed(seen):
        return seen
    _say_that_no_sender_is_named()
    return peer


@lru_cache(maxsize=1_000)
def _networks_of(written: str) -> Mapping[str, int]:
    address = _parsed(written)
    if isinstance(address, IPv6Address):
        return {_network(address, prefix): many for prefix, many in PREFIXES.items()}
    return {str(address or "unknown"): 1}


@lru_cache(maxsize=1_000)
def _parsed(written: str) -> IPv4Address | IPv6Address | None:
    """Read an address that may have a port, brackets or a zone."""
    text = written.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    for candidate in (text, text.rpartition(":")[0]):
        try:
            address = ip_address(candidate)
        except ValueError:
            continue
        return getattr(address, "ipv4_mapped", None) or address
    return None


def _network(address: IPv6Address, prefix: int) -> str:
    return str(IPv6Network((int(address), prefix), strict=False))


@cache
def _say_that_no_sender_is_named() -> None:
    """Say it once in a process: it is so with every request, or a scanner's doing."""
    logger.warning(
        "TRUST_PROXY is set, but X-Forwarded-For does not end with an address that can be read. "
        "The connection's own address counts, so all who come by that router count as one."
    )
