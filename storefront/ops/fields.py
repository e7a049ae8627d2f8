"""Fields whose columns came with a later release."""

from typing import Any

from django.db import models


def added_text(length: int, **options: Any) -> "models.CharField[str, str]":
    """Return a text that is empty unless it is given: servers of the last release give none."""
    return models.CharField(max_length=length, blank=True, default="", db_default="", **options)
