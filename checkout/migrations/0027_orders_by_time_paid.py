"""What was sold in a month is read from one index, without what was reviewed and given back."""

from django.db import migrations, models
from django.db.models import Q

from storefront.ops.migrating import AddIndexConcurrently, RemoveIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("checkout", "0026_orders_of_a_sender")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(
                fields=["paid_at", "status", "refunded_from", "currency", "total_cents"],
                condition=Q(paid_at__isnull=False),
                name="orders_by_time_paid",
            ),
        ),
        RemoveIndexConcurrently("order", "orders_by_payment"),
    ]
