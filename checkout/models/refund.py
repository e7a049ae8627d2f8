"""What went back of an order's payment."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from checkout.models.order import Order


class Refund(models.Model):
    """One refund of an order's payment, as Stripe reported it last."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="refunds")
    refund_id = models.CharField(max_length=255, unique=True)
    amount_cents = models.PositiveBigIntegerField("amount in minor units")
    made_at = models.DateTimeField(default=timezone.now)
    failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=("made_at",), name="refunds_by_age"),
            models.Index(
                fields=("failed_at",),
                condition=Q(failed_at__isnull=False),
                name="refunds_that_failed",
            ),
        )

    def __str__(self) -> str:
        return self.refund_id
