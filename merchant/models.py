"""What was sent to whom, how to follow it on its way, and what Stripe is asked to pay back."""

from datetime import datetime, timedelta
from urllib.parse import quote
from uuid import uuid4

from django.conf import settings
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from checkout.models import Order
from storefront.money import format_money

# Stripe knows a key for a day at least.
KEY_LIVES = timedelta(hours=20)
HTTPS_ONLY = "A link begins with https://, such as https://your.carrier/track/0034."


class Parcel(models.Model):
    """One parcel of an order. Its carrier may have given it no number."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="parcels")
    carrier = models.CharField(max_length=60, blank=True)
    number = models.CharField("tracking number", max_length=100, blank=True)
    url = models.CharField(
        "link",
        max_length=2_000,
        blank=True,
        validators=[URLValidator(["https"], message=HTTPS_ONLY)],
    )
    shipped_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("shipped_at", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(url="") | Q(url__startswith="https://"),
                name="parcels_are_followed_by_https",
            ),
        )

    def __str__(self) -> str:
        return " ".join(filter(None, [self.carrier, self.number])) or "without a number"


def carrier_named(name: str) -> str:
    """Return the carrier as TRACKING_URLS spells it; one that isn't there stays as it is."""
    spellings = {carrier.casefold(): carrier for carrier in settings.TRACKING_URLS}
    return spellings.get(name.casefold(), name)


def tracking_url(carrier: str, number: str) -> str:
    """Return where the carrier shows the parcel, or nothing if that is not known."""
    pattern = settings.TRACKING_URLS.get(carrier_named(carrier), "")
    # People write numbers in groups, as they stand on the label.
    return pattern.replace("{number}", quote("".join(number.split()), safe="")) if number else ""


class RefundRequest(models.Model):
    """What the desk asks Stripe to pay back. It moves no money in the books: Stripe's event does.

    It is open from when it is stored until Stripe's word of it has come, or its refusal.
    """

    class Reason(models.TextChoices):
        """Stripe's own."""

        REQUESTED_BY_CUSTOMER = "requested_by_customer", "the customer asked for it"
        DUPLICATE = "duplicate", "it was paid twice"
        FRAUDULENT = "fraudulent", "it is a fraud"

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="refund_requests")
    amount_cents = models.PositiveBigIntegerField("amount in minor units")
    reason = models.CharField(max_length=30, choices=Reason, default=Reason.REQUESTED_BY_CUSTOMER)
    note = models.TextField(blank=True, help_text="For the merchant; no shopper sees it.")
    restock = models.JSONField(
        default=dict, blank=True, help_text="How many of each item go back into stock, by its id."
    )
    key = models.CharField(max_length=255, unique=True, help_text="Stripe pays it back once.")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    asked_at = models.DateTimeField(default=timezone.now)
    refund_id = models.CharField(max_length=255, blank=True)
    error = models.TextField(blank=True, help_text="Why it is not paid back.")
    closed_at = models.DateTimeField(null=True, blank=True)
    restocked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-asked_at",)
        required_db_features = ("supports_json_field",)  # or checks would open the database
        indexes = (
            models.Index(
                fields=("asked_at",),
                condition=Q(closed_at=None),
                name="open_refund_requests",
            ),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("order",),
                condition=Q(closed_at=None),
                name="one_open_refund_request_per_order",
            ),
            models.UniqueConstraint(
                fields=("refund_id",),
                condition=~Q(refund_id=""),
                name="a_refund_answers_one_request",
            ),
            models.CheckConstraint(
                condition=Q(amount_cents__gte=1), name="a_refund_request_is_about_money"
            ),
        )

    def __str__(self) -> str:
        return f"{self.amount} ({self.state})"

    @property
    def amount(self) -> str:
        return format_money(self.amount_cents, self.order.currency)

    @property
    def is_open(self) -> bool:
        return self.closed_at is None

    @property
    def state(self) -> str:
        if self.error:
            return "not refunded"
        if self.closed_at:
            return "on its way to the customer"
        return "asked for, waiting for Stripe"

    def may_be_repeated(self, now: datetime) -> bool:
        """Whether Stripe still knows its key, and so would pay it back once."""
        return self.is_open and self.asked_at > now - KEY_LIVES
