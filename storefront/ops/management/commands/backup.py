"""Saves the whole database into a file, while the shop is open."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone
from django.utils.module_loading import import_string

from storefront.ops import backups


class Command(BaseCommand):
    help = "Saves the whole database into a file, while the shop is open."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", help="a new file; named by the time if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        named_by_time = f"shop-{timezone.now():%Y%m%d-%H%M%S}{backups.suffix()}"
        file = Path(options["file"] or named_by_time)
        try:
            backups.save(file)
        except backups.BackupFailed as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Saved {file} ({file.stat().st_size:,} bytes).")
        with suppress(DatabaseError):  # it may take no changes any more, which is why
            import_string(settings.NOTES_BACKUP)()
