"""The worker: does what is due, again and again, for as long as it runs.

Any number of them may run, on any number of machines: of each kind of work one process at a time
does what there is to do, by a lease in the database, where it also stands what was done when.
"""

import logging
import os
import signal
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, close_old_connections, connections
from django.db.backends.signals import connection_created
from django.utils import timezone

from checkout import doctor, leases, outbox
from checkout.management.commands import reconcile_orders
from checkout.models import Lease
from storefront.ops.companion import NOT_WANTED
from storefront.ops.connections import give_up, limit_waiting
from storefront.ops.health import are_migrations_pending
from storefront.startup import log_mode

logger = logging.getLogger(__name__)

# So soon what is due is begun.
TICK_SECONDS = 2
# After each mail, for the pages and webhooks of a machine that has little to spare.
REST_SECONDS = 0.02
# Longer than nearly all that is begun takes, and shorter than platforms wait.
GRACE_SECONDS = 5
MESSAGES = "messages"

Turn = Callable[[], None]


class TablesMissing(Exception):
    """A release has not migrated the database yet."""


class Command(BaseCommand):
    help = (
        "Does the work that belongs to no visit, for as long as it runs: tells what has to be "
        "told, brings orders up to what Stripe knows, and once a day compares the books and "
        "forgets what is no longer needed. The server starts one, unless WORKER says otherwise."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--beside-a-server",
            action="store_true",
            help="for the server that starts it: end when the standard input does",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        is_beside = options["beside_a_server"]
        if is_beside and settings.WORKER != "inline":
            logger.info("WORKER is %s: this server starts no worker.", settings.WORKER)
            sys.exit(NOT_WANTED)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _end)
        connection_created.connect(limit_waiting)
        leases.end_when_lost()
        is_over = threading.Event()
        if is_beside:
            threading.Thread(target=_watch_server, args=(is_over,), daemon=True).start()
        else:
            log_mode()
        _work(is_over)


def send_messages(is_over: threading.Event) -> None:
    now = timezone.now()
    if outbox.is_due(now):
        with leases.held(MESSAGES) as is_ours:
            if is_ours:
                outbox.send_due(now, rest=partial(is_over.wait, REST_SECONDS))


def find_tables() -> None:
    if are_migrations_pending():
        raise TablesMissing


def _end(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit()


def _watch_server(is_over: threading.Event) -> None:
    """The server never writes: what comes is its end."""
    os.read(sys.stdin.fileno(), 1)
    is_over.set()


def _work(is_over: threading.Event) -> None:
    """Take turns in threads, so that what is slow holds up nothing else."""
    orders = reconcile_orders.Command()
    orders.sends = False
    rounds = partial(orders.go_round, reconcile_orders.YOUNG, settings.ROUND)
    messages = partial(send_messages, is_over)
    turns: list[Turn] = [rounds, messages, doctor.grant_wishes]
    threads = [threading.Thread(target=_repeat, args=(t, is_over), daemon=True) for t in turns]
    try:
        problem = _take(find_tables)
        while problem and not is_over.wait(TICK_SECONDS):
            problem = _take(find_tables, problem)
        for thread in threads:
            thread.start()
        # Python looks at signals before and after a wait: one just before would wait as well.
        while not is_over.wait(TICK_SECONDS):
            pass
    finally:
        is_over.set()
        _end_all(threads)


def _end_all(threads: list[threading.Thread]) -> None:
    """Let them end what they are at, or cut it off as a kill would, so that another goes on."""
    until = time.monotonic() + GRACE_SECONDS
    for thread in filter(threading.Thread.is_alive, threads):
        thread.join(max(0, until - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        Lease.release(leases.HOLDER)
        os._exit(0)


def _repeat(turn: Turn, is_over: threading.Event) -> None:
    """Take turns until it is over. An error ends the process: the server starts a new one."""
    problem = ""
    try:
        while not is_over.is_set():
            problem = _take(turn, problem)
            close_old_connections()
            is_over.wait(TICK_SECONDS)
        connections.close_all()
    except Exception:
        logger.exception("The worker failed.")
        os._exit(1)


def _take(turn: Turn, problem_before: str = "") -> str:
    """Take the turn; return why it could not be taken, which is logged when it begins."""
    problem = ""
    try:
        turn()
    except TablesMissing:
        problem = "Migrations are pending"
    except (DatabaseError, InterfaceError) as error:
        if not reconcile_orders.may_pass(error):
            raise
        give_up()
        problem = f"The database did not answer ({error})"
    if problem and not problem_before:
        logger.warning("%s, so the worker waits.", problem)
    return problem
