"""The page of the desk where the merchant says what the shop is called, how it looks, how to reach
it, and whether it is open.
"""

import re
from http import HTTPStatus
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from merchant.colours import NIGHT, PAPER, READABLE, contrast
from merchant.order_page import log
from storefront.logos import icon_of, keep_logo
from storefront.models import Shop
from storefront.models.shop import BRAND, DESCRIPTION, ENVIRONMENT, NAME, six_digits
from storefront.ops.bidi import isolated
from storefront.ops.environment import COLOUR, NO_TEXT
from storefront.ops.pages import SeeOther
from storefront.ops.photographs import Logo, NoPhotograph, logo_in
from storefront.uploads import MEGABYTES

PHONE = re.compile(r"\+?[0-9][0-9 ()/.-]{3,38}")
WIDE = "vLargeTextField"
State = Shop.State


class LogoField(forms.FileField):
    """Takes one picture, and makes what is kept of it."""

    widget = forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp"})

    def clean(self, data: Any, initial: Any = None) -> Logo | None:
        file: UploadedFile | None = super().clean(data, initial)
        if not file:
            return None
        name = isolated(file.name or "The file")
        if (file.size or 0) > MEGABYTES * 1024 * 1024:
            raise ValidationError(f"{name} is larger than {MEGABYTES} MB.")
        try:
            return logo_in(file)
        except NoPhotograph as refused:
            raise ValidationError(f"{name} {refused}.") from None


