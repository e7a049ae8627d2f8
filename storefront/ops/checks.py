"""What `manage.py check --deploy` says about the place where the shop is to run."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db import connection


@register(deploy=True)
def disk(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """On most platforms each deploy wipes the disk, and orders in a file there with it."""
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
