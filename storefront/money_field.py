"""How forms take an amount of money: typed as people write it, kept in minor units."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from storefront.money import NotAnAmount, format_money, parse_money, typed_money


class MoneyField(forms.Field):
    """An amount in the shop's currency, or in the one that is given."""

    widget = forms.TextInput

    def __init__(self, *, currency: str | None = None, **options: Any) -> None:
        self.currency = currency
        super().__init__(**options)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {"inputmode": "decimal", "autocomplete": "off", "size": 9}

    def to_python(self, value: Any) -> int | None:
        if isinstance(value, int) or value is None:
            return value
        text = str(value).strip()
        if not text:
            return None
        try:
            return parse_money(text, self.currency)
        except NotAnAmount as refusal:
            raise ValidationError(str(refusal)) from None

    def prepare_value(self, value: Any) -> Any:
        return typed_money(value, self.currency) if isinstance(value, int) else value

    def say(self, cents: object) -> str:
        """Return how to type it, and what it was taken for."""
        code = (self.currency or settings.CURRENCY).upper()
        if not isinstance(cents, int):
            example = typed_money(parse_money("29", self.currency), self.currency)
            return f"In {code}, as you write it, such as {example}."
        return f"In {code}: {format_money(cents, self.currency)}."
