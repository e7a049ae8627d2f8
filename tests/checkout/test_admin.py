"""The merchant's desk: products to edit, orders and events to read."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from checkout.models import Order, StripeEvent
from storefront.models import Product
from storefront.money import typed_money
from tests.cast import Shopper, deliver, event_about, poll_url, product
from tools.stripe_stand_in import StandIn


@pytest.fixture
def merchant(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("merchant"))
    return client


@pytest.fixture
def reviewed_order(stripe: StandIn, ada: Shopper, mouse: Product) -> Order:
    ada.puts(mouse, 1)
    ada.buys()
    deliver(event_about(ada.order, amount_total=1))
    return ada.order


def form(product: Product, **changes: Any) -> dict[str, Any]:
    fields = ("name", "description", "picture", "position")
    own = {name: getattr(product, name) for name in fields}
    return own | {"price_cents": typed_money(product.price_cents), "status": "for_sale"} | changes


class TestTheMerchant:
    def test_changes_a_price(self, merchant: Client, mouse: Product):
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        assert merchant.post(page, form(mouse, price_cents="19,99")).status_code == 302
        mouse.refresh_from_db()
        assert mouse.price_cents == 1_999

    @pytest.mark.once
    def test_reads_which_prices_stripe_takes(self, merchant: Client, mouse: Product, settings):
        settings.CURRENCY = "kwd"
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        response = merchant.post(page, form(mouse, price_cents="1.999"))
        assert "KWD goes in steps of 0.010" in response.text

    @pytest.mark.once
    @pytest.mark.parametrize(("currency", "status"), [("usd", 200), ("idr", 302)])
    def test_asks_as_much_as_stripe_takes_in_the_currency(
        self, merchant: Client, mouse: Product, settings, currency: str, status: int
    ):
        settings.CURRENCY = currency
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        answer = merchant.post(page, form(mouse, price_cents="15,000,000.00"))
        assert answer.status_code == status

    @pytest.mark.once
    def test_reads_that_a_picture_is_not_there(self, merchant: Client, mouse: Product):
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        response = merchant.post(page, form(mouse, picture="products/mose.svg"))
        assert "There is no such file" in response.text
        assert merchant.post(page, form(mouse, picture="products/mouse.svg")).status_code == 302

    def test_sees_orders_and_why_one_needs_a_look(self, merchant: Client, reviewed_order: Order):
        for tab in ("", "?tab=look", "?look=yes", "?tab=all"):
            listed = merchant.get(f"/admin/checkout/order/{tab}", follow=True).text
            assert reviewed_order.reference in listed
        page = merchant.get(f"/admin/checkout/order/{reviewed_order.pk}/change/")
        assert "the amount is not 2999" in page.text

    def test_finds_an_address_however_it_is_spelled(self, merchant: Client, reviewed_order: Order):
        Order.objects.create(shopper=uuid4(), total_cents=1, currency="usd", email="jürg@x.de")
        for stored in ("JÖRG@EXÄMPLE.DE", "Jörg@exämple.de", "jo\u0308rg@exämple.de"):
            Order.objects.update_or_create(pk=reviewed_order.pk, defaults={"email": stored})
            for spelling in ("JÖRG@EXÄMPLE.DE", "jörg@exämple.de", "Jo\u0308rg@Exämple.de"):
                assert self.found(merchant, "order", spelling) == [reviewed_order.reference]

    def test_finds_a_plain_address_however_it_is_typed(
        self, merchant: Client, reviewed_order: Order
    ):
        Order.objects.update(email="Ada@x.de")
        for spelling in ("ada@x.de", " ADA@X.DE ", "\uff41\uff44\uff41@x.de", "ada\uff20x.de"):
            assert self.found(merchant, "order", spelling) == [reviewed_order.reference]

    @pytest.mark.parametrize("words", ["KÄSE", "käse", "reibe KÄSE", "KA\u0308SE"])
    def test_finds_a_product_however_it_is_spelled(self, merchant: Client, words: str):
        product("Käsereibe")
        product("Kasse")
        page = merchant.get("/admin/storefront/product/", {"q": words})
        assert ("Käsereibe" in page.text, "Kasse" in page.text) == (True, False)

    def found(self, merchant: Client, model: str, term: str) -> list[str]:
        page = merchant.get(f"/admin/checkout/{model}/", {"q": term})
        return re.findall(r'<th class="field-reference">.*?>([\w-]+)</a>', page.text)

    @pytest.mark.once
    def test_sees_an_order_as_its_shopper_does(self, merchant: Client, reviewed_order: Order):
        Order.objects.update(status="PENDING", paid_at=None)
        page = merchant.get(f"/admin/checkout/order/{reviewed_order.pk}/change/")
        (address,) = re.findall(r'href="([^"]+)" class="button">See it as the cust', page.text)
        seen = merchant.get(address)
        assert (seen.status_code, "no-store" in seen["Cache-Control"]) == (200, True)
        assert f">Order {reviewed_order.reference}</h1>" in seen.text
        # What the shopper alone may do is not there.
        assert not re.search("Continue to payment|private link|<form", seen.text)
        assert merchant.get(poll_url(seen), headers={"HX-Request": "true"}).status_code == 204

    @pytest.mark.once
    @pytest.mark.parametrize("is_staff", [False, True])
    def test_alone_sees_it_so(self, reviewed_order: Order, is_staff: bool):
        client = Client()
        client.force_login(User.objects.create_user("clerk", is_staff=is_staff))
        answer = client.get(f"/admin/checkout/order/{reviewed_order.pk}/preview/")
        assert answer.status_code == (403 if is_staff else 302)

    @pytest.mark.once
    def test_sees_it_in_the_shop_also_while_it_is_hidden(self, merchant: Client, mouse: Product):
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        assert (
            f'href="{mouse.get_absolute_url()}" class="closelink">See it' in merchant.get(page).text
        )
        Product.objects.update(is_on_sale=False)
        [hidden] = re.findall(r'href="([^"]+)"[^>]*>See it', merchant.get(page).text)
        assert "shoppers don’t find this page" in merchant.get(hidden).text

    @pytest.mark.once
    def test_hears_what_each_field_of_the_list_is(self, merchant: Client, mouse: Product):
        page = merchant.get("/admin/storefront/product/").text
        fields = re.findall(r'<input type="(?:checkbox|number|text)"(?![^>]*name="q")[^>]*>', page)
        labels = [re.search('aria-label="([^"]*)"', field) for field in fields]
        assert {"On sale: Mouse", "Price: Mouse", "Stock: Mouse"} <= {
            label[1] for label in labels if label
        }
        assert all(labels)

    @pytest.mark.once
    def test_sees_stripes_events(self, merchant: Client, reviewed_order: Order):
        event = StripeEvent.objects.get()
        assert event.type in merchant.get("/admin/checkout/stripeevent/").text
        page = merchant.get(f"/admin/checkout/stripeevent/{event.pk}/change/")
        assert event.event_id in page.text

    @pytest.mark.once
    @pytest.mark.parametrize("action", ["add/", "{pk}/delete/"])
    def test_can_neither_make_nor_remove_an_order(
        self, merchant: Client, reviewed_order: Order, action: str
    ):
        page = "/admin/checkout/order/" + action.format(pk=reviewed_order.pk)
        assert merchant.post(page, {"post": "yes"}).status_code == 403

    @pytest.mark.once
    def test_cannot_change_a_payments_state(self, merchant: Client, reviewed_order: Order):
        page = f"/admin/checkout/order/{reviewed_order.pk}/change/"
        assert merchant.post(page, {"status": "PAID"}).status_code == 403
        reviewed_order.refresh_from_db()
        assert reviewed_order.status == "REVIEW"
