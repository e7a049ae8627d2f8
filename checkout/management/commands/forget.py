"""Deletes what is no longer needed: old carts, orders never paid, events of no order."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from checkout.purging import purge


class Command(BaseCommand):
    help = (
        "Deletes carts that no shopper touched, orders that were never paid and can't be any more, "
        "and events of no order, once they are old enough. Safe to run at any time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(str(purge(timezone.now())))
