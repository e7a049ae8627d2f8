"""Restores a backup, replacing everything in the database."""

from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections
from django.utils.module_loading import import_string

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
        make_file(connections[DEFAULT_DB_ALIAS])
        if connection.introspection.table_names() and not options["replace"]:
            raise CommandError(
                "This database is not empty, and all in it would be gone. Stop the shop, "
                "save it with `manage.py backup`, then add --replace."
            )
        file = Path(options["file"])
        try:
            backups.restore(file)
            moment = backups.moment_of(file)
        except backups.BackupFailed as error:
            raise CommandError(str(error)) from None
        with suppress(DatabaseError):  # an earlier release may have had no such tables
            import_string(settings.NOTES_RESTORE)()
        self.stdout.write(f"Restored {file}, saved at {moment or 'a moment unknown'}. Now run")
        for command in settings.AFTER_RESTORE:
            self.stdout.write(f"  python manage.py {command.format(moment=_words(moment))}")
        if not moment:
            self.stdout.write("with the moment when it was saved; an earlier one does no harm.")


def _words(moment: datetime | None) -> str:
    return moment.isoformat(timespec="seconds") if moment else "MOMENT"
