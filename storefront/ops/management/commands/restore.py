"""Brings a backup back, in the place of everything that the database holds now."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from storefront.ops import backups


class Command(BaseCommand):
    help = "Brings a backup back, in the place of everything that the database holds now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="what `manage.py backup` has saved")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="do so although the database holds something that will be gone",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.introspection.table_names() and not options["replace"]:
            raise CommandError(
                "This database is not empty, and all that it holds would be gone. Stop the shop, "
                "save it with `manage.py backup`, then add --replace."
            )
        try:
            backups.restore(Path(options["file"]))
        except backups.CannotBackUp as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Restored {options['file']}. Now run `manage.py migrate`.")
