"""Brings orders up to what Stripe knows; once, or every so many seconds.

One process at a time does so: another one waits for it. Once a day it compares the books with
Stripe. With --every it runs for ever, and once a day it deletes what is no longer needed as well.
What search looks through follows what servers of another release have written meanwhile.
"""

import logging
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, ProgrammingError, close_old_connections
from django.utils import timezone

from checkout import comparing, doctor, leases
from checkout.comparing import Comparison, compare
from checkout.gateway import failures
from checkout.models import Heartbeat, Lease, Order
from checkout.outbox import send_due
from checkout.purging import purge
from checkout.reconciling import ReconcileReport, reconcile, recover
from storefront.models import Product
from storefront.ops.connections import give_up, is_outage
from storefront.startup import log_mode

logger = logging.getLogger(__name__)

ONE_DAY = timedelta(days=1)
# A first run over years of orders must not keep new ones waiting.
PURGE_SECONDS = 20
MOST_NAMES = 1_000
# Before there was any payment at Stripe.
LONG_AGO = datetime(2010, 1, 1, tzinfo=UTC)
LEASE = "orders"
YOUNG = timedelta(minutes=5)  # the webhook comes first
IN_DEMO = "Demo shop: Stripe is not asked."


class Command(BaseCommand):
    help = (
        "Asks Stripe about orders that wait and events that could not be delivered, gives back "
        "stock that nobody will pay for, and does what is due. Once a day it compares the books "
        "with Stripe, and ends with 1 if they differ. Safe to run at any time."
    )
    sends = True
    """Whether a round sends what is due; the worker does that at another pace."""
    _is_first = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than",
            type=int,
            default=YOUNG // timedelta(minutes=1),
            metavar="MINUTES",
            help="ask about orders placed so long ago (default: 5)",
        )
        parser.add_argument(
            "--every", type=int, metavar="SECONDS", help="go on for ever, with such pauses"
        )
        parser.add_argument(
            "--since",
            metavar="MOMENT",
            help="after a restore: apply all that Stripe knows since the backup, bring back orders "
            "that it does not hold, and compare; such as 2026-11-26T03:10:30+00:00",
        )
        parser.add_argument(
            "--compare",
            action="store_true",
            help="only compare the books of the last two days with Stripe; ends with 1 if they "
            "differ",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        modes = [options.get(name) for name in ("every", "since", "compare")]
        if sum(map(bool, modes)) > 1:
            raise CommandError("Choose one of --every, --since and --compare.")
        older_than = timedelta(minutes=options["older_than"])
        if options["every"]:
            self._go_on_for_ever(older_than, options)
        elif options.get("since") is not None:
            self._recover(_moment(options["since"]))
        elif options.get("compare"):
            self._say(self._compare(timezone.now() - comparing.LOOKS_BACK))
        else:
            with self._in_turn() as is_ours:
                if is_ours:
                    self.stdout.write(str(self._run(older_than)))
                    Product.objects.fold_again()
                    self._say(self._compare_once_a_day(older_than))

    @contextmanager
    def _in_turn(self) -> Iterator[bool]:
        """Wait for the process that is at it, which is there no more once its lease is over."""
        until = time.monotonic() + settings.LEASE.total_seconds() * 1.2
        if holder := Lease.holder_of(LEASE):
            self.stdout.write(f"Another process is at this work, so this one waits ({holder}).")
            self.stdout.flush()
        while True:
            with leases.held(LEASE) as is_ours:
                if is_ours or time.monotonic() > until:
                    yield is_ours
                    break
            time.sleep(0.2)
        if not is_ours:
            self.stdout.write("It goes on, so this one leaves the work to it: nothing was done.")

    def _recover(self, since: datetime) -> None:
        if settings.STRIPE_DEMO_MODE:
            self.stdout.write(IN_DEMO)
            return
        with self._in_turn() as is_ours:
            if not is_ours:
                raise CommandError("The other process does not end. Run this again once it has.")
            report = recover(timezone.now(), since)
            self.stdout.write(str(report))
            if not report.is_complete:
                raise CommandError("This is not all yet. Run it again: nothing is done twice.")
            self._say(self._compare(since))

    def _say(self, found: Comparison | None) -> None:
        """Print what was found; raise CommandError if the books differ."""
        if found and found.differences:
            raise CommandError(str(found))
        if found:
            self.stdout.write(str(found))

    def _compare(self, since: datetime, until: datetime | None = None) -> Comparison | None:
        if settings.STRIPE_DEMO_MODE:
            self.stdout.write(IN_DEMO)
            return None
        try:
            return compare(timezone.now(), since, until)
        except failures.StripeFailed as failure:
            raise CommandError(f"Books and Stripe were not compared: {failure}.") from failure

    def _compare_once_a_day(self, older_than: timedelta) -> Comparison | None:
        now = timezone.now()
        is_due = Heartbeat.is_due(Heartbeat.Name.BOOKS, now, ONE_DAY)
        if settings.STRIPE_DEMO_MODE or not is_due:
            return None
        until = now - older_than if older_than else None
        try:
            return compare(now, now - comparing.LOOKS_BACK, until)
        except failures.StripeRefused as refusal:
            # Tomorrow again: the merchant has to change what the key may read.
            note = f"books and Stripe were not compared: {refusal}; see what the key may read"
            Heartbeat.beat(Heartbeat.Name.BOOKS, now, note)
            logger.error("%s", note)
        except failures.StripeDown as failure:
            logger.warning("The books were not compared (%s), so the next run goes on.", failure)
        return None

    def _go_on_for_ever(self, older_than: timedelta, options: Any) -> None:
        log_mode()
        while True:
            is_away = False
            try:
                self.go_round(older_than)
            except (DatabaseError, InterfaceError) as error:
                if not may_pass(error):
                    raise
                give_up()
                is_away = True
                logger.error("The database did not answer (%s), so the next run goes on.", error)
            time.sleep(options["every"])
            if not is_away:
                close_old_connections()

    def go_round(self, older_than: timedelta, pause: timedelta | None = None) -> None:
        """Do the round, unless another process is at it or has done one within the pause."""
        if self._is_due(pause):
            with leases.held(LEASE) as is_ours:
                if is_ours and self._is_due(pause):
                    self._go_round(older_than)

    def _is_due(self, pause: timedelta | None) -> bool:
        return not (pause and Heartbeat.has_been(Heartbeat.Name.ROUND, pause))

    def _go_round(self, older_than: timedelta) -> None:
        report = self._run(older_than)
        logger.log(self._level(report), "%s", report, extra={"fields": asdict(report)})
        self._compare_and_log(older_than)
        self._purge_once_a_day()
        self._is_first = False

    def _level(self, report: ReconcileReport) -> int:
        """The first round says that the worker runs, and later ones what they found."""
        if report.problem:
            return logging.WARNING
        return logging.INFO if self._is_first or report.has_news else logging.DEBUG

    def _compare_and_log(self, older_than: timedelta) -> None:
        if found := self._compare_once_a_day(older_than):
            logger.log(logging.ERROR if found.differences else logging.INFO, "%s", found)

    def _purge_once_a_day(self) -> None:
        """Go on after the next run of the orders if there was too much for one."""
        is_done = Heartbeat.has_been(Heartbeat.Name.FORGET, ONE_DAY)
        if self._is_first or not is_done:
            Product.objects.fold_again()
        if is_done:
            return
        report = purge(timezone.now(), seconds=PURGE_SECONDS)
        logger.info("%s", report, extra={"fields": asdict(report)})
        if report.is_complete:
            Heartbeat.beat(Heartbeat.Name.FORGET, note=str(report))

    def _run(self, older_than: timedelta) -> ReconcileReport:
        now = timezone.now()
        if settings.STRIPE_DEMO_MODE:
            report = ReconcileReport(sent=send_due(now) if self.sends else 0, is_demo=True)
        else:
            report = reconcile(now, older_than=older_than, sends=self.sends)
        if self.sends:
            doctor.grant_wishes()
        Product.objects.filter(search_text="").fold_again()
        Order.objects.fold_again(MOST_NAMES)
        Heartbeat.beat(Heartbeat.Name.ROUND, note=str(report))
        return report


def may_pass(error: Exception) -> bool:
    """Whether the worker may go on: a restart of the database is no reason to end for good.

    Nor is a lock held too long, or a table that the release is just about to make.
    """
    return is_outage(error) or isinstance(error, ProgrammingError)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CommandError(
            "--since takes the moment of the backup with its zone, such as "
            f"2026-11-26T03:10:30+00:00, and can't read {text!r}."
        )
    if moment > timezone.now():
        raise CommandError(f"--since takes a moment of the past, and {text} is still to come.")
    return max(moment, LONG_AGO)
