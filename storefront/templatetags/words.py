"""Names in templates, where no `<bdi>` can stand."""

from django import template

from storefront.ops import bidi

register = template.Library()


@register.filter
def isolated(name: str) -> str:
    """`<title>{{ product.name|isolated }}</title>`: as a title of plain text takes it."""
    return bidi.isolated(name)
