"""Pending orders know the network that they came from, as a digest."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0006_refunded_from"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="sender",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="A digest of the sender's network while the order is pending: see limits.py.",
                max_length=32,
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("sender", ""), _negated=True),
                fields=["sender"],
                name="pending_orders_of_a_sender",
            ),
        ),
    ]
