"""Restores a backup, replacing everything in the database."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from storefront.ops import backups
from storefront.ops.management.commands.migrate import make_file


class Command(BaseCommand):
    help = "Restores a backup, replacing everything in the database."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="a file that `manage.py backup` saved")
        parser.add_argument(
            "--replace",
            action="store_true",
            help="restore although the database is not empty; all in it will be gone",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        make_file(connection)
        if connection.introspection.table_names() and not options["replace"]:
            raise CommandError(
                "This database is not empty, and all in it would be gone. Stop the shop, "
                "save it with `manage.py backup`, then add --replace."
            )
        try:
            backups.restore(Path(options["file"]))
        except backups.BackupFailed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Restored {options['file']}. Now run `manage.py migrate`.")
