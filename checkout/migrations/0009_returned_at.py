"""Orders remember that their shopper came back from paying."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("checkout", "0008_set_aside")]

    operations = [
        migrations.AddField(
            "order",
            "returned_at",
            models.DateTimeField(
                editable=False,
                help_text="When the shopper came back from paying at Stripe's.",
                null=True,
            ),
        ),
    ]
