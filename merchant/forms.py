"""What a merchant says of a parcel."""

from typing import Any

from django import forms
from django.conf import settings

from merchant.models import Parcel, carrier_named, tracking_url


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
