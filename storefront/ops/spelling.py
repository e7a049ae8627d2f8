"""Compares words however they are spelled: in capitals, or by the keys of another keyboard."""

import unicodedata
from typing import Any

from django.db import models

# Letters that are no plain ones with an accent, but are typed as such; and what editors put in.
TYPED_AS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "’": "'", "–": "-"})
LEFT_OUT = ("Mn", "Cf")  # accents, and marks that nobody sees


def folded(text: str) -> str:
    """Return what is equal for all spellings; databases fold other letters than ASCII's apart."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def searchable(text: str) -> str:
    """Return words that are found without their accents, in whatever case: Straße by strasse."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = [char for char in plain if unicodedata.category(char) not in LEFT_OUT]
    letters = "".join(kept).casefold().translate(TYPED_AS)
    return " ".join("".join(char if char.isprintable() else " " for char in letters).split())


class HasOtherLetters(models.Func):
    """Whether a text has other letters than ASCII's, which not every database can fold."""

    output_field = models.BooleanField()
    template = "octet_length(%(expressions)s) <> char_length(%(expressions)s)"

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        of_bytes = "length(CAST(%(expressions)s AS BLOB)) <> length(%(expressions)s)"
        return self.as_sql(compiler, connection, template=of_bytes, **options)
