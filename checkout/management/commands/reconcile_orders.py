"""Brings orders up to what Stripe knows; once, or every so many seconds.

Who runs without end also deletes, once a day, what nobody needs any more.
"""

import time
from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import InterfaceError, OperationalError, close_old_connections
from django.utils import timezone

from checkout.forgetting import forget
from checkout.outbox import send_due
from checkout.reconciling import reconcile

ONE_DAY = timedelta(days=1)
# A first run over years of orders must not keep new ones waiting.
FORGETTING_SECONDS = 20


class Command(BaseCommand):
    help = (
        "Asks Stripe about orders that wait and events that could not be delivered, gives back "
        "stock that nobody will pay for, and does what is due. Safe to run at any time."
    )
    _forgotten_at: datetime | None = None

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
            return self._run(older_than)
        while True:
            self._run_if_the_database_answers(older_than)
            time.sleep(options["every"])
            close_old_connections()

    def _run_if_the_database_answers(self, older_than: timedelta) -> None:
        """A restart of the database, or a lock held too long, is no reason to end for good."""
        try:
            self._run(older_than)
            self._forget_once_a_day()
        except (InterfaceError, OperationalError) as error:
            self.stderr.write(f"The database did not answer ({error}), so the next run goes on.")

    def _forget_once_a_day(self) -> None:
        """Go on after the next run of the orders if there was too much for one."""
        now = timezone.now()
        if self._forgotten_at and now < self._forgotten_at + ONE_DAY:
            return
        report = forget(now, seconds=FORGETTING_SECONDS)
        self.stdout.write(str(report))
        if report.is_complete:
            self._forgotten_at = now

    def _run(self, older_than: timedelta) -> None:
        now = timezone.now()
        if settings.STRIPE_DEMO_MODE:
            done = send_due(now)
            self.stdout.write(f"Demo shop: Stripe is not asked; {done} follow-ups done.")
            return
        self.stdout.write(str(reconcile(now, older_than=older_than)))
