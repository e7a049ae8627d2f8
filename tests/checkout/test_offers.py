"""What arrives has to fit what Stripe was told to take: delivery, codes and tax, to the cent."""

from typing import Any

import pytest

from checkout.models import Order, StripeEvent
from tests.cast import deliver, event_about, one_by_one

GOODS = 2_999
PARCEL = {"name": "Parcel", "cents": 490, "rate": "shr_parcel"}
EXPRESS = {"name": "Express", "cents": 990, "rate": "shr_express"}


def offer(*shipping: dict[str, Any], codes: bool = False, tax: str = "off") -> dict[str, Any]:
    return {"shipping": list(shipping), "codes": codes, "tax": tax}


def amounts(
    total: object,
    *,
    subtotal: object = GOODS,
    shipping: object = 0,
    discount: object = 0,
    tax: object = 0,
    **more: object,
) -> dict[str, Any]:
    """The amounts of a completed session, as Stripe writes them."""
    details = {"amount_discount": discount, "amount_shipping": shipping, "amount_tax": tax}
    return {"amount_total": total, "amount_subtotal": subtotal, "total_details": details, **more}


def chosen(rate: object) -> dict[str, Any]:
    return {"shipping_cost": {"amount_total": 490, "shipping_rate": rate}}


def free(**parts: Any) -> dict[str, Any]:
    return amounts(0, **parts, payment_status="no_payment_required", payment_intent=None)


NOTHING, DELIVERY, CODES = offer(), offer(PARCEL), offer(codes=True)
BOTH, CHOICE = offer(PARCEL, codes=True), offer(PARCEL, EXPRESS)
INCLUSIVE, EXCLUSIVE = offer(PARCEL, tax="inclusive"), offer(PARCEL, tax="exclusive")
ALL_INCLUSIVE = offer(PARCEL, codes=True, tax="inclusive")
ALL_EXCLUSIVE = offer(PARCEL, codes=True, tax="exclusive")

FITS = {
    "nothing offered": (None, amounts(GOODS)),
    "nothing offered, whatever the parts say": (None, amounts(GOODS, subtotal=1, tax=99)),
    "nothing offered, and no parts": (None, {"amount_total": GOODS}),
    "an empty offer": (NOTHING, amounts(GOODS)),
    "an empty offer, delivery null": (NOTHING, amounts(GOODS, shipping=None)),
    "delivery": (DELIVERY, amounts(3_489, shipping=490)),
    "delivery by its id": (DELIVERY, amounts(3_489, shipping=490, **chosen("shr_parcel"))),
    "delivery as an object": (
        DELIVERY,
        amounts(3_489, shipping=490, **chosen({"id": "shr_parcel"})),
    ),
    "delivery without an id": (DELIVERY, amounts(3_489, shipping=490, **chosen(None))),
    "delivery whose id we never learned": (
        offer({"name": "Parcel", "cents": 490, "rate": None}),
        amounts(3_489, shipping=490, **chosen("shr_other")),
    ),
    "delivery for nothing": (offer(PARCEL | {"cents": 0}), amounts(GOODS)),
    "one of two": (CHOICE, amounts(3_989, shipping=990, **chosen("shr_express"))),
    "a code": (CODES, amounts(2_499, discount=500)),
    "a code that nobody used": (CODES, amounts(GOODS)),
    "a code on goods alone": (BOTH, amounts(2_989, discount=500, shipping=490)),
    "a code for all, delivery is paid": (BOTH, amounts(490, discount=GOODS, shipping=490)),
    "a code for all": (CODES, free(discount=GOODS)),
    "a code for all and delivery": (BOTH, free(discount=3_489, shipping=490)),
    "free, but it says paid": (CODES, amounts(0, discount=GOODS, payment_intent=None)),
    "tax within the price": (INCLUSIVE, amounts(3_489, shipping=490, tax=557)),
    "tax within a lower price": (
        ALL_INCLUSIVE,
        amounts(2_989, shipping=490, discount=500, tax=477),
    ),
    "tax on top": (EXCLUSIVE, amounts(4_152, shipping=490, tax=663)),
    "tax on top of a lower price": (
        ALL_EXCLUSIVE,
        amounts(3_557, shipping=490, discount=500, tax=568),
    ),
    "no tax where none is due": (EXCLUSIVE, amounts(3_489, shipping=490)),
    "tax on goods that need no delivery": (offer(tax="exclusive"), amounts(3_569, tax=570)),
}

