"""Pictures of products, as rows: so every machine has them, each deploy leaves them, and a backup
brings them back.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, models, transaction
from django.urls import reverse

from storefront.ops.photographs import Photograph, widths_of

if TYPE_CHECKING:
    from storefront.models import Product

MOST_OF_A_PRODUCT = 8
FILE_NAME = re.compile(r"(?P<digest>[0-9a-f]{32})-(?P<width>[1-9][0-9]{0,3})")
# In SQL, since the ORM takes as long to compile one of them as the page takes to be made.
OF_PRODUCTS = """
    SELECT product_id, digest, width, height, alt FROM storefront_picture
    WHERE product_id IN ({}) ORDER BY product_id, position, id
"""
BODY = """
    SELECT body FROM storefront_rendition JOIN storefront_picture
    ON storefront_picture.id = picture_id
    WHERE digest = %s AND storefront_rendition.width = %s LIMIT 1
"""


class Picture(models.Model):
    """A photograph of a product, of the size that its largest file has.

    It is never read with its files, and its files never change: what is new has a new digest.
    """

    product = models.ForeignKey(
        "storefront.Product",
        on_delete=models.CASCADE,
        related_name="uploaded_pictures",
        db_index=False,  # the constraint has one
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Smaller numbers come first.")
    alt = models.CharField(
        "what it shows",
        max_length=200,
        blank=True,
        help_text="For who can't see it, such as “A grey mug with a wooden lid”.",
    )
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    digest = models.CharField(max_length=32, editable=False)

    class Meta:
        ordering = ("position", "id")
        indexes = (models.Index(fields=("digest",), name="pictures_by_digest"),)
        constraints = (
            models.UniqueConstraint(
                fields=("product", "digest"), name="a_product_has_a_picture_once"
            ),
        )

    def __str__(self) -> str:
        return self.alt or f"Picture {self.pk}"

    @property
    def shown(self) -> "Shown":
        return Shown(self.digest, self.width, self.height, self.alt)


class WithoutBody(models.Manager["Rendition"]):
    """Leaves the bodies where they are: a page of the desk that lists what goes needs none."""

    def get_queryset(self) -> models.QuerySet["Rendition"]:
        return super().get_queryset().defer("body")


class Rendition(models.Model):
    """A file of a picture: WebP, so many points wide."""

    picture = models.ForeignKey(
        Picture, on_delete=models.CASCADE, related_name="renditions", db_index=False
    )
    width = models.PositiveIntegerField()
    body = models.BinaryField()

    objects = WithoutBody()

    class Meta:
        base_manager_name = "objects"
        constraints = (
            models.UniqueConstraint(fields=("picture", "width"), name="a_picture_has_a_width_once"),
        )

    def __str__(self) -> str:
        return f"File, {self.width} wide"


class Shown(NamedTuple):
    """What a page says of a picture; two that are equal look the same."""

    digest: str
    width: int
    height: int
    alt: str

    @property
    def smallest(self) -> str:
        return self._address(widths_of(self.width)[0])

    @property
    def largest(self) -> str:
        return self._address(self.width)

    @property
    def srcset(self) -> str:
        return ", ".join(f"{self._address(width)} {width}w" for width in widths_of(self.width))

    def _address(self, width: int) -> str:
        return reverse("storefront:picture", args=[f"{self.digest}-{width}"])


def show_pictures(products: Iterable["Product"]) -> None:
    """Read the pictures of all products of a page at once; a variant without any has its family's.

    A product that this was not called for reads them by itself.
    """
    shown = list(products)
    pictures = _by_product({pk for each in shown for pk in (each.pk, each.variant_of_id) if pk})
    for product in shown:
        own = pictures.get(product.pk, ())
        of_family = () if product.picture else pictures.get(product.variant_of_id or 0, ())
        product.pictures = own or of_family


def add_pictures(product: "Product", photographs: Iterable[tuple[Photograph, str]]) -> None:
    """Put photographs, each with what it shows, after the pictures that the product has."""
    of_product = Picture.objects.filter(product=product)
    last = of_product.aggregate(last=models.Max("position"))["last"] or 0
    with transaction.atomic():
        for position, (photograph, alt) in enumerate(photographs, start=last + 1):
            picture, is_new = of_product.get_or_create(
                product=product,
                digest=photograph.digest,
                defaults={
                    "position": position,
                    "alt": alt,
                    "width": photograph.width,
                    "height": photograph.height,
                },
            )
            if is_new:
                picture.renditions.bulk_create(
                    Rendition(picture=picture, width=width, body=body)
                    for width, body in photograph.files.items()
                )


def body_of(name: str) -> bytes | None:
    """Return the file of this name; None if there is no such picture, or none any more."""
    parts = FILE_NAME.fullmatch(name)
    if not parts:
        return None
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.cursor = _taking_bytes()
        cursor.execute(BODY, [parts["digest"], int(parts["width"])])
        row = cursor.fetchone()
    return bytes(row[0]) if row else None


def _taking_bytes() -> Any:
    """Return a cursor that takes bytes as they are: Django's reads them from as many digits."""
    from psycopg import Cursor
    from psycopg.pq import Format

    cursor = Cursor(connection.connection)
    cursor.format = Format.BINARY
    return cursor


def _by_product(keys: set[int]) -> dict[int, tuple[Shown, ...]]:
    if not keys:
        return {}
    found: dict[int, list[Shown]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(OF_PRODUCTS.format(", ".join(["%s"] * len(keys))), [*keys])
        for product, *shown in cursor.fetchall():
            found[product].append(Shown(*shown))
    return {product: tuple(pictures[:MOST_OF_A_PRODUCT]) for product, pictures in found.items()}
