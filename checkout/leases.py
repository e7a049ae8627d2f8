"""Holds a lease while this process works.

A holder that was stopped for so long that another one took over has no say any more: the worker
ends then. What it was at is safe, as each unit of the work is one transaction with a condition of
its own, made to be cut off anywhere.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from checkout.models import Lease
from storefront.ops.connections import give_up

logger = logging.getLogger(__name__)

HOLDER = f"{socket.gethostname()[:80]}:{os.getpid()}:{secrets.token_hex(4)}"
LOST = 75  # the exit status, which means: try again

_held: set[str] = set()
_ends_when_lost = False


def end_when_lost() -> None:
    """Let this process end if it loses a lease, as it is started again; a command goes on."""
    global _ends_when_lost
    _ends_when_lost = True


@contextmanager
def held(name: str) -> Iterator[bool]:
    """Hold the lease of the name, unless another process does; gives whether it is held."""
    if name in _held or not Lease.take(name, HOLDER):
        yield name in _held
        return
    _held.add(name)
    is_over = threading.Event()
    threading.Thread(target=_keep, args=(name, is_over), daemon=True).start()
    try:
        yield True
    finally:
        is_over.set()
        _held.remove(name)
        was_ours = Lease.release(HOLDER, name=name)
    if not was_ours:
        _lose(name)


def _keep(name: str, is_over: threading.Event) -> None:
    """Renew it in time, until it is over or lost."""
    seconds, renewed_at = settings.LEASE.total_seconds(), time.monotonic()
    is_lost = False
    while not is_lost and not is_over.wait(seconds / 3):
        now = time.monotonic()
        try:
            is_lost = not Lease.renew(name, HOLDER)
            renewed_at = now
        except (DatabaseError, InterfaceError):
            give_up()
            # It may be away for this process alone.
            is_lost = now > renewed_at + seconds
    connection.close()
    if is_lost and not is_over.is_set():
        _lose(name)


def _lose(name: str) -> None:
    logger.error("Another process may be at the %s by now.", name)
    if _ends_when_lost:
        os._exit(LOST)
