"""What a bank is paying for is no more in the cart, and comes back if the bank fails."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("checkout", "0007_sender_of_pending_orders")]

    operations = [
        migrations.AddField(
            "order",
            "put_back_at",
            models.DateTimeField(
                editable=False,
                help_text="When a bank had failed and the cart got them back.",
                null=True,
            ),
        ),
        migrations.AddField(
            "orderitem",
            "from_cart",
            models.PositiveSmallIntegerField(
                editable=False,
                help_text="How many left the cart when a bank began to pay.",
                null=True,
            ),
        ),
        migrations.AddConstraint(
            "orderitem",
            models.CheckConstraint(
                condition=Q(from_cart=None) | Q(from_cart__lte=F("quantity")),
                name="no_more_left_the_cart_than_was_bought",
            ),
        ),
    ]
