"""Copies of products, to be changed and then put on sale."""

from itertools import count
from typing import Any

from django.db import connection, transaction

from storefront.models import Product
from storefront.pictures import Picture

# In SQL, so that no file leaves the database.
FILES = """
    INSERT INTO storefront_rendition (picture_id, width, body)
    SELECT %s, width, body FROM storefront_rendition WHERE picture_id = %s
"""


@transaction.atomic
def duplicate(product: Product) -> Product:
    """Return a copy with its pictures, categories and kinds; it is off sale, and has no stock."""
    copy = _copied(product, product.variant_of)
    for kind in product.variants.order_by("pk"):
        _copied(kind, copy)
    return copy


def _copied(product: Product, family: Product | None) -> Product:
    copy = Product.objects.get(pk=product.pk)
    copy.pk, copy._state.adding = None, True
    copy.slug, copy.is_on_sale = "", False
    copy.stock = None if product.stock is None else 0
    if family is None:
        copy.name = _another(product.name, "name")
    elif family.pk == product.variant_of_id:
        copy.variant = _another(product.variant, "variant")
    else:
        copy.name, copy.variant_of, copy.is_on_sale = family.name, family, product.is_on_sale
    copy.save()
    copy.categories.set(product.categories.all())
    for picture in Picture.objects.filter(product=product):
        _copy_picture(picture, copy)
    return copy


def _another(words: str, field: str) -> str:
    """Return words that say that this is a copy, and fit into their field."""
    of_field: Any = Product._meta.get_field(field)
    alike = Product.objects.filter(**{f"{field}__startswith": words[:40]})
    taken = set(alike.values_list(field, flat=True))
    ends = (" (copy)" if number == 1 else f" (copy {number})" for number in count(1))
    made = (words[: of_field.max_length - len(end)] + end for end in ends)
    return next(each for each in made if each not in taken)


def _copy_picture(picture: Picture, copy: Product) -> None:
    old = picture.pk
    picture.pk, picture.product, picture._state.adding = None, copy, True
    picture.save()
    with connection.cursor() as cursor:
        cursor.execute(FILES, [picture.pk, old])
