"""A person may ask what the shop knows of them, and that it forgets them."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from checkout import receipts
from checkout.models import Order
from merchant.models import Parcel, RefundRequest
from storefront.models import CartLine, Product
from tests.cast import Shopper, deliver, event_about
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db


def say(command: str, address: str) -> str:
    out = StringIO()
    call_command(command, address, stdout=out)
    return out.getvalue()


def export(address: str) -> Any:
    return json.loads(say("export_person", address))


def buy(stripe: StandIn, shopper: Shopper, product: Product, email: str) -> Order:
    """Buy one and put two more into the cart."""
    shopper.puts(product, 1)
    shopper.buys()
    stripe.pay(shopper.order.session_id or "", email)
    for event in stripe.events:
        deliver(event)
    shopper.puts(product, 2)
    return shopper.order


@pytest.fixture
def adas(stripe: StandIn, ada: Shopper, mouse: Product) -> Order:
    return buy(stripe, ada, mouse, "ada@example.com")


@pytest.fixture
def bos(adas: Order, stripe: StandIn, bo: Shopper, mouse: Product) -> Order:
    return buy(stripe, bo, mouse, "bo@example.com")


PARCEL = {
    "shipping_name": "Ada Łukasz",
    "ship_to": {"line1": "Lindenstraße 12", "city": "Berlin", "country": "DE"},
    "phone": "+4930901820",
}


class TestExport:
    def test_holds_orders_and_cart_of_the_person_and_of_nobody_else(self, adas: Order, bos: Order):
        known = export("ada@example.com")
        [order] = known["orders"]
        assert (order["id"], order["status"], order["total"]) == (str(adas.pk), "PAID", "29.99")
        assert order["items"] == [{"name": "Mouse", "quantity": 1, "price": "29.99"}]
        assert [event["type"] for event in order["events"]] == ["checkout.session.completed"]
        assert [cart["quantity"] for cart in known["carts"]] == [2]
        assert "bo@example.com" not in str(known)

    def test_holds_where_an_order_goes_and_what_it_comes_to(self, adas: Order):
        Order.objects.update(
            **PARCEL, shipping_cents=490, discount_cents=50, tax_cents=7, note="Hers."
        )
        [order] = export("ada@example.com")["orders"]
        assert {**PARCEL, "note": "Hers."}.items() <= order.items()
        assert [order[name] for name in ("delivery", "discount", "tax")] == ["4.90", "0.50", "0.07"]

    @pytest.mark.parametrize("address", ["nobody@example.com", "", "%", "ada"])
    def test_of_a_stranger_is_empty(self, adas: Order, address: str):
        assert export(address) == {"address": address, "orders": [], "carts": []}

    @pytest.mark.parametrize(
        ("stored", "asked"),
        [
            ("Ada@Example.com", " ada@example.COM "),
            ("JÖRG@EXÄMPLE.DE", "jörg@exämple.de"),
            ("jo\N{COMBINING DIAERESIS}rg@example.de", "JÖRG@example.de"),
        ],
    )
    def test_finds_the_address_however_it_was_written(self, adas: Order, stored: str, asked: str):
        Order.objects.update(email=stored)
        assert [order["email"] for order in export(asked)["orders"]] == [stored]

    def test_leaves_out_a_cart_that_somebody_else_may_have_filled(
        self, stripe: StandIn, adas: Order, ada: Shopper, mouse: Product
    ):
        buy(stripe, ada, mouse, "bo@example.com")
        known = export("ada@example.com")
        assert (len(known["orders"]), known["carts"]) == (1, [])

    def test_holds_the_parcels(self, adas: Order, bos: Order):
        Parcel.objects.create(order=adas, carrier="DHL", number="0034", url="https://dhl.example")
        Parcel.objects.create(order=bos, number="of Bo")
        [order] = export("ada@example.com")["orders"]
        [parcel] = order["parcels"]
        del parcel["shipped_at"]
        assert parcel == {"carrier": "DHL", "number": "0034", "url": "https://dhl.example"}


class TestForgetting:
    def test_leaves_no_number_that_leads_to_the_person(self, adas: Order, bos: Order):
        for order in (adas, bos):
            Parcel.objects.create(order=order, carrier="DHL", number="1", url="https://dhl.example")
        say("forget_person", "ada@example.com")
        said = Parcel.objects.values_list("order", "carrier", "number", "url")
        assert {*said} == {(adas.pk, "", "", ""), (bos.pk, "DHL", "1", "https://dhl.example")}

    def test_leaves_nothing_of_why_something_came_back(self, adas: Order, bos: Order):
        for order in (adas, bos):
            RefundRequest.objects.create(
                order=order, amount_cents=1, key=str(order.pk), note="Torn."
            )
        say("forget_person", "ada@example.com")
        said = RefundRequest.objects.values_list("order", "note")
        assert {*said} == {(adas.pk, ""), (bos.pk, "Torn.")}

    def test_leaves_the_order_in_the_books_without_the_person(
        self, adas: Order, ada: Shopper, bos: Order, bo: Shopper
    ):
        Order.objects.update(**PARCEL, note="Hers.", search_text="ada")
        receipts.make_link(adas)
        link = receipts.address_of(adas)
        assert "Forgot the person of 1 orders" in say("forget_person", "ADA@example.com")
        order = Order.objects.get(pk=adas.pk)
        assert (order.status, order.received_cents, order.email) == ("PAID", 2_999, "")
        assert (order.shipping_name, order.ship_to, order.phone) == ("", None, "")
        assert (order.search_text, order.note) == ("", "")
        assert order.payment_intent == adas.payment_intent
        assert order.items.get().name == "Mouse"
        assert ada.get(f"/orders/{order.pk}/").status_code == 404
        assert ada.get(link).status_code == 404
        assert ada.cart == {}
        other = Order.objects.get(pk=bos.pk)
        assert (other.email, other.ship_to) == ("bo@example.com", PARCEL["ship_to"])
        assert (bo.order.pk, bo.cart) == (bos.pk, {"Mouse": 2})

    def test_leaves_no_sign_that_two_orders_were_one_persons(
        self, stripe: StandIn, adas: Order, ada: Shopper, mouse: Product
    ):
        buy(stripe, ada, mouse, "ada@example.com")
        say("forget_person", "ada@example.com")
        shoppers = set(Order.objects.values_list("shopper", flat=True))
        assert len(shoppers) == 2
        assert ada.id not in shoppers
        assert not CartLine.objects.exists()

    def test_is_final_for_news_that_come_again(self, stripe: StandIn, adas: Order):
        Order.objects.update(**PARCEL)
        say("forget_person", "ada@example.com")
        for event in stripe.events:
            deliver(event | {"id": f"{event['id']}again"})
        same: dict[str, Any] = {
            "payment_intent": adas.payment_intent,
            "collected_information": {"shipping_details": {"address": PARCEL["ship_to"]}},
        }
        for status in ("paid", "unpaid"):
            deliver(event_about(adas, payment_status=status, **same))
        order = Order.objects.get()
        assert (order.email, order.shipping_name, order.ship_to) == ("", "", None)

    def test_finds_who_pays_by_a_bank_that_takes_its_time(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        ada.buys()
        phone = {"email": "ada@example.com", "phone": "+4930901820"}
        deliver(event_about(ada.order, payment_status="unpaid", customer_details=phone))
        assert Order.objects.get().phone == "+4930901820"
        say("forget_person", "ada@example.com")
        assert (Order.objects.get().status, Order.objects.get().phone) == ("PROCESSING", "")

    @pytest.mark.parametrize("is_shipped", [False, True])
    def test_says_of_what_nobody_can_ship_any_more(self, adas: Order, is_shipped: bool):
        Order.objects.update(**PARCEL, shipped_at=adas.paid_at if is_shipped else None)
        said = say("forget_person", "ada@example.com")
        assert ("1 of them still had to be shipped" in said) != is_shipped

    def test_says_when_there_is_nobody(self, adas: Order):
        assert say("forget_person", "nobody@example.com") == "No order has this address.\n"
        assert say("forget_person", "") == "No order has this address.\n"
        assert Order.objects.get().email == "ada@example.com"
