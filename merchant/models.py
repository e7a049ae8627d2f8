"""What was sent to whom, and how to follow it on its way."""

from urllib.parse import quote

from django.conf import settings
from django.core.validators import URLValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from checkout.models import Order

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
