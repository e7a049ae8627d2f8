"""Which orders are asked for together, and the index that answers each question.

The words of states are those of `Order.Status`, which is made after this.
"""

import base64
import re
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from storefront.ops.spelling import (
    BehindTheAt,
    ByLetters,
    HasOtherLetters,
    LastWord,
    searchable,
)

if TYPE_CHECKING:
    from checkout.models.order import Order  # noqa: F401  (named in quotes below)

WAITING = ("PENDING", "PROCESSING")
# Money of an order that needs a look is no sale, nor is one that was given back because of it.
SOLD = Q(paid_at__isnull=False) & ~Q(status="REVIEW") & ~Q(refunded_from="REVIEW")

REFERENCE = re.compile("[A-Z2-7]{8}")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
LONGEST_NAME = 255
SOME = 1_000
# The search text of a name without any letter; nobody looks for it.
NAMELESS = " "


def reference_in(text: str) -> str:
    """Return the letters of a reference, however it was typed; nothing for what is none."""
    letters = re.sub(r"[\s\-–]", "", text).upper()
    return letters if REFERENCE.fullmatch(letters) else ""


def reference_of(pk: UUID) -> str:
    """Return the short name that people see of an order, such as K7M2-PQ4X."""
    letters = base64.b32encode(pk.bytes[:5]).decode()
    return f"{letters[:4]}-{letters[4:]}"


class Postcode(models.Func):
    """The postal code of an address, without the blanks and dashes that people may leave out."""

    output_field = models.TextField()
    template = "upper(replace(replace(%(expressions)s ->> 'postal_code', ' ', ''), '-', ''))"

    def as_sqlite(self, compiler: Any, connection: Any, **options: Any) -> Any:
        code = "json_extract(%(expressions)s, '$.postal_code')"
        template = f"upper(replace(replace({code}, ' ', ''), '-', ''))"
        return self.as_sql(compiler, connection, template=template, **options)


class IsNotPaid(models.Func):
    """Whether no money came and none is awaited; in words that both an index and a query have."""

    output_field = models.BooleanField()
    template = "%(expressions)s IN ('FAILED', 'EXPIRED')"


class OrderQuerySet(models.QuerySet["Order"]):
    def with_reference(self, text: str) -> Self:
        """Orders that people see by this reference; it is the beginning of their id."""
        if not (letters := reference_in(text)):
            return self.none()
        begin = base64.b32decode(letters)
        ends = (UUID(bytes=begin.ljust(16, last)) for last in (b"\x00", b"\xff"))
        return self.filter(pk__range=tuple(ends))

    def with_reference_like(self, letters: str) -> Self:
        """Orders whose reference begins with these letters, which are capitals without a dash."""
        begin = int("".join(f"{LETTERS.index(letter):05b}" for letter in letters), 2)
        rest = 128 - 5 * len(letters)
        return self.filter(pk__range=(UUID(int=begin << rest), UUID(int=(begin + 1 << rest) - 1)))

    def emails_of_other_letters(self) -> Iterator[tuple[UUID, str]]:
        """Yield ids with the addresses whose small letters databases don't agree on: very few.

        In pages, along the index of them: at once, PostgreSQL would read all orders for them, as
        it guesses that nearly all addresses are such.
        """
        others = self.filter(HasOtherLetters("email")).order_by("email", "pk")
        rows = others.values_list("pk", "email")
        for begin in count(step=SOME):
            found = list(rows[begin : begin + SOME])
            yield from found
            if len(found) < SOME:
                return

    def fold_again(self, most: int) -> int:
        """Write the search texts that are missing, of so many orders; return how many there were.

        Servers of the last release write none, nor did those before.
        """
        rows = self.filter(search_text="").exclude(shipping_name="").order_by("-created_at")
        named = list(rows.values_list("pk", "shipping_name")[:most])
        for pk, name in named:  # unless the person was forgotten since
            text = searchable(name)[:LONGEST_NAME] or NAMELESS
            self.filter(pk=pk, shipping_name=name).update(search_text=text)
        return len(named)

    def for_shopper(self, shopper: object) -> Self:
        return self.filter(shopper=shopper)

    def open(self) -> Self:
        """Orders whose Checkout Session may still be offered to the shopper."""
        return self.filter(status="PENDING", superseded_at=None)

    def sold(self) -> Self:
        """Orders that were paid, whatever went back since."""
        return self.filter(SOLD)

    def awaiting_stripe(self) -> Self:
        """Orders that wait for the outcome of a Checkout Session."""
        return self.filter(status__in=WAITING, session_id__isnull=False)


