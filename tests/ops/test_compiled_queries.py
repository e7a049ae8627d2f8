"""Compiled queries: each caller gets their own rows."""

from uuid import uuid4

from storefront.cart import lines_of
from storefront.models import Product
from storefront.views import product_of
from tests.cast import Shopper


class TestACompiledQuery:
    def test_gives_each_caller_their_own_rows(self, ada: Shopper, bo: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        bo.puts(mouse, 2)
        found = [[line.quantity for line in lines_of(id)] for id in (ada.id, bo.id, uuid4())]
        assert found == [[1], [2], []]

    def test_finds_nothing_for_none(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        assert lines_of(None) == []

    def test_finds_nothing_for_a_number_that_no_column_holds(self, mouse: Product):
        assert [product_of(number) for number in (mouse.pk, 2**63, -(2**64))] == [[mouse], [], []]
