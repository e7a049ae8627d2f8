"""What a merchant says of a parcel, of what is to be paid back, and notes of an order."""

from collections.abc import Iterable, Iterator
from typing import Any

from django import forms
from django.conf import settings

from checkout.models import Order, OrderItem
from merchant.models import Parcel, RefundRequest, carrier_named, tracking_url
from storefront.money import format_money
from storefront.money_field import MoneyField


class ParcelForm(forms.ModelForm):
    class Meta:
        model = Parcel
        fields = ("carrier", "number", "url")
        widgets = {
            "carrier": forms.TextInput({"list": "carriers", "autocomplete": "off"}),
            "number": forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
            "url": forms.TextInput({"inputmode": "url", "autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        parcel = self.instance
        if not parcel.pk and len(settings.TRACKING_URLS) == 1:
            self.initial["carrier"] = next(iter(settings.TRACKING_URLS))
        if parcel.pk and parcel.url == tracking_url(parcel.carrier, parcel.number):
            self.initial["url"] = ""  # it is made again, from what the number is by then

    def clean(self) -> dict[str, Any]:
        super().clean()
        said = self.cleaned_data
        if "url" not in said or "number" not in said or "carrier" not in said:
            return said
        if "://" in said["number"] and not said["url"]:  # pasted into the first field there was
            said["url"], said["number"] = said["number"], ""
        said["carrier"] = carrier_named(said["carrier"])
        said["url"] = said["url"] or tracking_url(said["carrier"], said["number"])
        if said["url"][:8].lower() == "https://":
            said["url"] = "https://" + said["url"][8:]
        return said


class NoteForm(forms.Form):
    """A note, and which one was seen when it was begun."""

    note = forms.CharField(
        required=False,
        max_length=5_000,
        widget=forms.Textarea({"rows": 4, "cols": 30}),
        help_text="For you and your staff: no shopper sees it.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **options: Any) -> None:
        # The form of a refund on the same page has a note as well.
        super().__init__(*args, **{"auto_id": "order-%s"} | options)

    def clean_note(self) -> str:
        return "\n".join(self.cleaned_data["note"].splitlines())

    def tell_of(self, other: str, seen: str) -> None:
        """Say what stands there meanwhile; who saves once more has seen it."""
        self.add_error("note", f"Somebody has changed it meanwhile. It says now: “{other}”")
        self.add_error("note", "Yours is below and not kept yet. Save it again to replace theirs.")
        self.data = {**self.data.dict(), "seen": seen}  # type: ignore[attr-defined]


class RefundForm(forms.Form):
    """How much of the `left` goes back and why, and how many of each item into stock."""

    amount = MoneyField()
    reason = forms.ChoiceField(choices=RefundRequest.Reason)
    note = forms.CharField(
        label="Note, for you alone",
        required=False,
        max_length=2_000,
        widget=forms.Textarea({"rows": 2}),
    )

    def __init__(
        self,
        order: Order,
        left: int,
        items: Iterable[tuple[OrderItem, int]],
        data: Any = None,
    ) -> None:
        super().__init__(data)
        self.fields["amount"] = MoneyField(currency=order.currency, initial=left)
        self.order, self.left = order, left
        self.restockable = {f"restock-{item.pk}": item for item, _ in items}
        for item, most in items:
            self.fields[f"restock-{item.pk}"] = forms.IntegerField(
                label=f"{item.name}: back into stock, of {most}",
                required=False,
                min_value=0,
                max_value=most,
                initial=0,
            )

    def clean_amount(self) -> int:
        cents: int = self.cleaned_data["amount"]
        if not cents:
            raise forms.ValidationError("Write how much goes back: it can’t be nothing.")
        if cents > self.left:
            left = format_money(self.left, self.order.currency)
            raise forms.ValidationError(f"No more than {left} of this order is left to refund.")
        return cents

    def restocks(self) -> Iterator[forms.BoundField]:
        """Yield the fields of what can be put back."""
        return (self[name] for name in self.restockable)

    def put_back(self) -> list[tuple[OrderItem, int]]:
        """Return how many of which items go back into stock."""
        said = ((item, self.cleaned_data[name]) for name, item in self.restockable.items())
        return [(item, quantity) for item, quantity in said if quantity]