class ShopForm(forms.ModelForm):
    new_logo = LogoField(
        required=False,
        label="Logo",
        help_text=f"A JPEG, PNG or WebP file of up to {MEGABYTES} MB; a square one fits best. It "
        "also becomes the icon of browsers and phones, and the picture beside links to the shop.",
    )
    no_logo = forms.BooleanField(required=False, label="Remove the logo")
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Shop
        fields = (
            *("state", "until", "words", "announcement"),
            *("name", "description", "accent"),
            *("contact_mail", "phone", "address", "tax_id"),
            *("delivery_note", "return_days", "returns_note", "time_zone"),
        )
        labels = {
            "state": "The shop is",
            "until": "Date",
            "words": "In your words",
            "description": "One line about the shop",
            "accent": "Colour",
            "contact_mail": "E-mail address",
            "address": "Postal address",
            "tax_id": "Tax id",
            "delivery_note": "About delivery",
            "return_days": "Days to return goods",
            "returns_note": "About returns",
        }
        help_texts = {
            "state": "Closed: all pages stay and say so, nothing can be bought, and what lies in "
            "carts stays there. Payments that have begun go on.",
            "until": "On this day the shop is open again by itself.",
            "words": "Shoppers read it beside the date, such as “We are at the seaside”.",
            "announcement": "A line at the top of each page, such as “Free delivery in May”.",
            "name": f"Empty: {NAME}.",
            "description": "For search engines, and for links to the shop.",
            "accent": "Of buttons and links.",
            "contact_mail": "Shoppers read it at the foot of each page, with what follows.",
            "address": "With your name, or your company’s.",
            "delivery_note": "Beside each product, such as “Parcels leave on weekdays before 3”.",
            "return_days": "Empty: nothing is said about it.",
            "returns_note": "Such as who pays for the parcel.",
            "time_zone": "Of the days at the desk, in exports, mails and receipts.",
        }
        widgets = {
            "state": forms.RadioSelect,
            "until": forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
            "words": forms.Textarea({"rows": 2, "class": WIDE}),
            "accent": forms.TextInput({"type": "color"}),
            "contact_mail": forms.EmailInput({"autocomplete": "email"}),
            "phone": forms.TextInput({"type": "tel", "autocomplete": "tel"}),
            "address": forms.Textarea({"rows": 4, "class": WIDE}),
        } | {
            name: forms.TextInput({"class": WIDE})
            for name in ("announcement", "description", "delivery_note", "returns_note")
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.label_suffix, row = "", self.instance
        self.initial["version"] = row.version
        self.initial["accent"] = six_digits(row.shown_accent or BRAND)
        if not row.notice(timezone.now()):  # the day has come
            self.initial["state"], self.initial["until"] = State.OPEN, None
        self.fields["time_zone"] = self._zones(row.time_zone)
        for shown in self.fields.values():
            # Browsers cut what is pasted, and say nothing.
            shown.widget.attrs.pop("maxlength", None)
        self.fields["description"].widget.attrs["placeholder"] = DESCRIPTION
        if not row.logo:
            del self.fields["no_logo"]
        self.set_elsewhere = {
            field: name for field, name in ENVIRONMENT.items() if _in_environment(name)
        }
        for field, name in self.set_elsewhere.items():
            shown = self.fields["new_logo" if field == "logo" else field]
            shown.disabled, shown.help_text = True, f"Set by {name}."
            if field != "accent":
                self.initial[field] = _in_environment(name)
        if "logo" in self.set_elsewhere:
            self.fields.pop("no_logo", None)

    def _zones(self, own: str) -> forms.ChoiceField:
        names = {name for name in available_timezones() if "/" in name and name[:4] != "Etc/"}
        given = {own, settings.SHOP_TIME_ZONE} - {""}
        old = self.fields["time_zone"]
        choices = [("", settings.TIME_ZONE), *((z, z) for z in sorted(names | {"UTC"} | given))]
        return forms.ChoiceField(
            choices=choices, required=False, label=old.label, help_text=old.help_text
        )

    def clean_accent(self) -> str:
        value: str = self.cleaned_data["accent"].strip().lower()
        if value and not COLOUR.fullmatch(value):
            raise ValidationError("Please choose a colour like #0b6e4f.")
        value = six_digits(value) if value else ""
        return "" if value == BRAND else value

    def clean_phone(self) -> str:
        value: str = self.cleaned_data["phone"]
        if value and not PHONE.fullmatch(value):
            raise ValidationError("Please write a number like +43 316 123456.")
        return value

    def clean_return_days(self) -> int | None:
        value: int | None = self.cleaned_data["return_days"]
        if value and value > 3_650:
            raise ValidationError("Please enter 3650 days at most.")
        return value or None

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        for name, value in [*said.items()]:
            if isinstance(value, str) and NO_TEXT.search(value):
                self.add_error(name, "Please leave out what is no letter of a text.")
            elif isinstance(value, str) and name != "address":
                said[name] = " ".join(value.split())
        state, until = said.get("state"), said.get("until")
        if state == State.OPEN:
            said["until"] = None
        elif state == State.SHIPS_LATER and not until and "until" not in self.errors:
            self.add_error("until", "Please say when the shop ships again.")
        elif until and until <= timezone.localdate(timezone=self._zone(said)):
            self.add_error("until", "This day has come already. Please choose a later one.")
        if said.get("new_logo") and said.get("no_logo"):
            self.add_error("no_logo", "There is a new logo as well: choose one of the two.")
        if self.errors and self.files and "new_logo" not in self.errors:
            self.add_error("new_logo", "Please choose the file once more: browsers send it once.")
        for name in [name for name in self.fields if name in self.errors][:1]:
            self.fields[name].widget.attrs["autofocus"] = True  # there the page is scrolled to
        return said

    def _zone(self, said: dict[str, Any]) -> Any:
        return Shop(time_zone=said.get("time_zone") or "").zone

    def save_over(self) -> bool:
        """Write what was said, unless somebody else has meanwhile; then False."""
        said, row = self.cleaned_data, self.instance
        own = set(self.Meta.fields) - set(self.set_elsewhere)
        values = {name: said[name] for name in own}
        logo: Logo | None = said.get("new_logo")
        if said.get("no_logo"):
            values["logo"] = ""
        if logo:
            values["logo"] = logo.digest
        seen = -1 if said["version"] is None else said["version"]
        with transaction.atomic():
            has_changed = Shop.change(seen, values)
            if has_changed and logo:
                keep_logo(logo, beside=row.logo)
        return has_changed


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """Show what the shop says; a post changes it, if it is still what the merchant has seen."""
    if not request.user.has_perm("storefront.change_shop"):
        raise PermissionDenied
    row = Shop.this()
    if request.method != "POST":
        return _page(request, row, ShopForm(instance=row))
    before = {name: getattr(row, name) for name in ShopForm.Meta.fields}
    form = ShopForm(request.POST, request.FILES, instance=row)
    if not form.is_valid():
        return _page(request, row, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    if not form.save_over():
        return _somebody_was_first(request, form)
    changed = [name for name in form.changed_data if name != "version"]
    words = f"Changed {', '.join(changed)}." if changed else "Changed nothing."
    log(request, row, words)
    messages.success(request, "Saved. All pages follow within five seconds, and Buy at once.")
    if before["accent"] != form.cleaned_data["accent"]:
        messages.info(request, about_colour(Shop.this().shown_accent))
    return SeeOther(reverse("admin:shop"))


def about_colour(accent: str) -> str:
    """Tell how well the colour is read, and what the shop does where it is not."""
    colour = six_digits(accent or BRAND).lower()
    white, black = contrast(colour, "#ffffff"), contrast(colour, "#000000")
    on_it = f"white words ({_ratio(white)})"
    if white < READABLE:
        on_it = f"black words ({_ratio(black)})"
    said = [f"Buttons have {colour} with {on_it}."]
    for ground, look, shade in ((PAPER, "light", "darker"), (NIGHT, "dark", "lighter")):
        on_page = contrast(colour, ground)
        if on_page < READABLE:
            said.append(
                f"On a {look} page words in it would be hard to read ({_ratio(on_page)}), so links "
                f"are a {shade} shade of it there."
            )
    return " ".join(said)


def _ratio(contrast: float) -> str:
    return f"{contrast:.1f} to 1"


def _somebody_was_first(request: HttpRequest, form: ShopForm) -> HttpResponse:
    """Show what is typed beside what is there by now; to save again is to mean it."""
    row = Shop.this()
    theirs = [
        (form.fields[name].label or name, _shown(row, name))
        for name in form.Meta.fields
        if name in form.cleaned_data.keys() - form.set_elsewhere.keys()
        and form.cleaned_data[name] != getattr(row, name)
    ]
    form.data = {**request.POST.dict(), "version": str(row.version)}
    if form.files:
        form.add_error("new_logo", "Please choose the file once more: browsers send it once.")
    return _page(request, row, form, HTTPStatus.CONFLICT, theirs=theirs, is_late=True)


def _shown(row: Shop, name: str) -> str:
    value = row.get_state_display() if name == "state" else getattr(row, name)
    return str(value) if value not in ("", None) else "empty"


def _page(
    request: HttpRequest, row: Shop, form: ShopForm, status: int = 200, **more: Any
) -> HttpResponse:
    groups = {
        "Open or closed": ("state", "until", "words", "announcement"),
        "What it is": ("name", "description", "new_logo", "no_logo", "accent"),
        "Who you are": ("contact_mail", "phone", "address", "tax_id"),
        "Delivery and returns": ("delivery_note", "return_days", "returns_note"),
        "Its clock": ("time_zone",),
    }
    context = {
        "title": "Shop",
        "form": form,
        "groups": [
            (title, [form[name] for name in names if name in form.fields])
            for title, names in groups.items()
        ],
        "icon": icon_of(row.shown_logo),
        "colour": about_colour(row.shown_accent),
    }
    context = admin.site.each_context(request) | context | more
    return render(request, "merchant/shop.html", context, status=status)


def _in_environment(name: str) -> str:
    value: str = settings.SHOP_TIME_ZONE if name == "TIME_ZONE" else getattr(settings, name)
    return value
