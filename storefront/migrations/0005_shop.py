"""The shop gets an identity, which tells it from others on the same account at Stripe."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("storefront", "0004_reservation")]

    operations = [
        migrations.CreateModel(
            "Shop",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identity", models.UUIDField(default=uuid.uuid4, editable=False)),
            ],
        ),
    ]
