"""Fragments are kept and rendered once: no shopper sees an old one, or another shopper's."""

import re
from typing import Any

import pytest
from django.template import Context, RequestContext, Template, TemplateSyntaxError
from django.test import RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from storefront.models import Product
from storefront.ops.templatetags import fragment_cache
from tests.cast import Shopper


class TestTheShelf:
    @pytest.mark.parametrize(
        ("change", "text"),
        [
            ({"price_cents": 1_234}, "$12.34"),
            ({"name": "Rat"}, "Rat"),
            ({"description": "It squeaks."}, "It squeaks."),
            ({"stock": 3}, "Only 3 left."),
        ],
    )
    def test_shows_a_change_on_the_next_page(
        self, ada: Shopper, mouse: Product, change: dict[str, Any], text: str
    ):
        assert text not in ada.get("/").content.decode()
        Product.objects.filter(pk=mouse.pk).update(**change)
        assert text in ada.get("/").content.decode()

    def test_shows_each_shopper_their_own_quantity(self, ada: Shopper, bo: Shopper, mouse: Product):
        ada.puts(mouse, 7)
        bo.puts(mouse, 8)
        for shopper, quantity in ((ada, 7), (bo, 8), (ada, 7)):
            page = shopper.get("/").content.decode()
            assert re.search(rf'name="quantity" value="{quantity}" inputmode', page)

    def test_reads_once_what_was_bought(
        self, ada: Shopper, mouse: Product, django_assert_num_queries: DjangoAssertNumQueries
    ):
        ada.puts(mouse, 1)
        ada.buys()
        fragment_cache.fragments.clear()
        for queries in (6, 5, 5):
            with django_assert_num_queries(queries):
                assert "1 × <bdi>Mouse</bdi>" in ada.get("/").text

    def test_renders_a_product_once_for_the_same_values(self, ada: Shopper, mouse: Product):
        ada.get("/")
        count = len(fragment_cache.fragments)
        assert count
        Shopper().get("/")
        assert len(fragment_cache.fragments) == count


class TestAFragment:
    """Rendered once for the same values, so nothing but these may be in it."""

    def render(self, source: str, **context: object) -> str:
        return Template(f"{{% load fragment_cache %}}{source}").render(Context(context))

    def test_shows_nothing_that_it_does_not_name(self):
        template = Template(
            "{% load fragment_cache %}{% for name in names %}"
            "{% cached quantity=quantity %}{{ quantity }}{{ name }}{{ shopper }}{% endcached %}"
            "{% endfor %}"
        )
        for shopper in ("Ada", "Bo"):
            context = {"quantity": 1, "shopper": shopper, "names": "ab"}
            assert template.render(Context(context)) == "11"

    def test_shows_no_request_to_a_tag_that_looks_for_it(self, rf: RequestFactory):
        source = "{% cached a=1 %}{{ request.path }}{{ user }}{{ messages }}{% endcached %}"
        template = Template("{% load fragment_cache %}" + source)
        assert template.render(RequestContext(rf.get("/secret/"))) == ""

    def test_is_another_one_when_a_field_of_a_model_has_changed(self, mouse: Product):
        template = Template(
            "{% load fragment_cache %}{% cached all=all %}"
            "{% for product in all %}{{ product.name }}{% endfor %}{% endcached %}"
        )
        assert template.render(Context({"all": [mouse]})) == "Mouse"
        mouse.name = "Rat"
        assert template.render(Context({"all": [mouse]})) == "Rat"

    def test_is_another_one_when_the_shop_says_something_else(self, settings: Settings):
        template = Template("{% load fragment_cache %}{% cached %}{{ shop_name }}{% endcached %}")
        assert template.render(Context()) == "Storefront"
        settings.SHOP_NAME = "Tea & Co"
        assert template.render(Context()) == "Tea &amp; Co"

    def test_escapes_as_the_page_around_it(self):
        source = "{% cached a=a %}{{ a }}{% endcached %}"
        assert self.render(source, a="<b>") == "&lt;b&gt;"
        off = f"{{% autoescape off %}}{source}{{% endautoescape %}}"
        assert self.render(off, a="<b>") == "<b>"

    def test_takes_no_value_without_a_name(self):
        with pytest.raises(TemplateSyntaxError, match="takes NAME=VALUE, not a"):
            self.render("{% cached a %}{% endcached %}")

    def test_is_rendered_again_when_too_many_were_kept(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(fragment_cache, "MAX_FRAGMENTS", 3)
        template = Template("{% load fragment_cache %}{% cached x=x %}{{ x }}{% endcached %}")
        for number in range(10):
            assert template.render(Context({"x": number})) == str(number)
            assert len(fragment_cache.fragments) <= 3