MISFITS = {
    "another total": (None, amounts(3_000), "the amount is not 2999"),
    "delivery that was not offered": (None, amounts(3_489, shipping=490), "the amount is not 2999"),
    "more goods": (DELIVERY, amounts(3_589, subtotal=3_099, shipping=490), "$30.99, not to $29.99"),
    "an item that Stripe sold besides": (
        NOTHING,
        amounts(3_999, subtotal=3_999),
        "the goods came to $39.99, not to $29.99",
    ),
    "fewer goods": (NOTHING, amounts(2_998, subtotal=2_998), "the goods came to $29.98"),
    "cheaper delivery": (DELIVERY, amounts(3_488, shipping=489), "delivery at $4.89 was not"),
    "dearer delivery": (DELIVERY, amounts(3_989, shipping=990), "delivery at $9.90 was not"),
    "no delivery": (DELIVERY, amounts(GOODS), "delivery at $0.00 was not offered"),
    "delivery null": (DELIVERY, amounts(GOODS, shipping=None), "delivery at $0.00"),
    "delivery with nothing to deliver": (CODES, amounts(3_489, shipping=490), "delivery at $4.90"),
    "a delivery of the same price": (
        DELIVERY,
        amounts(3_489, shipping=490, **chosen("shr_other")),
        "the delivery shr_other was not offered",
    ),
    "the id of one at the price of the other": (
        CHOICE,
        amounts(3_489, shipping=490, **chosen("shr_express")),
        "the delivery shr_express was not offered",
    ),
    "a code where none was allowed": (
        DELIVERY,
        amounts(2_989, shipping=490, discount=500),
        "$5.00 went off without a code",
    ),
    "more off than it costs": (CODES, free(discount=3_000), "$30.00 off is more than the price"),
    "tax where none was asked": (DELIVERY, amounts(3_589, shipping=490, tax=100), "$1.00 of tax"),
    "tax within, where none was asked": (NOTHING, amounts(GOODS, tax=479), "$4.79 of tax"),
    "tax within that was added": (
        INCLUSIVE,
        amounts(4_046, shipping=490, tax=557),
        "the total is $40.46, and its parts are $34.89",
    ),
    "tax on top that was left out": (
        EXCLUSIVE,
        amounts(3_489, shipping=490, tax=663),
        "the total is $34.89, and its parts are $41.52",
    ),
    "more tax than money": (INCLUSIVE, amounts(3_489, shipping=490, tax=3_490), "of tax is more"),
    "a cent less": (DELIVERY, amounts(3_488, shipping=490), "its parts are $34.89"),
    "a cent more": (BOTH, amounts(2_990, shipping=490, discount=500), "its parts are $29.89"),
    "free with money due": (
        DELIVERY,
        amounts(3_489, shipping=490, payment_status="no_payment_required"),
        "$34.89 was due, and nothing was paid",
    ),
    "no parts": (DELIVERY, {"amount_total": 3_489, "amount_subtotal": GOODS}, "can't be read"),
    "parts null": (DELIVERY, amounts(3_489) | {"total_details": None}, "shipping, discount, tax"),
    "no goods": (DELIVERY, amounts(3_489, subtotal=None, shipping=490), "can't be read: subtotal"),
    "a total in words": (NOTHING, amounts("2999"), "can't be read: total"),
    "a total with a point": (NOTHING, amounts(2999.0), "can't be read: total"),
    "a tax below nothing": (EXCLUSIVE, amounts(3_488, shipping=490, tax=-1), "can't be read: tax"),
    "a discount below nothing": (CODES, amounts(3_000, discount=-1), "can't be read: discount"),
    "a delivery that is true": (DELIVERY, amounts(GOODS, shipping=True), "can't be read: shipping"),
}


