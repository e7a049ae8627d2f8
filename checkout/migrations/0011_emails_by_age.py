"""The e-mail addresses that are old enough are found by an index."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0010_heartbeat"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(("email", ""), _negated=True),
                fields=["created_at"],
                name="orders_with_an_email",
            ),
        ),
    ]