INDEXES = (
    # With the state: without statistics, SQLite would as soon look among all that wait.
    models.Index(fields=("shopper", "status", "-created_at"), name="orders_of_a_shopper"),
    models.Index(fields=("status", "created_at"), name="orders_in_a_state"),
    models.Index(fields=("created_at",), name="orders_by_age"),
    models.Index(fields=("sender", "status"), condition=~Q(sender=""), name="orders_of_a_sender"),
    models.Index(Lower("email"), name="orders_of_an_email"),
    models.Index(
        fields=("email",),
        condition=Q(HasOtherLetters("email")),
        name="orders_of_other_letters",
    ),
    models.Index(fields=("created_at",), condition=~Q(email=""), name="orders_with_an_email"),
    models.Index(
        fields=("created_at",),
        condition=Q(ship_to__isnull=False),
        name="orders_with_an_address",
    ),
    models.Index(
        fields=("created_at",),
        condition=~Q(review_reason=""),
        name="orders_that_need_a_look",
    ),
    models.Index(
        fields=("created_at",),
        condition=~Q(disputed_at=None),
        name="orders_in_dispute",
    ),
    models.Index(ByLetters(Lower("email")), condition=~Q(email=""), name="orders_by_email"),
    models.Index(
        ByLetters(Lower(BehindTheAt("email"))),
        F("created_at").desc(),
        condition=~Q(email=""),
        name="orders_by_domain",
    ),
    models.Index(ByLetters("search_text"), condition=~Q(search_text=""), name="orders_by_name"),
    models.Index(
        ByLetters(LastWord("search_text")),
        condition=~Q(search_text=""),
        name="orders_by_last_name",
    ),
    models.Index(
        ByLetters(Postcode("ship_to")),
        condition=Q(ship_to__isnull=False),
        name="orders_by_postcode",
    ),
    models.Index(
        fields=("created_at",),
        condition=Q(search_text="") & ~Q(shipping_name=""),
        name="orders_to_fold",
    ),
    models.Index(
        fields=("created_at",),
        condition=Q(IsNotPaid("status")),
        name="orders_that_are_not_paid",
    ),
    models.Index(fields=("created_at",), condition=~Q(refunded_cents=0), name="orders_refunded"),
    # With the state, for the same reason: it would look among all that were ever paid.
    models.Index(
        fields=("status", "paid_at"),
        condition=Q(status="PAID", needs_shipping=True, shipped_at=None),
        name="orders_to_ship",
    ),
    # All that a year of the books adds up, so that the orders themselves stay unread.
    models.Index(
        fields=(
            *("currency", "settlement_currency", "country", "paid_at"),
            *("total_cents", "shipping_cents", "tax_cents", "fee_cents"),
        ),
        condition=SOLD,
        name="orders_that_were_sold",
    ),
    models.Index(
        fields=("paid_at",),
        condition=Q(paid_at__isnull=False, fee_cents=None, settlement_currency="")
        & ~Q(payment_intent=""),
        name="orders_without_a_fee",
    ),
    models.Index(
        fields=("charge_refunded_at",),
        condition=Q(charge_refunded_at__isnull=False),
        name="orders_by_refund",
    ),
    # With all that is added up: what was sold in a month is read from the index alone.
    models.Index(
        fields=("paid_at", "status", "refunded_from", "currency", "total_cents"),
        condition=Q(paid_at__isnull=False),
        name="orders_by_time_paid",
    ),
)
