"""What was bought: a snapshot of the cart's line."""

from django.db import models
from django.db.models import F, Q

from checkout.models.order import Order
from storefront.models import Product
from storefront.ops.bidi import isolated


class OrderItem(models.Model):
    """One line of an order, with the name and the price of the day."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items", db_index=False)
    product = models.ForeignKey(Product, on_delete=models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=120)
    unit_price_cents = models.PositiveBigIntegerField("unit price in minor units")
    quantity = models.PositiveSmallIntegerField()
    from_cart = models.PositiveSmallIntegerField(
        null=True, editable=False, help_text="How many left the cart when a bank began to pay."
    )

    class Meta:
        ordering = ("id",)
        # Of both: without statistics, SQLite would as soon look among all sales of the product.
        indexes = (models.Index(fields=("order", "product"), name="items_of_an_order"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(quantity__gte=1), name="an_item_is_bought_at_least_once"
            ),
            models.CheckConstraint(
                condition=Q(from_cart=None) | Q(from_cart__lte=F("quantity")),
                name="no_more_left_the_cart_than_was_bought",
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} × {isolated(self.name)}"

    @property
    def amount_cents(self) -> int:
        return self.quantity * self.unit_price_cents
