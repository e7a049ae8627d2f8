"""Orders remember which state a full refund ended; deferred events are called so in the code."""

from typing import Any

from django.db import migrations, models
from django.db.models import Exists, OuterRef, Q


def remember_states(apps: Any, schema_editor: Any) -> None:
    """An order that was paid has the follow-up of it among its events; the others were reviewed."""
    Order = apps.get_model("checkout", "Order")
    StripeEvent = apps.get_model("checkout", "StripeEvent")
    paid = StripeEvent.objects.filter(order=OuterRef("pk"), follow_up="order paid")
    refunded = Order.objects.filter(status="REFUNDED", refunded_from="")
    refunded.filter(Exists(paid)).update(refunded_from="PAID")
    refunded.exclude(review_reason="").update(refunded_from="REVIEW")


class Migration(migrations.Migration):
    dependencies = [("checkout", "0005_surer_indexes")]

    operations = [
        migrations.AddField(
            "order",
            "refunded_from",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="The state that a full refund ended; a refund that fails leads back to it.",
                max_length=10,
            ),
        ),
        migrations.RunPython(remember_states, migrations.RunPython.noop, elidable=True),
        # The column keeps its name, and its index.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveIndex("stripeevent", "parked_news"),
                migrations.RenameField("stripeevent", "parked", "deferred"),
                migrations.AlterField(
                    "stripeevent",
                    "deferred",
                    models.JSONField(
                        blank=True,
                        db_column="parked",
                        editable=False,
                        help_text="The event itself, until an order knows its payment.",
                        null=True,
                    ),
                ),
                migrations.AddIndex(
                    "stripeevent",
                    models.Index(
                        condition=Q(("deferred__isnull", False)),
                        fields=["payment_intent"],
                        name="parked_news",
                    ),
                ),
            ]
        ),
    ]
