"""Packing slips: a sheet for each order, with prices or without."""

from urllib.parse import urlencode

import pytest
from django.test import Client

from checkout.models import Order
from storefront.models import Product
from tests.cast import Shopper
from tests.merchant.conftest import buy

SLIPS = "/admin/to-ship/slips/"


def slip(order: Order) -> str:
    return f"/admin/checkout/order/{order.pk}/slip/"


@pytest.fixture
def delivered(order: Order) -> Order:
    offer = {"shipping": [{"name": "By <b>night</b>", "cents": 490}], "tax": "inclusive"}
    Order.objects.update(
        offer=offer, shipping_cents=490, discount_cents=100, tax_cents=77, total_cents=6_388
    )
    order.refresh_from_db()
    return order


def test_a_slip_holds_what_is_inside_and_where_it_goes(desk: Client, delivered: Order):
    text = desk.get(slip(delivered)).text
    for words in ("Storefront", f"Order {delivered.reference}", "Ada Lovelace", "Herrengasse 1"):
        assert words in text
    assert '<td class="pieces">2</td>' in text
    assert "By &lt;b&gt;night&lt;/b&gt;" in text
    for amount in ("$59.98", "−$1.00", "$4.90", "$0.77", "$63.88"):
        assert amount in text


def test_a_gift_comes_without_any_amount(desk: Client, delivered: Order):
    text = desk.get(f"{slip(delivered)}?gift").text
    assert "Mouse" in text
    assert "By &lt;b&gt;night&lt;/b&gt;" in text
    for word in ("$", "Total", "Discount", "Tax", "Amount"):
        assert word not in text


def test_several_are_printed_at_once_in_the_order_asked_for(
    desk: Client, order: Order, bo: Shopper, mouse: Product
):
    other = buy(bo, mouse, shipping_name="Bo")
    ticked = {"order": [str(other.pk), str(order.pk), str(other.pk)], "slips": ""}
    answer = desk.post("/admin/to-ship/", ticked)
    assert answer.status_code == 303
    assert answer["Location"] == f"{SLIPS}?{urlencode({'order': ticked['order'][:2]}, doseq=True)}"
    page = desk.get(answer["Location"])
    assert page.context["orders"] == [other, order]
    assert page.text.count('<article class="slip"') == 2
    assert page.text.count("&amp;gift") == 1


def test_no_cache_and_no_search_engine_keeps_it(desk: Client, order: Order):
    answer = desk.get(slip(order))
    assert "no-store" in answer["Cache-Control"]
    assert '<meta name="robots" content="noindex' in answer.text


@pytest.mark.parametrize("query", ["", "order=x", "order=00000000-0000-4000-8000-000000000000"])
def test_a_slip_of_nothing_is_not_found(desk: Client, query: str):
    assert desk.get(f"{SLIPS}?{query}").status_code == 404


def test_only_the_screen_says_that_it_is_not_paid(desk: Client, order: Order):
    Order.objects.update(status="REFUNDED")
    assert '<p class="screen warning">This order is not to be shipped' in desk.get(slip(order)).text
