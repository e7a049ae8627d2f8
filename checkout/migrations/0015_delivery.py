"""Orders keep where they go, and when they left."""

from django.db import migrations, models

from storefront.ops.migrating import AddColumn


class Migration(migrations.Migration):
    dependencies = [("checkout", "0014_offers")]

    operations = [
        AddColumn(
            "order",
            "country",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Where it was offered to.",
                max_length=2,
            ),
        ),
        AddColumn("order", "needs_shipping", models.BooleanField(db_default=True, default=True)),
        AddColumn(
            "order", "phone", models.CharField(blank=True, db_default="", default="", max_length=40)
        ),
        AddColumn(
            "order",
            "ship_to",
            models.JSONField(
                blank=True,
                help_text="line1, line2, postal_code, city, state and country; null without an address.",
                null=True,
            ),
        ),
        AddColumn("order", "shipped_at", models.DateTimeField(blank=True, null=True)),
        AddColumn(
            "order",
            "shipping_name",
            models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
    ]
