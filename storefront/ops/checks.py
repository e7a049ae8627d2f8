"""Deployment checks: whether the shop's data outlives the next deploy."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db import connection


@register(deploy=True)
def disk(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """Refuse an SQLite file on a disk that each deploy may wipe, as on most platforms."""
    if connection.vendor != "sqlite" or settings.PERSISTENT_DISK:
        return []
    return [
        Error(
            "The orders are in an SQLite file, which most platforms delete at each deploy.",
            hint="Set DATABASE_URL to a PostgreSQL database, or PERSISTENT_DISK=true if the "
            "file is on a disk that stays.",
            id="storefront.E001",
        )
    ]
