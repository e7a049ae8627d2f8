"""Names in templates where no `<bdi>` can stand, and the merchant's own words."""

import re
from urllib.parse import urlsplit

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from storefront.ops import bidi

ADDRESS = re.compile(r"(https://[^\s<>\"]*[^\s<>\"'.,;:!?()])", re.IGNORECASE)

register = template.Library()


@register.filter
def isolated(name: str) -> str:
    """`<title>{{ product.name|isolated }}</title>`: as a title of plain text takes it."""
    return bidi.isolated(name)


@register.filter
def linked(text: str) -> SafeString:
    """`{{ text|linked|linebreaks }}`: its https addresses lead there, all else is only text."""
    words = ADDRESS.split(text)
    words[1::2] = map(_link_to, words[1::2])
    words[::2] = map(escape, words[::2])
    return mark_safe("".join(words))  # noqa: S308  (each part is escaped)


def _link_to(address: str) -> str:
    try:
        is_somewhere = urlsplit(address).hostname
    except ValueError:
        is_somewhere = None
    link = '<a href="{}" rel="noreferrer">{}</a>' if is_somewhere else "{1}"
    return format_html(link, address, address)
