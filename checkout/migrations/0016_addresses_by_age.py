"""The addresses that are old enough are found by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0015_delivery"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("ship_to__isnull", False)),
                fields=["created_at"],
                name="orders_with_an_address",
            ),
        ),
    ]
