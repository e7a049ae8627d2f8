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


def beginning_with(text: str) -> tuple[str, str]:
    """Return the first text that begins so, and one behind all others: see ByLetters."""
    return text, f"{text}\U0010ffff"


class ByLetters(models.Func):
    """A text in the order of its letters' numbers, in which an index finds beginnings.

    PostgreSQL otherwise has an order for people, such as one that passes over blanks.
    """

    output_field = models.TextField()
    template = '%(expressions)s COLLATE "C"'

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="%(expressions)s COLLATE BINARY", **options
        )


class LastWord(models.Func):
    """What stands behind the last blank, or all of it."""

    output_field = models.TextField()
    template = (
        "substr(%(expressions)s,"
        " length(rtrim(%(expressions)s, replace(%(expressions)s, ' ', ''))) + 1)"
    )


class BehindTheAt(models.Func):
    """The domain of an e-mail address, or all of what is none."""

    output_field = models.TextField()
    template = "substr(%(expressions)s, strpos(%(expressions)s, '@') + 1)"

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        template = "substr(%(expressions)s, instr(%(expressions)s, '@') + 1)"
        return self.as_sql(compiler, connection, template=template, **options)


class HasOtherLetters(models.Func):
    """Whether a text has other letters than ASCII's, which not every database can fold."""

    output_field = models.BooleanField()
    template = "octet_length(%(expressions)s) <> char_length(%(expressions)s)"

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        of_bytes = "length(CAST(%(expressions)s AS BLOB)) <> length(%(expressions)s)"
        return self.as_sql(compiler, connection, template=of_bytes, **options)
