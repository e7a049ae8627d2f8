"""Writes all products as a CSV file that import_products reads."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from storefront.exporting import exported_products


class Command(BaseCommand):
    help = "Writes all products as a CSV file that import_products reads."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", help="the file; to the standard output without")

    def handle(self, *args: Any, **options: Any) -> None:
        text, file = exported_products(), options["file"]
        if not file:
            self.stdout.write(text, ending="")
            return
        try:
            # With its mark: Excel would take it for another encoding.
            Path(file).write_bytes(text.encode("utf-8-sig"))
        except OSError as error:
            raise CommandError(f"{file} can't be written: {error.strerror}.") from None
