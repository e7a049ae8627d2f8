"""Parts of pages and compiled queries are kept; nobody sees anything old, or anybody else's."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.template import Context, Template
from django.test import Client

from storefront.cart import lines_of
from storefront.models import Product
from storefront.ops.compiled_queries import CompiledQuery
from storefront.ops.templatetags import fragment_cache
from tests.cast import Shopper


class TestTheShelf:
    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"price_cents": 1_234}, "$12.34"),
            ({"name": "Rat"}, "Rat"),
            ({"description": "It squeaks."}, "It squeaks."),
            ({"stock": 3}, "Only 3 left."),
        ],
    )
    def test_shows_a_change_on_the_next_page(
        self, ada: Shopper, mouse: Product, change: dict[str, Any], words: str
    ):
        assert words not in ada.get("/").content.decode()
        Product.objects.filter(pk=mouse.pk).update(**change)
        assert words in ada.get("/").content.decode()

    def test_shows_each_shopper_their_own_quantity(self, ada: Shopper, bo: Shopper, mouse: Product):
        ada.puts(mouse, 7)
        bo.puts(mouse, 8)
        for shopper, quantity in ((ada, 7), (bo, 8), (ada, 7)):
            page = shopper.get("/").content.decode()
            assert re.search(rf'name="quantity" value="{quantity}" inputmode', page)

    def test_renders_a_product_once_for_the_same_values(self, ada: Shopper, mouse: Product):
        ada.get("/")
        parts = len(fragment_cache.kept)
        assert parts
        Shopper().get("/")
        assert len(fragment_cache.kept) == parts


class TestTheTokenOfAForm:
    def test_is_the_shoppers_own_although_the_part_is_everybodys(self, mouse: Product):
        ada, bo = (Client(enforce_csrf_checks=True) for _ in range(2))
        tokens = [token_on(browser) for browser in (ada, bo, ada)]
        assert len({*tokens}) == 3
        for browser, token, status in ((ada, tokens[0], 303), (bo, tokens[0], 403)):
            form = {"quantity": 1, "csrfmiddlewaretoken": token}
            assert browser.post(f"/cart/{mouse.pk}/", form).status_code == status

    def test_is_not_asked_for_where_there_is_no_form(self, ada: Shopper):
        assert "csrftoken" not in ada.get("/orders/").cookies


def token_on(browser: Client) -> str:
    page = browser.get("/").content.decode()
    tokens: set[str] = {*re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)}
    assert len(tokens) == 1
    return tokens.pop()


class TestAPart:
    def test_is_made_anew_when_too_many_are_kept(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(fragment_cache, "MAX_FRAGMENTS", 3)
        template = Template("{% load fragment_cache %}{% cached x %}{{ x }}{% endcached %}")
        for number in range(10):
            assert template.render(Context({"x": number})) == str(number)
            assert len(fragment_cache.kept) <= 3


class TestAPreparedQuery:
    def test_gives_each_caller_their_own_rows(self, ada: Shopper, bo: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        bo.puts(mouse, 2)
        found = [[line.quantity for line in lines_of(who)] for who in (ada.id, bo.id, uuid4())]
        assert found == [[1], [2], []]

    def test_finds_nothing_for_none(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        assert lines_of(None) == []

    def test_changes_its_own_rows_to_the_values_of_the_call(self, mouse: Product, laptop: Product):
        named = CompiledQuery(lambda name: Product.objects.filter(name=name), str)
        assert named.update("Mouse", price_cents=111, stock=None) == 1
        assert named.update("Laptop", price_cents=222, stock=7) == 1
        assert named.update("Cat", price_cents=333, stock=8) == 0
        assert named.update(laptop.name, stock=9) == 1
        rows = {*Product.objects.values_list("name", "price_cents", "stock")}
        assert {("Mouse", 111, None), ("Laptop", 222, 9)} <= rows
