"""Products get pages of their own, and carts remember the price at which something was put in."""

from typing import Any

from django.db import migrations, models
from django.utils.text import slugify


def name_the_addresses(apps: Any, schema_editor: Any) -> None:
    """By the name; the id tells two of one name apart."""
    Product = apps.get_model("storefront", "Product")
    taken = set()
    for product in Product.objects.order_by("id"):
        slug = slugify(product.name) or "product"
        product.slug = f"{slug}-{product.pk}" if slug in taken else slug
        taken.add(product.slug)
        product.save(update_fields=["slug"])


class Migration(migrations.Migration):
    dependencies = [("storefront", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="product",
            name="slug",
            field=models.CharField(default="", max_length=140),
            preserve_default=False,
        ),
        migrations.RunPython(name_the_addresses, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="product",
            name="slug",
            field=models.SlugField(
                blank=True,
                help_text="The end of the page's address; made from the name if you leave it empty.",
                max_length=140,
                unique=True,
            ),
        ),
        migrations.AddField(
            model_name="cartline",
            name="price_cents_then",
            field=models.PositiveIntegerField(
                help_text="What one cost when it was put in, in minor units.", null=True
            ),
        ),
    ]
