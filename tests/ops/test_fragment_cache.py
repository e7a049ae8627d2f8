"""Parts of pages and compiled queries are kept; nobody sees anything old, or anybody else's."""

import re
from typing import Any

import pytest
from django.template import Context, Template

from storefront.models import Product
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


class TestAPart:
    def test_is_made_anew_when_too_many_are_kept(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(fragment_cache, "MAX_FRAGMENTS", 3)
        template = Template("{% load fragment_cache %}{% cached x %}{{ x }}{% endcached %}")
        for number in range(10):
            assert template.render(Context({"x": number})) == str(number)
            assert len(fragment_cache.kept) <= 3
