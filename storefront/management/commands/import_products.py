"""Puts the products of a CSV file on the shelf, or changes those that are there."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from storefront.importing import Refused, import_products


class Command(BaseCommand):
    help = "Puts the products of a CSV file on the shelf, or changes those that are there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="the CSV file; - reads the standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(str(import_products(_read(options["file"]))))
        except Refused as refused:
            raise CommandError(str(refused)) from None


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise CommandError(f"{file} can't be read: {error.strerror}.") from None
