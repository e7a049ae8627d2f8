"""What a merchant says of an export."""

from datetime import date, datetime, time, timedelta
from typing import Any, Self

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator

from storefront.models import shop_zone


class DayField(forms.DateField):
    """A day, as browsers send it."""

    def __init__(self, label: str) -> None:
        bounds = [
            MinValueValidator(date(2000, 1, 1), "The year has to be 2000 or later."),
            MaxValueValidator(date(2999, 12, 31), "The year has to be 2999 or earlier."),
        ]
        super().__init__(
            label=label,
            input_formats=["%Y-%m-%d"],
            validators=bounds,
            widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
            error_messages={
                "invalid": "That is no day: write year, month and day, such as 2026-03-31.",
                "required": "Say the day, such as 2026-03-31.",
            },
        )


class ExportForm(forms.Form):
    """From which day to which, by the shop's time zone, and how the columns are kept apart."""

    SEPARATORS = (
        (",", "commas, amounts as 29.99"),
        (";,", "semicolons, amounts as 29,99"),
        (";", "semicolons, amounts as 29.99"),
    )

    first = DayField("From")
    last = DayField("To")
    sep = forms.ChoiceField(
        label="Columns kept apart by",
        choices=SEPARATORS,
        error_messages={"invalid_choice": "Columns are kept apart by , or by ; alone."},
    )

    @classmethod
    def of_last_month(cls, today: date) -> Self:
        last = today.replace(day=1) - timedelta(days=1)
        return cls(initial={"first": last.replace(day=1), "last": last})

    @classmethod
    def asked(cls, data: Any, today: date) -> Self:
        """Read an address; what it does not say is this year until today, with commas."""
        usual = {"from": f"{today.year}-01-01", "to": today.isoformat(), "sep": ","}
        return cls(usual | {name: data[name] for name in usual if name in data})

    def add_prefix(self, field_name: str) -> str:
        return {"first": "from", "last": "to"}.get(field_name, field_name)

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if "first" in said and "last" in said and said["last"] < said["first"]:
            self.add_error("last", "That is before the first day.")
        return said

    @property
    def days(self) -> tuple[date, date]:
        return self.cleaned_data["first"], self.cleaned_data["last"]

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """When the first day begins, and the day after the last one."""
        zone, (first, last) = shop_zone(), self.days
        begin, end = (
            datetime.combine(day, time.min, zone) for day in (first, last + timedelta(days=1))
        )
        return begin, end

    @property
    def marks(self) -> tuple[str, str]:
        """What stands between two columns, and before the fraction of an amount."""
        sep = self.cleaned_data["sep"]
        return sep[0], sep[1:] or "."
