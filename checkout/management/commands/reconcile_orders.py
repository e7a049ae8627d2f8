"""Brings orders up to what Stripe knows; once, or every so many seconds.

Once a day it compares the books with Stripe. With --every it runs for ever, and once a day it
deletes what is no longer needed as well. What search looks through follows what servers of another
release have written meanwhile.
"""

import logging
import time
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError, ProgrammingError, close_old_connections
from django.utils import timezone

from checkout import comparing
from checkout.comparing import Comparison, compare
from checkout.gateway import failures
from checkout.models import Heartbeat
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
# Before there was any payment at Stripe.
LONG_AGO = datetime(2010, 1, 1, tzinfo=UTC)
IN_DEMO = "Demo shop: Stripe is not asked."


class Command(BaseCommand):
    help = (
        "Asks Stripe about orders that wait and events that could not be delivered, gives back "
        "stock that nobody will pay for, and does what is due. Once a day it compares the books "
        "with Stripe, and ends with 1 if they differ. Safe to run at any time."
    )
    _purged_at: datetime | None = None

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than",
            type=int,
            default=5,
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
            self.stdout.write(str(self._run(older_than)))
            Product.objects.fold_again()
            self._say(self._compare_once_a_day(older_than))

    def _recover(self, since: datetime) -> None:
        if settings.STRIPE_DEMO_MODE:
            self.stdout.write(IN_DEMO)
            return
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
            self._run_and_log(older_than)
            time.sleep(options["every"])
            close_old_connections()

    def _run_and_log(self, older_than: timedelta) -> None:
        """A restart of the database is no reason to end for good.

        Nor is a lock held too long, or a table that the release is just about to make.
        """
        try:
            report = self._run(older_than)
            level = logging.WARNING if report.problem else logging.INFO
            logger.log(level, "%s", report, extra={"fields": asdict(report)})
            self._compare_and_log(older_than)
            self._purge_once_a_day()
        except (DatabaseError, InterfaceError) as error:
            if not is_outage(error) and not isinstance(error, ProgrammingError):
                raise
            give_up()
            logger.error("The database did not answer (%s), so the next run goes on.", error)

    def _compare_and_log(self, older_than: timedelta) -> None:
        if found := self._compare_once_a_day(older_than):
            logger.log(logging.ERROR if found.differences else logging.INFO, "%s", found)

    def _purge_once_a_day(self) -> None:
        """Go on after the next run of the orders if there was too much for one."""
        now = timezone.now()
        if self._purged_at and now < self._purged_at + ONE_DAY:
            return
        Product.objects.fold_again()
        report = purge(now, seconds=PURGE_SECONDS)
        logger.info("%s", report, extra={"fields": asdict(report)})
        if report.is_complete:
            self._purged_at = now

    def _run(self, older_than: timedelta) -> ReconcileReport:
        now = timezone.now()
        if settings.STRIPE_DEMO_MODE:
            report = ReconcileReport(sent=send_due(now), is_demo=True)
        else:
            report = reconcile(now, older_than=older_than)
        Product.objects.filter(search_text="").fold_again()
        Heartbeat.beat(Heartbeat.Name.ROUND, timezone.now(), str(report))
        return report


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
