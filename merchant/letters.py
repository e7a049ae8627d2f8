"""What mails are made of, as plain text of 72 columns and as HTML that mail programs understand."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import wrap

from django.template.loader import render_to_string

from checkout.outbox import Mail
from merchant.colours import PAPER, is_readable
from storefront.models import Shop
from storefront.models.shop import BRAND, six_digits
from storefront.ops import bidi

COLUMNS = 72
# Gmail hides what comes after 102 KB behind a link.
LARGEST_HTML = 100_000
LONGEST_NAME = 200
INK = "#231e19"


def one_line(text: str) -> str:
    """Return a name as it stands in a sentence: in one line, and not without end."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return bidi.isolated(line if len(line) <= LONGEST_NAME else f"{line[:LONGEST_NAME]}…")


@dataclass(frozen=True)
class Words:
    """A paragraph, or several with an empty line between."""

    text: str
    is_quiet: bool = False
    name = "words"

    def lines(self) -> Iterator[str]:
        for line in self.text.splitlines():
            yield from _wrapped(line) or [""]


@dataclass(frozen=True)
class Heading:
    text: str
    name = "heading"

    def lines(self) -> Iterator[str]:
        lines = _wrapped(self.text)
        yield from lines
        yield "-" * max(map(_width, lines))


@dataclass(frozen=True)
class Lines:
    """Lines that stay as they are, such as an address."""

    of: Sequence[str]
    name = "lines"

    def lines(self) -> Iterator[str]:
        for line in self.of:
            yield from wrap(line, COLUMNS - 2, initial_indent="  ", subsequent_indent="    ")


@dataclass(frozen=True)
class Button:
    words: str
    address: str
    name = "button"

    def lines(self) -> Iterator[str]:
        yield from _wrapped(f"{self.words}:")
        yield self.address


@dataclass(frozen=True)
class Goods:
    """What was bought and what it comes to: each a pair of words and an amount."""

    rows: Sequence[tuple[str, str]]
    sums: Sequence[tuple[str, str]] = ()
    total: tuple[str, str] | None = None
    left_out: int = 0
    name = "goods"

    def lines(self) -> Iterator[str]:
        for row in self.rows:
            yield from _row(*row)
        if self.left_out:
            yield f"and {self.left_out} more: see the order"
        if self.total:
            yield "-" * COLUMNS
            for row in [*self.sums, self.total]:
                yield from _row(*row)


Part = Words | Heading | Lines | Button | Goods


@dataclass(frozen=True)
class Letter:
    """One mail before it has its shape; the `foot` says whom it comes from."""

    subject: str
    title: str
    parts: Sequence[Part]
    foot: Sequence[str] = field(default_factory=tuple)
    links: Sequence[tuple[str, str]] = ()

    def mail(self) -> Mail:
        html = self._html(self.parts)
        if len(html.encode()) > LARGEST_HTML:
            html = self._html(_shortened(self.parts))
        return Mail(self.subject, self._text(), html)

    def _text(self) -> str:
        blocks = [list(_wrapped(self.title)), *(list(part.lines()) for part in self.parts)]
        foot = [line for words in self.foot for line in _wrapped(words)]
        links = [f"{title}: {address}" for title, address in self.links]
        blocks.append(["-- ", *foot, *links])
        return "\n\n".join("\n".join(block) for block in blocks) + "\n"

    def _html(self, parts: Sequence[Part]) -> str:
        context = {
            "letter": self,
            "parts": parts,
            "shop_name": Shop.current().shown_name,
            **_colours(Shop.current().shown_accent),
        }
        return render_to_string("mail/mail.html", context).strip() + "\n"


def _shortened(parts: Sequence[Part]) -> list[Part]:
    """Return what fits into any mail program; the order's own page shows the rest."""
    most = 20
    kept: list[Part] = []
    for part in parts:
        if isinstance(part, Goods) and len(part.rows) > most:
            part = Goods(part.rows[:most], part.sums, part.total, len(part.rows) - most)
        if isinstance(part, Words) and len(part.text) > 2_000:
            part = Words(f"{part.text[:2_000]}… (go on at the order’s page)", part.is_quiet)
        kept.append(part)
    return kept[:40]


def _wrapped(text: str) -> list[str]:
    """Return the lines of a paragraph; an address stays whole, or it leads nowhere."""
    return wrap(text, COLUMNS, break_long_words=False, break_on_hyphens=False)


def _row(words: str, amount: str) -> Iterator[str]:
    """Yield the words with the amount at the right edge, below them if there is no room beside."""
    lines = wrap(words, COLUMNS - 16, subsequent_indent="    ") or [""]
    yield from lines[:-1]
    gap = COLUMNS - _width(lines[-1]) - _width(amount)
    if gap < 2:
        yield lines[-1]
        yield f"{amount:>{COLUMNS}}"
    else:
        yield f"{lines[-1]}{' ' * gap}{amount}"


def _width(text: str) -> int:
    """Return how many columns the text takes in a font of one width."""
    shown = [c for c in text if unicodedata.category(c) not in ("Mn", "Cf")]
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in shown)


def _colours(accent: str) -> dict[str, str]:
    """Return the shop's colour, and words that can be read on it; links need not have it."""
    accent = six_digits(accent or BRAND)
    on_accent = "#ffffff" if is_readable("#ffffff", accent) else "#000000"
    link = accent if is_readable(accent, PAPER) else INK
    return {"accent": accent, "on_accent": on_accent, "link": link}
