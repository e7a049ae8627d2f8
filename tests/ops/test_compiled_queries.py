"""Queries that are compiled once a process give each caller their own rows."""

from uuid import uuid4

from storefront.cart import lines_of
from storefront.models import Product
from storefront.ops.compiled_queries import CompiledQuery
from tests.cast import Shopper


class TestACompiledQuery:
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
