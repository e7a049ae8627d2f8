"""Brings orders up to what Stripe knows; once, or every so many seconds."""

import logging
import time
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from checkout.outbox import send_due
from checkout.reconciling import Report, reconcile

logger = logging.getLogger("checkout.reconciling")


class Command(BaseCommand):
    help = (
        "Asks Stripe about orders that wait and events that could not be delivered, gives back "
        "stock that nobody will pay for, and does what is due. Safe to run at any time."
    )

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
        while True:
            self._run_and_log(older_than)
            time.sleep(options["every"])
            close_old_connections()

    def _run_and_log(self, older_than: timedelta) -> None:
        """A restart of the database, or a lock held too long, is no reason to end for good."""
        try:
            report = self._run(older_than)
        except (InterfaceError, OperationalError) as error:
            logger.error("The database did not answer (%s), so the next run goes on.", error)
        else:
            level = logging.WARNING if report.trouble else logging.INFO
            logger.log(level, "%s", report, extra={"fields": asdict(report)})

    def _run(self, older_than: timedelta) -> Report:
        now = timezone.now()
        if settings.STRIPE_DEMO_MODE:
            return Report(followed_up=send_due(now), is_demo=True)
        return reconcile(now, older_than=older_than)
