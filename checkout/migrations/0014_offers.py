"""Orders keep what Stripe may take besides the goods, and what it took."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checkout", "0013_amounts_of_64_bits")]

    operations = [
        migrations.AddField(
            "order",
            "offer",
            models.JSONField(
                editable=False,
                help_text="What Stripe may take besides goods: see offers.py.",
                null=True,
            ),
        ),
        migrations.AddField(
            "order", "discount_cents", models.PositiveBigIntegerField(db_default=0, default=0)
        ),
        migrations.AddField(
            "order", "shipping_cents", models.PositiveBigIntegerField(db_default=0, default=0)
        ),
        migrations.AddField(
            "order", "tax_cents", models.PositiveBigIntegerField(db_default=0, default=0)
        ),
    ]
