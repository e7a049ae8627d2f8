"""Without Stripe's keys the shop is a demo, on the same way through the events."""

import re

from checkout.models import StripeEvent
from storefront.models import Product
from tests.cast import Shopper


class TestTheDemoShop:
    def test_completes_an_order_at_once(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 2)
        response = ada.buys()
        assert response.status_code == 303
        assert response["Location"] == f"http://testserver/?order={ada.order.pk}"
        assert (ada.order.status, ada.order.total_cents, ada.cart) == ("PAID", 5_998, {})

    def test_goes_through_the_same_events(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        ada.buys()
        event = StripeEvent.objects.get()
        assert (event.type, event.outcome) == ("checkout.session.completed", "applied")
        assert event.order == ada.order

    def test_answers_json_with_a_session(self, ada: Shopper, mouse: Product):
        data = {"items": [{"product_id": mouse.pk, "quantity": 1}]}
        answer = ada.buys_by_json(data).json()
        assert answer["id"].startswith("cs_")
        assert answer["order_id"] == str(ada.order.pk)
        assert ada.order.status == "PAID"

    def test_sells_the_same_thing_again(self, ada: Shopper, mouse: Product):
        for _ in range(2):
            ada.puts(mouse, 1)
            ada.buys()
        assert [order.status for order in ada.orders] == ["PAID", "PAID"]

    def test_gives_things_away(self, ada: Shopper, mouse: Product):
        Product.objects.update(price_cents=0)
        ada.puts(mouse, 1)
        ada.buys()
        assert ada.order.status == "PAID"

    def test_says_so_on_every_page(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        ada.buys()
        for page in ("/", "/orders/", f"/orders/{ada.order.pk}/", "/nowhere/"):
            assert "Demo shop: nothing is charged" in ada.get(page).text
        assert re.search("nothing was charged", ada.get(f"/orders/{ada.order.pk}/").text)


def test_a_real_shop_does_not_say_that_it_is_a_demo(stripe, ada: Shopper):
    assert "Demo shop" not in ada.get("/").text
