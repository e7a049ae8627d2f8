"""What shoppers have in their carts, and what is reserved for their orders."""

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from storefront.models.product import Product

MAX_QUANTITY = 999


class Reservation(models.Model):
    """So many of a product, reserved for an order that is not paid yet."""

    order = models.UUIDField()  # no foreign key: the shelf knows nothing of checkout's tables
    shopper = models.UUIDField()
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    quantity = models.PositiveSmallIntegerField()

    class Meta:
        db_table = "storefront_hold"
        indexes = (models.Index(fields=("shopper", "product"), name="holds_of_a_shopper"),)
        constraints = (
            models.UniqueConstraint(
                fields=("order", "product"), name="an_order_holds_a_product_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product_id} for {self.order}"


class CartLineQuerySet(models.QuerySet["CartLine"]):
    def for_shopper(self, shopper: object) -> Self:
        return self.filter(shopper=shopper)


class CartLine(models.Model):
    """How many of a product a shopper wants."""

    shopper = models.UUIDField()
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    quantity = models.PositiveSmallIntegerField()
    price_cents_then = models.PositiveBigIntegerField(
        null=True, help_text="What one cost when it was put in, in minor units."
    )
    changed_at = models.DateTimeField(
        default=timezone.now,
        db_default=Now(),  # servers of the last release still add lines while this one starts
        editable=False,
    )

    objects = CartLineQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=("changed_at",), name="carts_by_age"),)
        constraints = (
            models.UniqueConstraint(
                fields=("shopper", "product"), name="a_product_has_one_line_in_a_cart"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, quantity__lte=MAX_QUANTITY),
                name="a_cart_line_holds_1_to_999",
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"
