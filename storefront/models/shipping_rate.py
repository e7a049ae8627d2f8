"""What delivery costs, by where it goes to."""

from typing import Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.template.defaultfilters import pluralize

from storefront import money
from storefront.countries import NoCountry, codes_written

EVERYWHERE = "*"
MOST_DAYS = 365


class ShippingRateQuerySet(models.QuerySet["ShippingRate"]):
    def on(self) -> Self:
        return self.filter(is_on=True)


class ShippingRate(models.Model):
    """One way to have an order delivered to some countries; prices in minor units."""

    name = models.CharField(max_length=60, help_text="What shoppers read, such as “Parcel”.")
    countries = models.CharField(
        max_length=800,
        help_text="Codes of two letters, such as DE AT CH; * is every country that no other "
        "rate names.",
    )
    amount_cents = models.PositiveBigIntegerField(
        "price", validators=[MaxValueValidator(money.largest_charge)]
    )
    free_from_cents = models.PositiveBigIntegerField(
        "free from",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(money.largest_charge)],
        help_text="What the goods have to come to, before any code; empty if it is never free.",
    )
    days_least = models.PositiveSmallIntegerField(
        "working days at least",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
    )
    days_most = models.PositiveSmallIntegerField(
        "working days at most",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_DAYS)],
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Smaller numbers come first.")
    is_on = models.BooleanField("on", default=True)

    objects = ShippingRateQuerySet.as_manager()

    class Meta:
        ordering = ("position", "id")
        constraints = (
            models.CheckConstraint(
                condition=Q(days_least=None)
                | Q(days_most=None)
                | Q(days_least__lte=F("days_most")),
                name="delivery_takes_least_days_at_least",
                violation_error_message="The most days can't be fewer than the least.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def codes(self) -> list[str]:
        """The countries that it names, in the order given; of every other country, none."""
        return [] if self.is_everywhere else self.countries.split()

    @property
    def is_everywhere(self) -> bool:
        return self.countries == EVERYWHERE

    @property
    def days(self) -> str:
        """How long it takes, as shoppers read it; nothing if the merchant doesn't say."""
        least, most = self.days_least, self.days_most
        if least and most and least != most:
            return f"{least}–{most} working days"
        number = least or most
        words = f"{number} working day{pluralize(number)}" if number else ""
        if least and not most:
            return f"{words} or more"
        return f"up to {words}" if most and not least else words

    def cents_for(self, goods_cents: int) -> int:
        """Return what it costs with goods that come to so much."""
        is_free = self.free_from_cents is not None and goods_cents >= self.free_from_cents
        return 0 if is_free else self.amount_cents

    def clean(self) -> None:
        if self.days_least and self.days_most and self.days_least > self.days_most:
            raise ValidationError({"days_most": "It can’t be fewer days than at least."})
        if self.countries:
            try:
                self.countries = countries_written(self.countries)
            except ValidationError as refused:
                raise ValidationError({"countries": refused.messages}) from None


def countries_written(text: str) -> str:
    """Return the countries as a rate keeps them; raises ValidationError for what is none."""
    if EVERYWHERE in text:
        if text.replace(EVERYWHERE, "").strip(" ,;\r\n"):
            raise ValidationError("Write * alone: it is every country that no other rate names.")
        return EVERYWHERE
    try:
        codes = codes_written(text)
    except NoCountry as refused:
        raise ValidationError(str(refused)) from None
    if not codes:
        raise ValidationError("Write at least one country, or * for all others.")
    return " ".join(codes)
