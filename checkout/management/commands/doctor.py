"""Looks at everything that the shop needs, asks Stripe, and says what to do."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from django.utils.timesince import timesince

from checkout import doctor
from checkout.doctor import at_home
from checkout.doctor.findings import Finding


class Command(BaseCommand):
    help = (
        "Looks at everything that the shop needs, and asks Stripe: the account, the webhook "
        "endpoint, tax, and whether an event of Stripe's arrives, for which it waits 20 seconds "
        "at most. Ends with 1 if anything is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mail", action="store_true", help="send a mail to MERCHANT_MAIL")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = self._examine(with_mail=options["mail"])
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(
                f"The database does not answer, or lacks its tables ({error}). See DATABASE_URL, "
                "and run `manage.py migrate`."
            ) from error
        for finding in found:
            self._say(finding)
        if count := sum(finding.is_wrong for finding in found):
            raise CommandError("1 thing is wrong." if count == 1 else f"{count} things are wrong.")
        self.stdout.write("Nothing is wrong.")

    def _examine(self, *, with_mail: bool) -> list[Finding]:
        asked = doctor.ask_stripe()
        first, *others = at_home.look(timezone.now())
        return [first, *asked, *others, *([doctor.try_mail()] if with_mail else [])]

    def _say(self, finding: Finding) -> None:
        age = f" ({timesince(finding.at)} ago)" if finding.at else ""
        is_seen = finding.state in (doctor.State.FINE, doctor.State.WRONG)
        state = "" if is_seen else f" [{finding.state}]"
        self.stdout.write(f"{finding.mark} {finding.title}{state}: {finding.words}{age}")
        if finding.todo:
            self.stdout.write(f"    {finding.todo}")
