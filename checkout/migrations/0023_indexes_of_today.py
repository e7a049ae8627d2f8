"""What was sold, what went back and what was refused, each by its time, gets an index."""

from django.db import migrations, models

from storefront.ops.migrating import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("checkout", "0022_dispute_due_by")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(
                condition=models.Q(("paid_at__isnull", False)),
                fields=["paid_at", "status", "currency", "total_cents"],
                name="orders_by_payment",
            ),
        ),
        AddIndexConcurrently("refund", models.Index(fields=["made_at"], name="refunds_by_age")),
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=models.Q(
                    ("claimed_at", None), ("due_at", None), ("sent_at", None), ("tries__gt", 0)
                ),
                fields=["created_at"],
                name="messages_that_failed",
            ),
        ),
    ]
