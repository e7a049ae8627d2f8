"""Compares words however they are spelled: in capitals, or by the keys of another keyboard."""

import unicodedata
from typing import Any

from django.db import models


def folded(text: str) -> str:
    """Return what is equal for all spellings; databases fold other letters than ASCII's apart."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class HasOtherLetters(models.Func):
    """Whether a text has other letters than ASCII's, which not every database can fold."""

    output_field = models.BooleanField()
    template = "octet_length(%(expressions)s) <> char_length(%(expressions)s)"

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        of_bytes = "length(CAST(%(expressions)s AS BLOB)) <> length(%(expressions)s)"
        return self.as_sql(compiler, connection, template=of_bytes, **options)
