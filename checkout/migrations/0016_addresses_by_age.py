"""The addresses that are old enough are found by an index."""

from django.db import migrations, models

from storefront.ops.migrating import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("checkout", "0015_delivery")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(
                condition=models.Q(("ship_to__isnull", False)),
                fields=["created_at"],
                name="orders_with_an_address",
            ),
        ),
    ]
