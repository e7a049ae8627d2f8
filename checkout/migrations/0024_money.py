"""The books of a year get their indexes, the worker one of what it has no fee of."""

from django.db import migrations, models

from storefront.ops.migrating import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("checkout", "0023_indexes_of_today")]

    operations = [
        AddIndexConcurrently(
            "order",
            models.Index(
                condition=models.Q(
                    ("paid_at__isnull", False),
                    models.Q(("status", "REVIEW"), _negated=True),
                    models.Q(("refunded_from", "REVIEW"), _negated=True),
                ),
                fields=[
                    "currency",
                    "settlement_currency",
                    "country",
                    "paid_at",
                    "total_cents",
                    "shipping_cents",
                    "tax_cents",
                    "fee_cents",
                ],
                name="orders_that_were_sold",
            ),
        ),
        AddIndexConcurrently(
            "order",
            models.Index(
                condition=models.Q(
                    ("fee_cents", None),
                    ("paid_at__isnull", False),
                    ("settlement_currency", ""),
                    models.Q(("payment_intent", ""), _negated=True),
                ),
                fields=["paid_at"],
                name="orders_without_a_fee",
            ),
        ),
        AddIndexConcurrently(
            "order",
            models.Index(
                condition=models.Q(("charge_refunded_at__isnull", False)),
                fields=["charge_refunded_at"],
                name="orders_by_refund",
            ),
        ),
        AddIndexConcurrently(
            "refund",
            models.Index(
                condition=models.Q(("failed_at__isnull", False)),
                fields=["failed_at"],
                name="refunds_that_failed",
            ),
        ),
    ]