@pytest.fixture
def order(pending_order: Order) -> Order:
    return pending_order


def offered(order: Order, offer: object) -> Order:
    Order.objects.filter(pk=order.pk).update(offer=offer)
    order.refresh_from_db()
    return order


def arrives(order: Order, session: dict[str, Any], *kinds: str) -> Order:
    for kind in kinds or ("checkout.session.completed",):
        assert deliver(event_about(order, kind, **session)).status_code == 200
    order.refresh_from_db()
    return order


def test_what_fits_is_paid(order: Order):
    for name in one_by_one(FITS):
        offer, session = FITS[name]
        arrives(offered(order, offer), session)
        assert (order.status, order.review_reason) == ("PAID", ""), name
        assert order.received_cents == order.total_cents == session["amount_total"], name
        if offer is not None:
            taxes = order.tax_cents if offer["tax"] == "exclusive" else 0
            parts = GOODS - order.discount_cents + order.shipping_cents + taxes
            details = session["total_details"]
            assert parts == order.total_cents, name
            assert order.shipping_cents == (details["amount_shipping"] or 0), name
            assert (order.discount_cents, order.tax_cents) == (
                details["amount_discount"],
                details["amount_tax"],
            ), name


def test_what_does_not_fit_waits_for_the_merchant(order: Order):
    for name in one_by_one(MISFITS):
        offer, session, words = MISFITS[name]
        arrives(offered(order, offer), session)
        assert order.status == "REVIEW", name
        assert words in order.review_reason
        assert (order.total_cents, order.shipping_cents, order.tax_cents) == (GOODS, 0, 0), name


@pytest.mark.parametrize(
    ("currency", "tax", "words"),
    [("jpy", 273, ""), ("kwd", 273, ""), ("jpy", 274, "the total is ¥3,762, and its parts are")],
)
def test_it_fits_in_currencies_of_other_digits(order: Order, currency: str, tax: int, words: str):
    Order.objects.update(currency=currency)
    arrives(offered(order, EXCLUSIVE), amounts(3_762, shipping=490, tax=tax))
    assert words in order.review_reason
    assert order.status == ("REVIEW" if words else "PAID")


class TestADelayedPayment:
    SESSION = amounts(4_152, shipping=490, tax=663)

    def test_is_compared_when_the_money_comes(self, order: Order):
        waiting = self.SESSION | {"payment_status": "unpaid", "payment_intent": None}
        arrives(offered(order, EXCLUSIVE), waiting)
        assert (order.status, order.total_cents) == ("PROCESSING", GOODS)
        arrives(order, self.SESSION, "checkout.session.async_payment_succeeded")
        assert (order.status, order.total_cents, order.tax_cents) == ("PAID", 4_152, 663)

    def test_that_does_not_fit_moves_nothing_before(self, order: Order):
        waiting = self.SESSION | {"amount_total": 4_151, "payment_status": "unpaid"}
        arrives(offered(order, EXCLUSIVE), waiting)
        assert order.status == "PENDING"
        (event,) = StripeEvent.objects.all()
        assert "its parts are $41.52" in event.note


def test_a_second_delivery_of_what_fits_changes_nothing(order: Order):
    arrives(offered(order, ALL_EXCLUSIVE), amounts(3_557, shipping=490, discount=500, tax=568))
    again = amounts(3_557, shipping=490, discount=500, tax=568)
    arrives(order, again, "checkout.session.async_payment_succeeded")
    assert (order.status, order.review_reason, order.total_cents) == ("PAID", "", 3_557)


def test_a_full_refund_is_of_what_was_received(order: Order):
    arrives(offered(order, EXCLUSIVE), amounts(4_152, shipping=490, tax=663))
    charge = {"id": "ch_1", "payment_intent": order.payment_intent, "currency": "usd"}
    for refunded, status in ((GOODS, "PAID"), (4_152, "REFUNDED")):
        deliver(
            event_about(order, "charge.refunded")
            | {"data": {"object": charge | {"amount_refunded": refunded}}}
        )
        order.refresh_from_db()
        assert (order.status, order.refunded_cents) == (status, refunded)
