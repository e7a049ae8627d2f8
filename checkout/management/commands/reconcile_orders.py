"""Brings orders up to what Stripe knows; once, or every so many seconds.

With --every it runs for ever, and once a day it deletes what is no longer needed as well.
"""

import logging
import time
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, ProgrammingError, close_old_connections
from django.utils import timezone

from checkout.outbox import send_due
from checkout.purging import purge
from checkout.reconciling import ReconcileReport, reconcile
from storefront.ops.connections import give_up, is_outage
from storefront.startup import log_mode

logger = logging.getLogger(__name__)

ONE_DAY = timedelta(days=1)
# A first run over years of orders must not keep new ones waiting.
PURGE_SECONDS = 20


class Command(BaseCommand):
    help = (
        "Asks Stripe about orders that wait and events that could not be delivered, gives back "
        "stock that nobody will pay for, and does what is due. Safe to run at any time."
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

    def handle(self, *args: Any, **options: Any) -> None:
        older_than = timedelta(minutes=options["older_than"])
        if not options["every"]:
            self.stdout.write(str(self._run(older_than)))
            return
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
            self._purge_once_a_day()
        except (DatabaseError, InterfaceError) as error:
            if not is_outage(error) and not isinstance(error, ProgrammingError):
                raise
            give_up()
            logger.error("The database did not answer (%s), so the next run goes on.", error)

    def _purge_once_a_day(self) -> None:
        """Go on after the next run of the orders if there was too much for one."""
        now = timezone.now()
        if self._purged_at and now < self._purged_at + ONE_DAY:
            return
        report = purge(now, seconds=PURGE_SECONDS)
        logger.info("%s", report, extra={"fields": asdict(report)})
        if report.is_complete:
            self._purged_at = now

    def _run(self, older_than: timedelta) -> ReconcileReport:
        now = timezone.now()
        if settings.STRIPE_DEMO_MODE:
            return ReconcileReport(followed_up=send_due(now), is_demo=True)
        return reconcile(now, older_than=older_than)
