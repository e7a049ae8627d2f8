"""Words in templates: names where no `<bdi>` can stand, and what a merchant writes."""

import re
from urllib.parse import urlsplit

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from storefront.ops import bidi

ADDRESS = re.compile(r"(https://[^\s<>\"]*[^\s<>\"'.,;:!?()])", re.IGNORECASE)

register = template.Library()

HEADING = re.compile(r"#{1,6}[ \t]+(\S.*)")
UNDERLINE = re.compile(r"(={3,}|-{3,})")
ITEM = re.compile(r"(?:[-*•]|([0-9]{1,3})[.)])[ \t]+(\S.*)")

LISTS = ("ul", "ol")

Beginning = tuple[str, str]
Block = tuple[str, list[str]]
"""The element of a block, and its lines; those of a list are its items."""


@register.filter
def isolated(name: str) -> str:
    """`<title>{{ product.name|isolated }}</title>`: as a title of plain text takes it."""
    return bidi.isolated(name)


@register.filter
def prose(text: str) -> SafeString:
    """`{{ product.description|prose }}`: paragraphs, headings and lists, and no HTML of its own.

    A heading begins with `#` or has a line of `---` below it, an item with `-`, `*` or `1.`.
    Each block goes by its own direction, whatever stands around it.
    """
    return mark_safe("\n".join(_html(*block) for block in _blocks(text)))  # noqa: S308  (escaped)


@register.filter
def plain(text: str) -> str:
    """The same words in one line, for a card or a search engine."""
    return " ".join(line for _, lines in _blocks(text) for line in lines)


@register.filter
def first_paragraph(text: str) -> str:
    """Its words in one line, for a card; all of them where there is no paragraph."""
    paragraphs = (" ".join(lines) for element, lines in _blocks(text) if element == "p")
    return next(paragraphs, plain(text))


def _html(element: str, lines: list[str]) -> str:
    tag = element[:2].strip()
    if tag in LISTS:
        inside = "".join(f"<li>{escape(line)}</li>" for line in lines)
    else:
        inside = "<br>".join(map(escape, lines))
    return f'<{element} dir="auto">{inside}</{tag}>'


def _blocks(text: str) -> list[Block]:
    """Read line by line; an empty line ends a block, but no list that goes on after it."""
    blocks: list[Block] = [("", [])]
    is_over = True
    for raw in text.splitlines():
        line = raw.strip()
        element, lines = blocks[-1]
        begun, words = _begun_by(line)
        if not line:
            is_over = True
        elif element == "p" and len(lines) == 1 and not is_over and UNDERLINE.fullmatch(line):
            blocks[-1] = "h2", lines
            is_over = True
        elif begun[:2] in LISTS and begun[:2] == element[:2]:
            lines.append(words)
            is_over = False
        elif begun == element == "p" and not is_over:
            lines.append(words)
        elif begun == "p" and element[:2] in LISTS and raw[0].isspace() and not is_over:
            lines[-1] += f" {words}"
        else:
            blocks.append((begun, [words]))
            is_over = begun == "h2"
    return blocks[1:]


def _begun_by(line: str) -> Beginning:
    """Return the element of the block that a line belongs to, and its words."""
    if heading := HEADING.fullmatch(line):
        return "h2", heading[1]
    if item := ITEM.fullmatch(line):
        first = f' start="{int(item[1])}"' if item[1] and int(item[1]) != 1 else ""
        return (f"ol{first}" if item[1] else "ul"), item[2]
    return "p", line


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
