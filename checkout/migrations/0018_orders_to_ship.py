"""What is still to be shipped gets an index."""

from django.db import migrations, models

from storefront.ops.migrating import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("checkout", "0017_shipped_before")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(
                condition=models.Q(
                    ("needs_shipping", True), ("shipped_at", None), ("status", "PAID")
                ),
                fields=["status", "paid_at"],
                name="orders_to_ship",
            ),
        )
    ]
