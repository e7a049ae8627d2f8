"""Forms of the desk that know what they showed, and take money as people write it."""

from collections.abc import Collection
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.http import HttpRequest

from storefront.importing import MOST_PIECES
from storefront.money import format_money
from storefront.money_field import MoneyField


class KnowsWhatItShowed(forms.ModelForm):
    """A form that sends what it showed of some fields: the row may have something else by then.

    What was left as it was shown stays as the row has it. An amount, or one of the texts that are
    `told`, is told if it was changed here and by another hand.
    """

    known: Collection[str] = (
        *("stock", "is_on_sale", "needs_shipping"),
        *("variant", "position", "is_on"),
    )
    told: Collection[str] = ()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            if name == "stock":  # as in a spreadsheet: not every database takes more
                field.validators = [*field.validators, MaxValueValidator(MOST_PIECES)]
            if isinstance(field, MoneyField):
                said = field.say(self.initial.get(name))
                field.help_text = f"{said} {field.help_text}".strip()
            if self._knows(name):
                is_sent = self.add_initial_prefix(name) in self.data
                field.show_hidden_initial = is_sent or not self.is_bound

    def _knows(self, name: str) -> bool:
        return name in self.known or self._tells(name)

    def _tells(self, name: str) -> bool:
        return name in self.told or isinstance(self.fields.get(name), MoneyField)

    def shown(self, name: str) -> Any:
        """Return what the field showed; what the row has, if the form does not say."""
        sent = self.data.get(self.add_initial_prefix(name))
        try:
            return self.initial.get(name) if sent is None else self.fields[name].to_python(sent)
        except ValidationError:
            return self.initial.get(name)

    @cached_property
    def changed_data(self) -> list[str]:
        """Leave out what the form does not say; of what may be ticked, that is a word, too."""
        return [
            name
            for name in super().changed_data
            if not self._knows(name)
            or self.add_prefix(name) in self.data
            or isinstance(self.fields[name], forms.BooleanField)
        ]

    def changes(self) -> set[str]:
        """The columns that are changed here."""
        return {*self.changed_data}

    def looked_at(self) -> dict[str, Any]:
        """What the row had of what is changed here, where another hand's change would be told."""
        return {name: self.initial[name] for name in filter(self._tells, self.changes())}

    def sells_out(self) -> bool:
        """Whether none is left from now on, whatever came back or was sold meanwhile."""
        return False

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        for name in filter(self._knows, [*data] if self.instance.pk else []):
            if name not in self.changed_data:
                data[name] = self.initial.get(name)
            elif self._tells(name):
                self._tell_of_another(name)
        return data

    def _tell_of_another(self, name: str) -> None:
        """Refuse what was changed meanwhile; the form that says so knows what it is by now."""
        now, wanted = self.initial[name], self.cleaned_data[name]
        if _read(now) in (_read(self.shown(name)), _read(wanted)):
            return
        data: Any = self.data
        data = data.copy()
        data[self.add_initial_prefix(name)] = self.fields[name].prepare_value(now) or ""
        self.data = data
        if now in (None, ""):
            words = "Meanwhile somebody has made it empty. Save again to change it."
        elif isinstance(now, int):
            words = f"Meanwhile somebody has made it {format_money(now)}. Save again to change it."
        else:
            words = f"Meanwhile somebody wrote: “{now}”. Yours is below: save again to keep it."
        self.add_error(name, words)


def _read(value: Any) -> Any:
    """Browsers change the ends of lines, and forms take off what is blank around a text."""
    return "\n".join(value.strip().splitlines()) if isinstance(value, str) else value


class ListedRow(KnowsWhatItShowed):
    """A row of a table whose fields say, to who can't see the table, what they are."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            of = str(self.instance) if self.instance.pk else "a new one"
            field.widget.attrs["aria-label"] = f"{field.label}: {of}"
            if name == "stock":
                field.widget.attrs |= {"placeholder": "not counted", "size": 9}


class TypedMoney:
    """Lets an admin take amounts as people write them."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if not db_field.name.endswith("_cents"):
            return super().formfield_for_dbfield(db_field, request, **options)  # type: ignore[misc]
        return MoneyField(
            label=str(db_field.verbose_name).capitalize(),
            required=not db_field.blank,
            help_text=options.get("help_text", db_field.help_text),
            error_messages=options.get("error_messages"),
        )


class LabelledList:
    """Lets the fields of a list say what they are."""

    def get_changelist_form(self, request: HttpRequest, **options: Any) -> Any:
        form = {"form": ListedRow} | options
        return super().get_changelist_form(request, **form)  # type: ignore[misc]
