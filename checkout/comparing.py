"""Compares the books with what Stripe says came in, went back and is disputed.

The books follow Stripe's events; this asks for Stripe's lists instead, so that an event which
was lost, or lost with a database, shows. It changes nothing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from checkout import reading, telling
from checkout.bills import received_for
from checkout.gateway import failures, reads
from checkout.models import Heartbeat, Order, StripeEvent
from checkout.reading import Json
from checkout.refunds import RESULTS
from storefront.money import decimals

REVIEW = StripeEvent.Outcome.REVIEW
LOOKS_BACK = timedelta(days=2)
# A bank debit is paid up to so long after its order.
SLOWEST_PAYMENT = timedelta(days=30)
SHOWN = 20


@dataclass
class Comparison:
    """What came in, went back and is disputed by Stripe's account, and where the books differ."""

    payments: int = 0
    refunds: int = 0
    disputes: int = 0
    paid: Counter[str] = field(default_factory=Counter)
    refunded: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        if self.differences:
            more = len(self.differences) - SHOWN
            shown = [*self.differences[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
            return f"books and Stripe differ in {len(self.differences)}: {'; '.join(shown)}"
        words = [f"{Heartbeat.BOOKS_AGREE}: {_number(self.payments, 'payment')}, {_sum(self.paid)}"]
        if self.refunds:
            words.append(f"{_number(self.refunds, 'refund')}, {_sum(self.refunded)}")
        if self.disputes:
            words.append(_number(self.disputes, "dispute"))
        return "; ".join(words)


def compare(now: datetime, since: datetime, until: datetime | None = None) -> Comparison:
    """Compare what was made since then, and before `until`, and note what came of it.

    A payment that has changed later is left out: the webhook may just be bringing it.
    Raises failures.StripeDown or failures.StripeRefused.
    """
    result = Comparison()
    account = _Account(since, until)
    books = {order.payment_intent: order for order in _paid_in_books(since, until)}
    account.ask_about(books.keys() - account.charges.keys())
    for intents in batched(account.charges.keys() - books.keys(), 500):
        books |= {o.payment_intent: o for o in Order.objects.filter(payment_intent__in=intents)}
    for intent in sorted(books.keys() | account.charges.keys()):
        if intent not in account.moving:
            _compare_payment(result, account, intent, books.get(intent))
    Heartbeat.beat(Heartbeat.Name.BOOKS, now, str(result))
    if result.differences:
        telling.books_differ(str(result), now)
    return result


class _Account:
    """What Stripe lists of a time: charges by their payment, and what happened to them."""

    def __init__(self, since: datetime, until: datetime | None) -> None:
        self.charges: dict[str, Json] = {}
        self.made: set[str] = set()
        self.moving: set[str] = set()
        self.refunds: dict[str, list[Json]] = {}
        self.disputes: dict[str, Json] = {}
        self._until = until
        times = reads.between(since)
        for charge in _listed("charges", created=times):
            self._note(charge, charge)
            self.made.add(reading.intent(charge))
        for refund in _listed("refunds", created=times, expand=["data.charge"]):
            self.refunds.setdefault(self._note(refund, refund["charge"]), []).append(refund)
        for dispute in _listed("disputes", created=times, expand=["data.charge"]):
            self.disputes.setdefault(self._note(dispute, dispute["charge"]), dispute)

    def ask_about(self, payment_intents: set[str]) -> None:
        """Look up payments that were made before the time."""
        for intent in sorted(payment_intents)[: reads.PAGE_SIZE]:
            try:
                for charge in _listed("charges", payment_intent=intent):
                    self._note(charge, charge)
            except failures.StripeRefused:
                continue  # Stripe doesn't know the payment

    def _note(self, thing: Json, charge: object) -> str:
        intent, made_at = reading.intent(thing), reading.moment(thing.get("created"))
        if self._until and made_at and made_at >= self._until:
            self.moving.add(intent)
        if intent and reading.mapping(charge).get("status") == "succeeded":
            self.charges[intent] = reading.mapping(charge)
        return intent


def _listed(things: str, **params: Any) -> Iterator[Json]:
    for page in reads.pages_of(things, **params):
        yield from page


def _paid_in_books(since: datetime, until: datetime | None) -> QuerySet[Order]:
    """Return the orders that were paid in the time, at this account and in this mode."""
    mode = "cs_live_" if settings.STRIPE_LIVE_MODE else "cs_test_"
    orders = Order.objects.filter(
        created_at__gte=since - SLOWEST_PAYMENT, paid_at__gte=since, session_id__startswith=mode
    )
    return (orders.filter(paid_at__lt=until) if until else orders).exclude(payment_intent="")


def _compare_payment(
    result: Comparison, account: _Account, intent: str, order: Order | None
) -> None:
    charge = account.charges.get(intent)
    if not charge:
        result.differences.append(f"order {order} is paid, and Stripe knows no payment {intent}")
    elif order:
        _count(result, account, intent, charge)
        result.differences += _differences(order, charge, account.disputes.get(intent))
    elif StripeEvent.objects.filter(payment_intent=intent, outcome=REVIEW).exists():
        _count(result, account, intent, charge)  # an order says that it came in beside its own
    elif named := _order_named_by(charge):
        money = _money(charge["amount_captured"], charge["currency"])
        result.differences.append(f"{money} came in for order {named} ({intent}), not in the books")


def _order_named_by(charge: Json) -> UUID | None:
    """Return the order of this shop that the charge was made for."""
    named = reading.uuid(reading.mapping(charge.get("metadata")).get("order_id"))
    return None if reading.names_another_shop(charge) else named


def _count(result: Comparison, account: _Account, intent: str, charge: Json) -> None:
    currency, refunds = charge["currency"], account.refunds.get(intent, [])
    standing = [r["amount"] for r in refunds if r["status"] not in ("failed", "canceled")]
    if intent in account.made:
        result.payments += 1
        result.paid[currency] += charge["amount_captured"]
    if standing:
        result.refunds += len(standing)
        result.refunded[currency] += sum(standing)
    result.disputes += intent in account.disputes


def _differences(order: Order, charge: Json, dispute: Json | None) -> list[str]:
    currency = charge["currency"]
    stripe = {
        "paid": _money(charge["amount_captured"], currency),
        "refunded": _money(charge["amount_refunded"], currency),
        "disputed": "yes" if charge["disputed"] else "no",
    }
    books = {
        "paid": _money(received_for(order), order.currency),
        "refunded": _money(order.refunded_cents, order.currency),
        "disputed": "yes" if order.dispute_id else "no",
    }
    if dispute:
        stripe["dispute"] = dispute["status"] if dispute["status"] in RESULTS else "open"
        books["dispute"] = order.dispute_result or "open"
    return [
        f"order {order} has {words} {books[words]}, and Stripe {stripe[words]}"
        for words in stripe
        if stripe[words] != books[words]
    ]


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def _sum(amounts: Counter[str]) -> str:
    return " and ".join(_money(amounts[c], c) for c in amounts) or _money(0, settings.CURRENCY)


def _money(cents: int, currency: str) -> str:
    """Return an amount as accounts write it; in the shop's own currency it needs no name."""
    name = "" if currency == settings.CURRENCY else f" {currency.upper()}"
    return f"{Decimal(cents).scaleb(-decimals(currency)):,}{name}"
