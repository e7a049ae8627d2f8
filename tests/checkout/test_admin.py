"""The merchant's desk: products to edit, orders and events to read."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from checkout.models import Order, StripeEvent
from storefront.models import Product
from tests.cast import Shopper, deliver, event_about
from tools.stripe_stand_in import StandIn


@pytest.fixture
def merchant(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("merchant", password="for this test"))
    return client


@pytest.fixture
def reviewed_order(stripe: StandIn, ada: Shopper, mouse: Product) -> Order:
    ada.puts(mouse, 1)
    ada.buys()
    deliver(event_about(ada.order, amount_total=1))
    return ada.order


def form(product: Product, **changes: Any) -> dict[str, Any]:
    fields = ("name", "description", "price_cents", "picture", "position")
    return {name: getattr(product, name) for name in fields} | {"is_on_sale": "on"} | changes


class TestTheMerchant:
    def test_changes_a_price(self, merchant: Client, mouse: Product):
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        assert merchant.post(page, form(mouse, price_cents=1_999)).status_code == 302
        mouse.refresh_from_db()
        assert mouse.price_cents == 1_999

    def test_reads_which_prices_stripe_takes(self, merchant: Client, mouse: Product, settings):
        settings.CURRENCY = "kwd"
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        response = merchant.post(page, form(mouse, price_cents=1_999))
        assert "steps of 10 minor units" in response.text

    @pytest.mark.parametrize(("currency", "status"), [("usd", 200), ("idr", 302)])
    def test_asks_as_much_as_stripe_takes_in_the_currency(
        self, merchant: Client, mouse: Product, settings, currency: str, status: int
    ):
        settings.CURRENCY = currency
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        answer = merchant.post(page, form(mouse, price_cents=1_500_000_000))
        assert answer.status_code == status

    def test_reads_that_a_picture_is_not_there(self, merchant: Client, mouse: Product):
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        response = merchant.post(page, form(mouse, picture="products/mose.svg"))
        assert "There is no such file" in response.text
        assert merchant.post(page, form(mouse, picture="products/mouse.svg")).status_code == 302

    def test_sees_orders_and_why_one_needs_a_look(self, merchant: Client, reviewed_order: Order):
        assert reviewed_order.reference in merchant.get("/admin/checkout/order/").text
        page = merchant.get(f"/admin/checkout/order/{reviewed_order.pk}/change/")
        assert "the amount is not 2999" in page.text

    def test_sees_stripes_events(self, merchant: Client, reviewed_order: Order):
        event = StripeEvent.objects.get()
        assert event.type in merchant.get("/admin/checkout/stripeevent/").text
        page = merchant.get(f"/admin/checkout/stripeevent/{event.pk}/change/")
        assert event.event_id in page.text

    @pytest.mark.parametrize("action", ["add/", "{pk}/delete/"])
    def test_can_neither_make_nor_remove_an_order(
        self, merchant: Client, reviewed_order: Order, action: str
    ):
        page = "/admin/checkout/order/" + action.format(pk=reviewed_order.pk)
        assert merchant.post(page, {"post": "yes"}).status_code == 403

    def test_cannot_change_a_payments_state(self, merchant: Client, reviewed_order: Order):
        page = f"/admin/checkout/order/{reviewed_order.pk}/change/"
        assert merchant.post(page, {"status": "PAID"}).status_code == 403
        reviewed_order.refresh_from_db()
        assert reviewed_order.status == "REVIEW"
