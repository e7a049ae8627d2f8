"""Orders hold the merchant's note, and what Stripe kept and pays out."""

from django.db import migrations, models

from storefront.ops.migrating import AddColumn


class Migration(migrations.Migration):
    dependencies = [("checkout", "0020_messages")]

    operations = [
        AddColumn(
            "order",
            "fee_cents",
            models.BigIntegerField(
                null=True, editable=False, help_text="What Stripe kept, in the settlement currency."
            ),
        ),
        AddColumn(
            "order",
            "net_cents",
            models.BigIntegerField(
                null=True, editable=False, help_text="What Stripe pays out, before refunds."
            ),
        ),
        AddColumn(
            "order",
            "settlement_currency",
            models.CharField(max_length=3, blank=True, default="", db_default="", editable=False),
        ),
        AddColumn(
            "order",
            "note",
            models.TextField(
                blank=True,
                default="",
                db_default="",
                help_text="For the merchant; no shopper sees it.",
            ),
        ),
    ]
