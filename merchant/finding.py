"""Finds orders by what people remember of them; an index answers each question.

Of what very many orders have in common, it finds some.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower

from checkout.models import Order
from checkout.models.order_queries import Postcode
from storefront.ops.spelling import (
    BehindTheAt,
    ByLetters,
    HasOtherLetters,
    LastWord,
    beginning_with,
    folded,
    searchable,
)

MOST = 500
MOST_OTHERS = 10_000
LONGEST = 300
WHAT = (
    "Names are found by the beginning of the first or the last one, e-mail addresses by their "
    "beginning or by what stands behind the @, references and postcodes by their beginning, and "
    "Stripe’s ids (pi_, cs_, evt_, re_) in full."
)

STRIPES = re.compile(r"\b(?:cs|pi|evt|re|du|dp)_\w{2,255}", re.ASCII)
OURS = re.compile(r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b", re.IGNORECASE)
ADDRESS = re.compile(r"[^\s<>(),;:\"]*@[^\s<>(),;:\"]*")
# What people write before a reference.
LEAD = re.compile(r"(?:(?:order|reference|ref|no)\b[\s.:\-]*)?#?\s*", re.IGNORECASE)
BETWEEN = re.compile(r"[\s\-\u2010-\u2014_.]")
REFERENCE = re.compile("[A-Z2-7]{2,8}")
# References have none of these.
MISREAD = str.maketrans("018", "OIB")
# Fewer letters are the beginning of too many names.
SURE = 4
ABROAD = re.compile(r"[A-Z]{1,3}-(?=[0-9])")

Rows = QuerySet[Order]


def found(text: str) -> list[UUID]:
    """Return the ids of the orders that the text names, each once."""
    text = unicodedata.normalize("NFKC", text).strip()[:LONGEST]
    lead = LEAD.match(text)
    rest = text[lead.end() :] if lead else text
    if exact := [*_by_id(text)]:
        return _ids(exact)
    by_reference = _by_reference(rest)
    if rest != text and (named := _ids(by_reference)):
        return named
    guesses = [*_by_email(rest), *_by_name(rest), *_by_postcode(rest)]
    is_sure = len(BETWEEN.sub("", rest)) >= SURE
    return _ids([*guesses, *by_reference]) if is_sure else _ids(guesses) or _ids(by_reference)


def _ids(rows: Iterable[Rows]) -> list[UUID]:
    return [*dict.fromkeys(pk for some in rows for pk in some.values_list("pk", flat=True)[:MOST])]


def _by_id(text: str) -> Iterator[Rows]:
    """By an id of ours or of Stripe's, wherever it stands: the text may be an address."""
    orders = Order.objects.order_by()
    for pk in OURS.findall(text):
        yield orders.filter(pk=UUID(pk))
    for name in STRIPES.findall(text):
        yield orders.filter(session_id=name)
        yield orders.filter(payment_intent=name)
        yield orders.filter(events__event_id=name)
        yield orders.filter(refunds__refund_id=name)
        yield orders.filter(dispute_id=name).exclude(disputed_at=None).order_by("created_at")


def _by_reference(text: str) -> list[Rows]:
    letters = BETWEEN.sub("", text).upper().translate(MISREAD)
    is_one = REFERENCE.fullmatch(letters)
    return [Order.objects.order_by().with_reference_like(letters)] if is_one else []


def _by_email(text: str) -> Iterator[Rows]:
    """By its beginning, or by its domain if that is meant."""
    address = ADDRESS.search(text)
    wanted = folded(address[0] if address else text)
    name, _, domain = wanted.rpartition("@")
    if not wanted.strip("@") or " " in wanted:
        return
    rows = Order.objects.exclude(email="")
    if name or not address:
        yield _beginning(rows, Lower("email"), wanted)
    if not name and (address or "." in domain):
        domains = _beginning(rows, Lower(BehindTheAt("email")), domain)
        yield domains.order_by("key", "-created_at")
    # Databases don't agree on the small letters of other alphabets. Few addresses have any, but
    # PostgreSQL, which guesses that nearly all do, reads the index of them only as an order.
    others = Order.objects.filter(HasOtherLetters("email")).order_by("email")
    known = others.values_list("pk", "email")[:MOST_OTHERS]
    same = [pk for pk, email in known if _is_like(email, name, domain)]
    if same:
        yield Order.objects.filter(pk__in=same).order_by()


def _is_like(email: str, name: str, domain: str) -> bool:
    written = folded(email)
    if name:
        return written.startswith(f"{name}@{domain}")
    return written.startswith(domain) or written.rpartition("@")[2].startswith(domain)


def _by_name(text: str) -> Iterator[Rows]:
    """By the longest word, which begins the first or the last name; the others are somewhere."""
    words = [word for word in (word.strip(",;.") for word in searchable(text).split()) if word]
    if not words or "@" in text:
        return
    longest = max(words, key=len)
    # Not of the longest as well: it begins the key, and a guess more would spoil PostgreSQL's plan.
    others = Q()
    for word in {*words} - {longest}:
        others &= Q(search_text__contains=word)
    rows = Order.objects.exclude(search_text="").filter(others)
    for key in (F("search_text"), LastWord("search_text")):
        yield _beginning(rows, key, longest)


def _by_postcode(text: str) -> Iterator[Rows]:
    """By its beginning, with or without a country's letters such as those of A-8010."""
    if not any(map(str.isdigit, text)) or "@" in text:
        return
    rows, written = Order.objects.filter(ship_to__isnull=False), text.upper()
    for code in {written, ABROAD.sub("", written, count=1)}:
        yield _beginning(rows, Postcode("ship_to"), re.sub(r"[\s-]", "", code))


def _beginning(rows: Rows, key: Any, text: str) -> Any:
    first, last = beginning_with(text)
    return rows.alias(key=ByLetters(key)).filter(key__gte=first, key__lt=last).order_by("key")
