"""Prints what the shop knows of a person, as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from checkout import persons


class Command(BaseCommand):
    help = "Prints everything about the orders of an e-mail address, as JSON, to hand out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", help="the person's e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        known = persons.export(options["address"])
        self.stdout.write(json.dumps(known, cls=DjangoJSONEncoder, indent=2))
