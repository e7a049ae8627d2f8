"""Orders are found by the beginning of what people remember of them."""

from typing import Any

from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.functions import Lower

from checkout.models.order_queries import IsNotPaid, Postcode
from storefront.ops.migrating import AddColumn, AddIndexConcurrently
from storefront.ops.spelling import BehindTheAt, ByLetters, LastWord

INDEXES = (
    models.Index(ByLetters(Lower("email")), condition=~Q(email=""), name="orders_by_email"),
    models.Index(
        ByLetters(Lower(BehindTheAt("email"))),
        F("created_at").desc(),
        condition=~Q(email=""),
        name="orders_by_domain",
    ),
    models.Index(ByLetters("search_text"), condition=~Q(search_text=""), name="orders_by_name"),
    models.Index(
        ByLetters(LastWord("search_text")),
        condition=~Q(search_text=""),
        name="orders_by_last_name",
    ),
    models.Index(
        ByLetters(Postcode("ship_to")),
        condition=Q(ship_to__isnull=False),
        name="orders_by_postcode",
    ),
    models.Index(
        fields=("created_at",),
        condition=Q(search_text="") & ~Q(shipping_name=""),
        name="orders_to_fold",
    ),
    models.Index(
        fields=("created_at",), condition=Q(IsNotPaid("status")), name="orders_that_are_not_paid"
    ),
    models.Index(fields=("created_at",), condition=~Q(refunded_cents=0), name="orders_refunded"),
)
# What the merchant did with an order stands in a table of Django's, which has no index for that.
DEEDS = "deeds_with_an_object"


def add_deeds(apps: Any, schema_editor: Any) -> None:
    how = _concurrently(schema_editor)
    schema_editor.execute(f"DROP INDEX {how} IF EXISTS {DEEDS}")  # of an interrupted attempt
    schema_editor.execute(f"CREATE INDEX {how} {DEEDS} ON django_admin_log (object_id)")


def drop_deeds(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(f"DROP INDEX {_concurrently(schema_editor)} IF EXISTS {DEEDS}")


def _concurrently(schema_editor: Any) -> str:
    return "CONCURRENTLY" if schema_editor.connection.vendor == "postgresql" else ""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("checkout", "0024_money"),
    ]

    operations = [
        AddColumn(
            "order",
            "search_text",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="The name, folded: so it is found however it is spelled.",
                max_length=255,
            ),
        ),
        *(AddIndexConcurrently("order", index) for index in INDEXES),
        migrations.RunPython(add_deeds, drop_deeds),
    ]
