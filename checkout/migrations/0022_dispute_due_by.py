"""Orders hold until when a dispute is to be answered."""

from django.db import migrations, models

from storefront.ops.migrating import AddColumn


class Migration(migrations.Migration):
    dependencies = [("checkout", "0021_desk")]

    operations = [
        AddColumn(
            "order",
            "dispute_due_by",
            models.DateTimeField(
                null=True, editable=False, help_text="Until when the merchant can answer it."
            ),
        )
    ]
