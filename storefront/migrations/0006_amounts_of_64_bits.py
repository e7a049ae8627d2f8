"""Prices may be as large as Stripe takes them in any currency."""

import django.core.validators
from django.db import migrations, models

import storefront.money


class Migration(migrations.Migration):
    dependencies = [
        ("storefront", "0005_shop"),
    ]

    operations = [
        migrations.AlterField(
            model_name="cartline",
            name="price_cents_then",
            field=models.PositiveBigIntegerField(
                help_text="What one cost when it was put in, in minor units.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="product",
            name="price_cents",
            field=models.PositiveBigIntegerField(
                help_text="In the smallest unit of the shop's currency: 2999 is $29.99, or ¥2,999.",
                validators=[
                    django.core.validators.MaxValueValidator(storefront.money.largest_charge)
                ],
                verbose_name="price in minor units",
            ),
        ),
    ]
