"""Leases: which of all processes does the worker's work."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0018_orders_to_ship"),
    ]

    operations = [
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("holder", models.CharField(blank=True, max_length=120)),
                ("until", models.DateTimeField()),
            ],
        ),
    ]
