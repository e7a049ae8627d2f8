"""From Buy over Stripe's page to the books: what each kind of shop offers, and what is taken."""

from dataclasses import dataclass
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from checkout.models import Order
from storefront.models import Product
from tests.cast import Shopper, deliver, rate
from tests.proof.offering import WRONG, stripe_reckons
from tools.stripe_stand_in import StandIn

CODES = {"TEN": 10, "ALL": 100}


@dataclass(frozen=True)
class Case:
    """A shop, its shopper at Stripe's page, and the discount, delivery, tax and total of it."""

    parts: tuple[int, int, int, int]
    code: str = ""
    delivery: int | None = None
    free_from: int | None = None
    codes: bool = False
    tax: str = "off"
    currency: str = "usd"
    price: int = 2_999


CASES = {
    "goods alone": Case((0, 0, 0, 2_999)),
    "delivery": Case((0, 490, 0, 3_489), delivery=490),
    "delivery that is free": Case((0, 0, 0, 2_999), delivery=490, free_from=2_999),
    "a code that nobody typed": Case((0, 490, 0, 3_489), delivery=490, codes=True),
    "a code on goods alone": Case((300, 490, 0, 3_189), "TEN", 490, codes=True),
    "a code that leaves delivery": Case((2_999, 490, 0, 490), "ALL", 490, codes=True),
    "a code that leaves nothing": Case((2_999, 0, 0, 0), "ALL", codes=True),
    "a code that leaves free delivery": Case(
        (2_999, 0, 0, 0), "ALL", 490, free_from=1, codes=True, tax="exclusive"
    ),
    "tax within": Case((0, 490, 557, 3_489), delivery=490, tax="inclusive"),
    "tax within what a code leaves": Case(
        (300, 490, 509, 3_189), "TEN", 490, codes=True, tax="inclusive"
    ),
    "tax on top": Case((0, 490, 663, 4_152), delivery=490, tax="exclusive"),
    "tax on top of goods alone": Case((0, 0, 570, 3_569), tax="exclusive"),
    "tax on top of what a code leaves": Case(
        (300, 490, 606, 3_795), "TEN", 490, codes=True, tax="exclusive"
    ),
    "no decimals": Case((300, 490, 606, 3_795), "TEN", 490, None, True, "exclusive", "jpy"),
    "three decimals": Case(
        (299, 490, 604, 3_785), "TEN", 490, None, True, "exclusive", "kwd", 2_990
    ),
}


@pytest.fixture
def at_stripes(
    request: pytest.FixtureRequest, stripe: StandIn, ada: Shopper, settings: Settings
) -> Case:
    """Ada has pressed Buy in the shop of the case."""
    case: Case = CASES[request.param]
    settings.CURRENCY, settings.TAX = case.currency, case.tax
    settings.PROMOTION_CODES = case.codes
    if case.delivery is not None:
        rate("Parcel", "DE", case.delivery, free_from_cents=case.free_from)
    mouse = Product.objects.create(name="Mouse", price_cents=case.price)
    for code, percent in CODES.items():
        stripe.promotion_code(code, percent_off=percent)
    ada.puts(mouse, 1)
    ada.buys()
    return case


def hears(stripe: StandIn, way: str) -> None:
    """Bring what happened to the shop: by webhooks, or by its worker who asks."""
    if way == "webhooks":
        for event in stripe.events:
            assert deliver(event).status_code == 200
    else:
        call_command("reconcile_orders", older_than=0, stdout=StringIO())


def parts(order: Order) -> tuple[int, int, int, int]:
    return order.discount_cents, order.shipping_cents, order.tax_cents, order.total_cents


ways = pytest.mark.parametrize("way", ["webhooks", "the worker"])


@ways
@pytest.mark.parametrize("at_stripes", CASES, indirect=True)
def test_what_was_offered_is_paid(at_stripes: Case, stripe: StandIn, ada: Shopper, way: str):
    before = ada.order
    assert before.total_cents == at_stripes.price + before.shipping_cents
    stripe.pay(before.session_id or "", code=at_stripes.code)
    hears(stripe, way)
    order = ada.order
    assert (order.status, order.review_reason) == ("PAID", "")
    assert parts(order) == at_stripes.parts
    assert order.received_cents == order.total_cents
    assert bool(order.payment_intent) == bool(order.total_cents)


@ways
@pytest.mark.parametrize("at_stripes", ["tax on top of what a code leaves"], indirect=True)
@pytest.mark.parametrize(("verb", "status"), [("settle", "PAID"), ("fail", "FAILED")])
def test_a_bank_takes_its_time(
    at_stripes: Case, stripe: StandIn, ada: Shopper, way: str, verb: str, status: str
):
    session = ada.order.session_id or ""
    stripe.pay_later(session, code=at_stripes.code)
    hears(stripe, way)
    assert (ada.order.status, ada.order.total_cents) == ("PROCESSING", 3_489)
    getattr(stripe, verb)(session)
    hears(stripe, way)
    assert ada.order.status == status
    assert parts(ada.order) == (at_stripes.parts if status == "PAID" else (0, 490, 0, 3_489))


@pytest.mark.parametrize("at_stripes", ["tax on top of what a code leaves"], indirect=True)
def test_a_refund_is_of_what_was_paid(at_stripes: Case, stripe: StandIn, ada: Shopper):
    session = ada.order.session_id or ""
    stripe.pay(session, code=at_stripes.code)
    for cents, status in ((3_489, "PAID"), (306, "REFUNDED")):
        stripe.refund(session, cents)
        hears(stripe, "webhooks")
        assert ada.order.status == status


WORDS: dict[str, dict[str, Any]] = {
    "delivery": {
        "more goods": "the goods came to $30.99, not to $29.99",
        "dearer delivery": "delivery at $5.90 was not offered",
        "cheaper": "$0.60 went off without a code",
        "tax within": "there was $0.07 of tax, and none was asked",
        "tax on top": "there was $0.07 of tax, and none was asked",
        "a cent more": "the total is $34.90, and its parts are $34.89",
    },
    "tax on top": {
        "tax within": "the total is $41.52, and its parts are $41.59",
        "cheaper": "$0.60 went off without a code",
    },
    "tax within": {"tax on top": "the total is $34.96, and its parts are $34.89"},
    "goods alone": {
        **dict.fromkeys(
            ("more goods", "dearer delivery", "cheaper", "tax on top", "a cent more"),
            "the amount is not 2999",
        ),
        "tax within": "",
    },
}
MISTAKES = [(case, wrong, "webhooks") for case, words in WORDS.items() for wrong in words]
ASKED = [(case, next(iter(words)), "the worker") for case, words in WORDS.items()]


@pytest.mark.parametrize(("at_stripes", "wrong", "way"), MISTAKES + ASKED, indirect=["at_stripes"])
def test_what_was_not_offered_waits_for_the_merchant(
    at_stripes: Case, stripe: StandIn, ada: Shopper, way: str, wrong: str
):
    [case] = [name for name, one in CASES.items() if one is at_stripes]
    words, before = WORDS[case][wrong], ada.order.total_cents
    with stripe_reckons(wrong):
        paid = stripe.pay(ada.order.session_id or "")
    hears(stripe, way)
    assert ada.order.status == ("REVIEW" if words else "PAID")
    assert words in ada.order.review_reason
    assert (ada.order.total_cents, ada.order.received_cents) == (before, paid["amount_total"])


def test_each_mistake_is_made():
    assert {wrong for _, wrong, _ in MISTAKES} == WRONG.keys()
