"""How the merchant's desk takes pictures: several files at once, each with what it shows."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import CharField
from django.http import HttpRequest
from django.utils.html import format_html

from storefront.ops.bidi import isolated
from storefront.ops.photographs import NoPhotograph, Photograph, developed
from storefront.pictures import MOST_OF_A_PRODUCT, Picture, add_pictures

MEGABYTES = 12
FIELD = "new_pictures"


class SeveralFiles(forms.FileInput):
    allow_multiple_selected = True


class PhotographsField(forms.FileField):
    """Takes some photographs, or says of each file that is none why; then none is taken."""

    widget = SeveralFiles(attrs={"accept": "image/jpeg,image/png,image/webp"})

    def clean(self, data: Any, initial: Any = None) -> list[Photograph]:
        if len(files := data or []) > MOST_OF_A_PRODUCT:
            raise ValidationError(f"Please choose up to {MOST_OF_A_PRODUCT} pictures at once.")
        outcomes = [outcome_of(file) for file in files]
        if refused := [outcome for outcome in outcomes if isinstance(outcome, str)]:
            raise ValidationError(refused)
        return [outcome for outcome in outcomes if isinstance(outcome, Photograph)]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


def outcome_of(file: UploadedFile) -> Photograph | str:
    """Return the photograph in a file, or why there is none; it is looked at once."""
    if "outcome" not in vars(file):
        vars(file)["outcome"] = _outcome_of(file)
    outcome: Photograph | str = vars(file)["outcome"]
    return outcome


def _outcome_of(file: UploadedFile) -> Photograph | str:
    name = isolated(file.name or "A file")
    if not file.size:
        return f"{name} is empty."
    if file.size > MEGABYTES * 1024 * 1024:
        return f"{name} is larger than {MEGABYTES} MB."
    try:
        return developed(file)
    except NoPhotograph as refused:
        return f"{name} {refused}."


class WithPictures(forms.ModelForm):
    """The form of a product, with the pictures that are added to it."""

    new_pictures = PhotographsField(
        required=False,
        label="Add pictures",
        help_text=f"JPEG, PNG or WebP files of up to {MEGABYTES} MB, several at once. The product "
        f"shows its first {MOST_OF_A_PRODUCT}; it looks best if they are four wide to three high.",
    )
    what_they_show = forms.CharField(
        required=False,
        label="What the new pictures show",
        widget=forms.Textarea(attrs={"rows": 3, "cols": 40, "class": "vLargeTextField"}),
        help_text="Please say it for who can't see them, in one line for each picture, such as "
        "“A grey mug with a wooden lid”.",
    )

    def clean_what_they_show(self) -> list[str]:
        lines = [line.strip() for line in self.cleaned_data["what_they_show"].splitlines()]
        most: int = Picture._meta.get_field("alt").max_length  # type: ignore[assignment]
        if any(len(line) > most for line in lines):
            raise ValidationError(f"A line has up to {most} letters.")
        return [line for line in lines if line]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        photographs, lines = data.get(FIELD), data.get("what_they_show", [])
        if photographs is not None and len(lines) > len(photographs):
            self.add_error(FIELD, "There are more lines about pictures than pictures here.")
        return data

    def _post_clean(self) -> None:
        """Where Django checks the row, as the last of what it checks."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors and self.cleaned_data.get(FIELD):
            self.add_error(FIELD, "Please choose the pictures once more: browsers forget them.")

    def _save_m2m(self) -> None:
        """Where Django saves what belongs to the product, once that is saved itself."""
        super()._save_m2m()  # type: ignore[misc]
        lines = iter(self.cleaned_data["what_they_show"])
        add_pictures(self.instance, [(each, next(lines, "")) for each in self.cleaned_data[FIELD]])


class OptionalRows(forms.BaseInlineFormSet):
    """Rows below a form; one that comes without any leaves them alone."""

    def __init__(
        self, data: Any = None, files: Any = None, *, prefix: Any = None, **options: Any
    ) -> None:
        prefix = prefix or self.get_default_prefix()
        if data is not None and f"{prefix}-TOTAL_FORMS" not in data:
            data = {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
        super().__init__(data, files, prefix=prefix, **options)


class Pictures(admin.TabularInline):
    """The pictures that a product has; more come by the form itself."""

    model = Picture
    formset = OptionalRows
    extra = max_num = 0
    fields = ("picture", "alt", "position")
    formfield_overrides = {CharField: {"widget": forms.TextInput(attrs={"size": 26})}}
    readonly_fields = ("picture",)

    def picture(self, picture: Picture) -> str:
        shown = picture.shown
        return format_html(
            '<img src="{}" alt="" width="96" height="{}">',
            shown.smallest,
            round(96 * shown.height / shown.width),
        )

    # Who may change a product may change its pictures.
    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("storefront.view_product") or self._may_change(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_change(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_change(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _may_change(self, request: HttpRequest) -> bool:
        return request.user.has_perm("storefront.change_product")


def develop_uploads(request: HttpRequest) -> None:
    """Look at all files of the form: within the transaction that saves it nobody could buy."""
    files: Iterable[UploadedFile] = request.FILES.getlist(FIELD)
    for file in list(files)[:MOST_OF_A_PRODUCT]:
        outcome_of(file)
