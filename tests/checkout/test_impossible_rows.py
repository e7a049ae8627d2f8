"""What must never be in the database, the database itself refuses."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from checkout.models import Message, Order, OrderItem, Refund, StripeEvent
from storefront.models import CartLine, Product, Reservation, Shop

pytestmark = pytest.mark.django_db
ADA = UUID(int=1)


def new_order(**fields: Any) -> Order:
    return Order.objects.create(**{"shopper": ADA, "total_cents": 1, "currency": "usd"} | fields)


def refused(store: Callable[[], object]) -> bool:
    try:
        with transaction.atomic():
            store()
    except IntegrityError:
        return True
    return False


class TestTheShop:
    def test_is_one(self):
        Shop.this()
        assert refused(lambda: Shop.objects.create(pk=2))

    def test_that_ships_later_says_when(self):
        row = Shop.objects.filter(pk=Shop.this().pk)
        assert refused(lambda: row.update(state="ships_later"))
        assert refused(lambda: row.update(state="shut"))
        assert not refused(lambda: row.update(state="closed"))


class TestAnOrder:
    @pytest.mark.parametrize("status", ["PAID", "REFUNDED"])
    def test_has_a_date_when_paid(self, status: str):
        assert refused(lambda: new_order(status=status))
        assert not refused(lambda: new_order(status=status, paid_at=timezone.now()))

    @pytest.mark.parametrize("status", ["PENDING", "PROCESSING", "FAILED", "EXPIRED"])
    def test_has_none_when_not(self, status: str):
        assert refused(lambda: new_order(status=status, paid_at=timezone.now()))
        assert not refused(lambda: new_order(status=status))

    def test_has_a_session_of_its_own(self):
        new_order(session_id="cs_1")
        assert refused(lambda: new_order(session_id="cs_1"))
        assert not refused(lambda: [new_order(session_id=None), new_order(session_id=None)])

    def test_is_open_once_for_a_shopper_and_its_content(self):
        first = new_order(fingerprint="mice")
        assert refused(lambda: new_order(fingerprint="mice"))
        assert not refused(lambda: new_order(fingerprint="mice", shopper=uuid4()))
        first.supersede(timezone.now())
        assert not refused(lambda: new_order(fingerprint="mice"))

    def test_holds_nothing_that_is_bought_no_times(self):
        item = OrderItem(order=new_order(), name="Mouse", unit_price_cents=1, quantity=0)
        assert refused(item.save)
        item.quantity = 1
        assert not refused(item.save)

    def test_has_taken_no_more_from_the_cart_than_was_bought(self):
        item = OrderItem.objects.create(
            order=new_order(), name="Mouse", unit_price_cents=1, quantity=2, from_cart=2
        )
        assert refused(lambda: OrderItem.objects.update(from_cart=3))
        assert OrderItem.objects.get() == item


class TestWhatStripeSays:
    def test_is_recorded_once(self):
        StripeEvent.objects.create(event_id="evt_1")
        assert refused(lambda: StripeEvent.objects.create(event_id="evt_1"))

    def test_has_one_follow_up_of_a_kind_for_an_order(self):
        row = {"order": new_order(), "follow_up": "order paid"}
        StripeEvent.objects.create(event_id="evt_1", **row)
        assert refused(lambda: StripeEvent.objects.create(event_id="evt_2", **row))
        assert not refused(
            lambda: StripeEvent.objects.create(event_id="evt_2", **row | {"follow_up": ""})
        )

    def test_is_told_once(self):
        row = {"kind": "order_confirmed", "key": "order_confirmed/1/1"}
        Message.objects.create(**row)
        assert refused(lambda: Message.objects.create(**row))

    def test_was_claimed_before_it_was_told(self):
        Message.objects.create(kind="order_confirmed", key="1")
        assert refused(lambda: Message.objects.update(sent_at=timezone.now()))

    def test_counts_a_refund_once(self):
        row = {"refund_id": "re_1", "amount_cents": 1}
        Refund.objects.create(order=new_order(), **row)
        assert refused(lambda: Refund.objects.create(order=new_order(), **row))


class TestTheShelf:
    def test_never_holds_less_than_nothing(self, mouse: Product):
        assert refused(lambda: Product.objects.update(stock=-1))

    def test_reserves_a_product_once_for_an_order(self, mouse: Product):
        row = {"order": uuid4(), "shopper": ADA, "product": mouse, "quantity": 1}
        Reservation.objects.create(**row)
        assert refused(lambda: Reservation.objects.create(**row))

    @pytest.mark.parametrize("quantity", [0, 1_000])
    def test_fills_no_cart_with_what_cannot_be_bought(self, mouse: Product, quantity: int):
        assert refused(
            lambda: CartLine.objects.create(shopper=ADA, product=mouse, quantity=quantity)
        )
