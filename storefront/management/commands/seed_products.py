"""Puts the three products of the demo on the shelf."""

from typing import Any

from django.core.management.base import BaseCommand

from storefront.models import Product

PRODUCTS = (
    ("Laptop", 99_999, "Thirteen inches, a quiet keyboard and a battery for the whole day."),
    ("Mouse", 2_999, "Two buttons and a wheel, shaped for a hand that works for hours."),
    ("Keyboard", 7_999, "Full-size keys with a short, soft stroke. Good company for long texts."),
)


class Command(BaseCommand):
    help = "Adds the products of the demo that are missing; what is there stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        for position, (name, price_cents, description) in enumerate(PRODUCTS, start=1):
            _, created = Product.objects.get_or_create(
                slug=name.lower(),
                defaults={
                    "name": name,
                    "price_cents": price_cents,
                    "description": description,
                    "picture": f"products/{name.lower()}.svg",
                    "position": position,
                },
            )
            self.stdout.write(f"{name}: {'added' if created else 'there already'}")
