"""The merchant says at the desk what the shop is called, how it looks and whether it sells."""

from typing import Any

from django.db import migrations, models
from django.db.models import Q

from storefront.ops.migrating import AddColumn


def text(length: int, **options: Any) -> Any:
    return models.CharField(blank=True, db_default="", default="", max_length=length, **options)


def one_shop(apps: Any, schema_editor: Any) -> None:
    """The row that `Shop.this` made when it was first asked for is there from now on."""
    apps.get_model("storefront", "Shop").objects.get_or_create(pk=1)


STATES = [
    ("open", "Open"),
    ("ships_later", "Open, and ships again on a date"),
    ("closed", "Closed until a date"),
]
COLUMNS: dict[str, Any] = {
    "version": models.PositiveIntegerField(db_default=0, default=0, editable=False),
    "state": models.CharField(choices=STATES, db_default="open", default="open", max_length=20),
    "until": models.DateField(blank=True, null=True),
    "words": text(300),
    "announcement": text(200),
    "name": text(80),
    "description": text(200),
    "logo": text(32, editable=False),
    "accent": text(7),
    "contact_mail": models.EmailField(blank=True, db_default="", default="", max_length=254),
    "phone": text(40),
    "address": models.TextField(blank=True, db_default="", default="", max_length=500),
    "tax_id": text(40),
    "delivery_note": text(300),
    "return_days": models.PositiveSmallIntegerField(blank=True, null=True),
    "returns_note": text(300),
    "time_zone": text(64),
}


class Migration(migrations.Migration):
    dependencies = [("storefront", "0010_delivery")]

    operations = [
        *(AddColumn("shop", name, field) for name, field in COLUMNS.items()),
        migrations.RunPython(one_shop, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            "shop", models.CheckConstraint(condition=Q(id=1), name="there_is_one_shop")
        ),
        migrations.AddConstraint(
            "shop",
            models.CheckConstraint(
                condition=Q(state__in=("open", "closed"))
                | Q(state="ships_later", until__isnull=False),
                name="a_shop_that_ships_later_says_when",
            ),
        ),
        migrations.CreateModel(
            "LogoFile",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, unique=True)),
                ("body", models.BinaryField()),
            ],
            options={"default_permissions": ()},
        ),
    ]
