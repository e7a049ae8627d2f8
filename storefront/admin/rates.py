"""The merchant's desk: the categories of the shelf, and what delivery costs."""

from django import forms
from django.contrib import admin

from storefront.admin.rows import KnowsWhatItShowed, LabelledList, TypedMoney
from storefront.countries import country_name
from storefront.models import Category, ShippingRate
from storefront.models.shipping_rate import countries_written
from storefront.money import format_money

FEW_COUNTRIES = 4


@admin.register(Category)
class CategoryAdmin(LabelledList, admin.ModelAdmin):
    list_display = ("name", "position")
    list_editable = ("position",)


class RateForm(KnowsWhatItShowed):
    """A rate of delivery, whose countries may be pasted by name."""

    # All of them by name are longer than what is kept, which are their codes.
    countries = forms.CharField(
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 40, "class": "vLargeTextField"}),
        help_text="Codes such as DE AT CH, or names with commas between. Write * for every "
        "country that no other rate names.",
    )

    class Meta:
        help_texts = {
            "amount_cents": "0 is free.",
        }
        error_messages = {
            "free_from_cents": {
                "min_value": "Leave it empty if it is never free, or make the price 0 if it "
                "always is."
            },
        }

    def clean_countries(self) -> str:
        return countries_written(self.cleaned_data["countries"])


@admin.register(ShippingRate)
class ShippingRateAdmin(LabelledList, TypedMoney, admin.ModelAdmin):
    form = RateForm
    list_display = ("name", "leads_to", "price", "free_from", "days", "position", "is_on")
    list_editable = ("position", "is_on")

    @admin.display(description="countries")
    def leads_to(self, rate: ShippingRate) -> str:
        """The first few by name."""
        if rate.is_everywhere:
            return "all that no other rate names"
        names = [country_name(code) for code in rate.codes]
        more = f" and {len(names) - FEW_COUNTRIES} more" if len(names) > FEW_COUNTRIES else ""
        return ", ".join(names[:FEW_COUNTRIES]) + more

    @admin.display(ordering="amount_cents")
    def price(self, rate: ShippingRate) -> str:
        return format_money(rate.amount_cents)

    @admin.display(ordering="free_from_cents", empty_value="never")
    def free_from(self, rate: ShippingRate) -> str | None:
        return format_money(rate.free_from_cents) if rate.free_from_cents else None

    @admin.display(empty_value="not said")
    def days(self, rate: ShippingRate) -> str:
        return rate.days
