import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("checkout", "0021_desk"),
        ("merchant", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="RefundRequest",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "amount_cents",
                    models.PositiveBigIntegerField(verbose_name="amount in minor units"),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("requested_by_customer", "the customer asked for it"),
                            ("duplicate", "it was paid twice"),
                            ("fraudulent", "it is a fraud"),
                        ],
                        default="requested_by_customer",
                        max_length=30,
                    ),
                ),
                (
                    "note",
                    models.TextField(blank=True, help_text="For the merchant; no shopper sees it."),
                ),
                (
                    "restock",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="How many of each item go back into stock, by its id.",
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        help_text="Stripe pays it back once.", max_length=255, unique=True
                    ),
                ),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("refund_id", models.CharField(blank=True, max_length=255)),
                (
                    "error",
                    models.TextField(blank=True, help_text="Why it is not paid back."),
                ),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("restocked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="refund_requests",
                        to="checkout.order",
                    ),
                ),
            ],
            options={
                "ordering": ("-asked_at",),
                "required_db_features": ("supports_json_field",),
                "indexes": [
                    models.Index(
                        condition=models.Q(("closed_at", None)),
                        fields=["asked_at"],
                        name="open_refund_requests",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at", None)),
                        fields=("order",),
                        name="one_open_refund_request_per_order",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("refund_id", ""), _negated=True),
                        fields=("refund_id",),
                        name="a_refund_answers_one_request",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_cents__gte", 1)),
                        name="a_refund_request_is_about_money",
                    ),
                ],
            },
        ),
    ]
