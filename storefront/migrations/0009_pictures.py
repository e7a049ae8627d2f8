"""Pictures by upload: what they show in one table, their files in another."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("storefront", "0008_search_text")]

    operations = [
        migrations.CreateModel(
            name="Picture",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "position",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="Smaller numbers come first."
                    ),
                ),
                (
                    "alt",
                    models.CharField(
                        blank=True,
                        help_text="For who can't see it, such as “A grey mug with a wooden lid”.",
                        max_length=200,
                        verbose_name="what it shows",
                    ),
                ),
                ("width", models.PositiveIntegerField(editable=False)),
                ("height", models.PositiveIntegerField(editable=False)),
                ("digest", models.CharField(editable=False, max_length=32)),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.deletion.CASCADE,
                        related_name="uploaded_pictures",
                        to="storefront.product",
                    ),
                ),
            ],
            options={
                "ordering": ("position", "id"),
                "indexes": [models.Index(fields=["digest"], name="pictures_by_digest")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("product", "digest"), name="a_product_has_a_picture_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Rendition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("width", models.PositiveIntegerField()),
                ("body", models.BinaryField()),
                (
                    "picture",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.deletion.CASCADE,
                        related_name="renditions",
                        to="storefront.picture",
                    ),
                ),
            ],
            options={
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("picture", "width"), name="a_picture_has_a_width_once"
                    ),
                ],
            },
        ),
    ]
