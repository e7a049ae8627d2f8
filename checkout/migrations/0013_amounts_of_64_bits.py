"""A unit price may be as large as Stripe takes it in any currency."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0012_other_letters"),
    ]

    operations = [
        migrations.AlterField(
            model_name="orderitem",
            name="unit_price_cents",
            field=models.PositiveBigIntegerField(verbose_name="unit price in minor units"),
        ),
    ]
