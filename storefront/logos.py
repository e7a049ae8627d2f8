"""The merchant's logo, as rows beside the pictures of products: the icon of all pages and of the
browser, and the picture that links to the shop are shown with elsewhere.
"""

import re

from django.db import models
from django.urls import reverse

from storefront.ops.photographs import Logo

KINDS = {"icon.png": "image/png", "share.jpg": "image/jpeg"}
FILE_NAME = re.compile(r"[0-9a-f]{32}-(?P<kind>icon\.png|share\.jpg)")


class LogoFile(models.Model):
    """A file made of a logo; it never changes: what is new has a new name."""

    name = models.CharField(max_length=60, unique=True)
    body = models.BinaryField()

    class Meta:
        default_permissions = ()  # it belongs to the shop

    def __str__(self) -> str:
        return self.name


def keep_logo(logo: Logo, *, beside: str) -> None:
    """Store the files of a logo; those of the one `beside` stay, which pages may still show."""
    LogoFile.objects.exclude(name__startswith=beside or logo.digest).delete()
    LogoFile.objects.bulk_create(
        (LogoFile(name=f"{logo.digest}-{kind}", body=body) for kind, body in logo.files.items()),
        ignore_conflicts=True,
    )


def icon_of(digest: str) -> str:
    """Return where the icon is; nothing for no logo."""
    return digest and _address(f"{digest}-icon.png")


def share_of(digest: str) -> str:
    return digest and _address(f"{digest}-share.jpg")


def logo_file(name: str) -> tuple[bytes, str] | None:
    """Return a file with its type; None if there is none of this name."""
    parts = FILE_NAME.fullmatch(name)
    row = LogoFile.objects.filter(name=name).first() if parts else None
    return (bytes(row.body), KINDS[parts["kind"]]) if parts and row else None


def _address(name: str) -> str:
    return reverse("storefront:logo", args=[name])
