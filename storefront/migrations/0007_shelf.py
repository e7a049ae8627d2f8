"""Categories, variants of a product, the text that search looks through, words after payment."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("storefront", "0006_amounts_of_64_bits"),
    ]

    operations = [
        migrations.CreateModel(
            name="Category",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60)),
                (
                    "slug",
                    models.SlugField(
                        blank=True,
                        help_text="The end of the page's address; made from the name if you leave it empty.",
                        max_length=80,
                        unique=True,
                    ),
                ),
                (
                    "position",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="Smaller numbers come first."
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "categories",
                "ordering": ("position", "name", "id"),
            },
        ),
        migrations.AddField(
            model_name="product",
            name="after_payment",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                help_text="Shown to the buyer once it is paid, such as how to get a file or a licence.",
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="search_text",
            field=models.TextField(blank=True, db_default="", default="", editable=False),
        ),
        migrations.AddField(
            model_name="product",
            name="variant",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Which kind it is, such as “M, black”.",
                max_length=60,
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="variant_of",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="The product of which this is one kind; empty for most.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="variants",
                to="storefront.product",
            ),
        ),
        migrations.AddField(
            model_name="product",
            name="categories",
            field=models.ManyToManyField(
                blank=True, related_name="products", to="storefront.category"
            ),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(
                condition=models.Q(("is_on_sale", True), ("variant_of", None)),
                fields=["position", "id"],
                name="the_shelf_in_its_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.UniqueConstraint(
                condition=models.Q(("variant_of__isnull", False)),
                fields=("variant_of", "variant"),
                name="a_product_has_each_variant_once",
                violation_error_message="There is such a variant already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="product",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("variant_of", None),
                    models.Q(("variant_of", models.F("id")), _negated=True),
                    _connector="OR",
                ),
                name="a_product_is_no_variant_of_itself",
                violation_error_message="A product can't be a variant of itself.",
            ),
        ),
    ]
