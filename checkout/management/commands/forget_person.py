"""Takes a person out of their orders, which stay in the books."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from checkout import persons


class Command(BaseCommand):
    help = (
        "Takes a person out of the orders of an e-mail address: the address, where they were sent "
        "to, the browser that bought, private links and carts. The orders stay in the books."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("address", help="the person's e-mail address")

    def handle(self, *args: Any, **options: Any) -> None:
        orders = persons.forget(options["address"])
        if not orders:
            self.stdout.write("No order has this address.")
            return
        self.stdout.write(
            f"Forgot the person of {len(orders)} orders. Stripe and your backups still know them: "
            "see docs/operating.md, Retention."
        )
        if unsent := sum(order.has_to_be_shipped for order in orders):
            self.stdout.write(f"{unsent} of them still had to be shipped: nobody can tell where.")
