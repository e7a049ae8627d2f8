"""The catalogue: what the merchant put on the shelf, and nothing else."""

import re

import pytest
from django.core.management import call_command

from storefront.models import Product
from tests.cast import Shopper, product

pytestmark = pytest.mark.django_db


def shelf() -> list[tuple[str, int]]:
    return list(Product.objects.values_list("name", "price_cents"))


class TestSeedProducts:
    def test_puts_three_products_on_the_shelf(self):
        call_command("seed_products", verbosity=0)
        assert shelf() == [("Laptop", 99_999), ("Mouse", 2_999), ("Keyboard", 7_999)]

    def test_twice_changes_nothing(self):
        call_command("seed_products")
        before = list(Product.objects.values())
        call_command("seed_products")
        assert list(Product.objects.values()) == before

    def test_leaves_a_changed_price(self):
        call_command("seed_products")
        Product.objects.filter(name="Mouse").update(price_cents=1_999)
        call_command("seed_products")
        assert ("Mouse", 1_999) in shelf()

    def test_leaves_a_changed_name(self):
        call_command("seed_products")
        Product.objects.filter(name="Mouse").update(name="Mouse, wireless")
        call_command("seed_products")
        assert [name for name, _ in shelf()] == ["Laptop", "Mouse, wireless", "Keyboard"]

    def test_tolerates_two_products_of_one_name(self):
        for _ in range(2):
            product("Mouse")
        call_command("seed_products")
        assert len(shelf()) == 4


class TestTheHomePage:
    def test_shows_each_product_with_its_price_and_a_quantity(self, ada: Shopper):
        call_command("seed_products")
        text = ada.get("/").text
        for name, price in [("Laptop", "$999.99"), ("Mouse", "$29.99"), ("Keyboard", "$79.99")]:
            assert f"Quantity of {name}" in text
            assert price in text
        assert len(re.findall(r'<input[^>]+name="quantity"', text)) == 3

    def test_hides_what_is_not_on_sale(self, ada: Shopper, mouse: Product, laptop: Product):
        Product.objects.filter(pk=mouse.pk).update(is_on_sale=False)
        text = ada.get("/").text
        assert "Laptop" in text
        assert "Mouse" not in text

    def test_says_so_when_there_is_nothing(self, ada: Shopper):
        assert "nothing for sale" in ada.get("/").text

    def test_shows_names_as_they_are_written(self, ada: Shopper):
        Product.objects.create(name="<script>alert(1)</script>", price_cents=100)
        text = ada.get("/").text
        assert "<script>alert" not in text
        assert "&lt;script&gt;" in text

    def test_writes_money_in_the_shops_currency(self, ada: Shopper, mouse: Product, settings):
        settings.CURRENCY = "jpy"
        assert "¥2,999" in ada.get("/").text

    def test_costs_two_queries_on_a_first_look(self, ada: Shopper, django_assert_num_queries):
        call_command("seed_products")
        with django_assert_num_queries(2):
            ada.get("/")
