"""Static files as `collectstatic` left them, and what a page does without one of them."""

import logging
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import CheckMessage, Error, register
from django.utils.encoding import filepath_to_uri
from whitenoise.storage import (  # type: ignore[import-untyped]
    CompressedManifestStaticFilesStorage,
)

logger = logging.getLogger(__name__)


class CollectedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Names a file that was not collected as it is.

    Django raises an error for it instead, and the pages that report errors need such files too.
    """

    def load_manifest(self) -> tuple[dict[str, str], str]:
        try:
            files, digest = super().load_manifest()
        except ValueError:
            logger.exception("The list of static files is damaged: run collectstatic again.")
            return {}, ""
        return files, digest

    def url(self, name: str | None, force: bool = False) -> str:
        try:
            return str(super().url(name, force))
        except ValueError:
            _log_missing(name or "")
            return settings.STATIC_URL + filepath_to_uri(name or "")


@cache  # once is enough
def _log_missing(name: str) -> None:
    logger.error("static/%s was added after collectstatic: run it again.", name)


def is_collected(name: str) -> bool:
    """Whether the file can be served; before `collectstatic` any may be."""
    files: dict[str, str] | None = getattr(staticfiles_storage, "hashed_files", None)
    return settings.DEBUG or not files or name in files


@register(deploy=True)
def collected(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """Refuse files that came after the last `collectstatic`: pages would lack them."""
    present = {path for finder in get_finders() for path, _ in finder.list([])}
    missing = sorted(name for name in present if not is_collected(name))
    if not missing:
        return []
    return [
        Error(
            f"{len(missing)} static files are not collected, such as {missing[0]}.",
            hint="Run manage.py collectstatic, as each deploy does.",
            id="storefront.E002",
        )
    ]
