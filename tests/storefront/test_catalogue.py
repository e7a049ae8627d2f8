"""The catalogue: what the merchant put on the shelf, and nothing else."""

import re
from html import escape, unescape
from itertools import chain

import pytest
from django.core.management import call_command

from storefront.models import Category, Product
from storefront.shelf import FEW
from tests.cast import Shopper, product, products

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

    def test_costs_three_queries_on_a_first_look(self, ada: Shopper, django_assert_num_queries):
        """The second and third ask for categories, which every page names, and for pictures."""
        call_command("seed_products")
        with django_assert_num_queries(3):
            ada.get("/")


def shown(text: str) -> list[str]:
    """The names on the cards of a page, in their order."""
    return re.findall(r'<h2 class="product-name"><a [^>]*><bdi>([^<]*)', text)


class TestPages:
    @pytest.fixture(autouse=True)
    def kitchen(self) -> Category:
        kitchen = Category.objects.create(name="Küche")
        kitchen.products.add(*products(50))
        return kitchen

    @pytest.mark.parametrize(
        ("path", "query"), [("/", ""), ("/c/kuche/", ""), ("/", "q=thing"), ("/", "q=KUCHE")]
    )
    def test_hold_24_products_and_lead_on(self, ada: Shopper, path: str, query: str):
        seen, address = [], f"{path}?{query}" if query else path
        for page in (1, 2, 3):
            text = ada.get(address).text
            assert f'<link rel="canonical" href="http://testserver{escape(address)}">' in text
            assert ('rel="prev"' in text) == (page > 1)
            seen.append(shown(text))
            address = unescape("".join(re.findall(r'rel="next" href="([^"]+)"', text)))
        assert [len(names) for names in seen] == [24, 24, 2]
        assert [*chain(*seen)] == [f"Thing {n:02}" for n in range(50)]
        assert address == ""

    @pytest.mark.parametrize("path", ["/?", "/?q=thing&", "/c/kuche/?"])
    def test_that_are_none_are_not_there(self, ada: Shopper, path: str):
        for page in ("0", "4", "999", "x", "", "-1", "1.0", "²", "9" * 5_000):
            answer = ada.get(f"{path}page={page}")
            assert answer.status_code == 404, page
            assert 'href="/">Back to the shop</a>' in answer.text

    def test_before_the_second_have_one_address(self, ada: Shopper):
        assert 'canonical" href="http://testserver/"' in ada.get("/?page=1&utm=x").text

    def test_follow_by_htmx_with_the_focus_on_what_is_new(self, ada: Shopper):
        text = ada.get("/?page=2", HX_Request="true", HX_Target="products").text
        assert re.findall(r"autofocus><bdi>([^<]+)", text) == ["Thing 24"]
        assert 'hx-swap-oob="innerHTML">24 more products.</p>' in text
        assert 'rel="prev"' not in text
        assert "autofocus" not in ada.get("/?page=2").text

    @pytest.mark.parametrize("path", ["/?page=2", "/?q=thing&page=2", "/c/kuche/?page=2"])
    def test_are_where_their_forms_lead_back_to(self, ada: Shopper, path: str):
        text = ada.get(path).text
        assert set(re.findall(r'name="back" value="([^"#]*)"', text)) == {escape(path)}
        thing = Product.objects.get(name="Thing 30")
        assert ada.puts(thing, 1, back=path)["Location"] == f"{path}#product-{thing.pk}"
        refused = ada.is_refused(ada.puts(thing, "many", back=path))
        assert "Please enter a whole number" in refused.text
        assert "Please enter a whole number" not in ada.get("/").text

    def test_of_an_order_just_paid_stay_so(self, ada: Shopper, mouse: Product):
        order = "7f1d0e0c-5a8e-4f5e-9b55-1d6f0a3f2c11"
        back = f"/?order={order}"
        assert ada.puts(mouse, 1, back=back)["Location"] == f"{back}#product-{mouse.pk}"

    def test_elsewhere_are_not_led_to(self, ada: Shopper, mouse: Product):
        for back in (
            *("//evil.example/", "https://evil.example/", "/\\evil.example", "/admin/?q=x"),
            *("/c/nowhere/?page=2", "/?next=//evil.example", "/?utm=1"),
            *("\0", "/?%00", "/%0d%0aX: y"),
        ):
            assert ada.puts(mouse, 1, back=back)["Location"] == f"/#product-{mouse.pk}", back


class TestCategories:
    def test_are_named_on_each_page_if_there_are_any(self, ada: Shopper, mouse: Product):
        assert 'id="categories"' not in ada.get("/").text
        Category.objects.create(name="Second", position=2)
        Category.objects.create(name="<First>", position=1).products.add(mouse)
        for path in ("/", "/products/mouse/", "/orders/", "/?q=x", "/c/second/"):
            names = re.findall(r'<a href="/c/(\w+)/"[^>]*><bdi>([^<]+)', ada.get(path).text)
            assert names[:2] == [("first", "&lt;First&gt;"), ("second", "Second")]

    def test_show_what_is_theirs_and_for_sale(self, ada: Shopper, mouse: Product, laptop: Product):
        kitchen = Category.objects.create(name="Kitchen")
        kitchen.products.add(mouse, product("Lamp", is_on_sale=False))
        text = ada.get("/c/kitchen/").text
        assert shown(text) == ["Mouse"]
        assert '<a href="/c/kitchen/" aria-current="page">' in text
        assert "<title>Kitchen · Storefront</title>" in text

    @pytest.mark.parametrize("number", [FEW, FEW + 1])
    def test_keep_the_order_of_the_shelf_at_any_size(self, ada: Shopper, number: int):
        kitchen = Category.objects.create(name="Kitchen")
        kitchen.products.add(*reversed(products(number)))
        Product.objects.filter(name="Thing 07").update(position=9_999)
        names = shown(ada.get("/c/kitchen/").text)
        assert names == [f"Thing {n:02}" for n in range(25) if n != 7]

    def test_without_products_say_so(self, ada: Shopper):
        Category.objects.create(name="Kitchen")
        assert "nothing for sale here" in ada.get("/c/kitchen/").text
        assert ada.get("/c/kitchen/", HX_Request="true", HX_Target="products").status_code == 200

    @pytest.mark.parametrize("path", ["/c/nowhere/", "/c/Kitchen/", "/c//"])
    def test_that_are_none_are_not_there(self, ada: Shopper, path: str):
        Category.objects.create(name="Kitchen")
        answer = ada.get(path)
        assert answer.status_code == 404
        assert 'href="/">Back to the shop</a>' in answer.text

    def test_are_the_way_back_from_a_product(self, ada: Shopper, mouse: Product):
        assert "BreadcrumbList" in ada.get("/products/mouse/").text
        Category.objects.create(name="Kitchen").products.add(mouse)
        trail = re.search(r"<ol itemscope.*?</ol>", ada.get("/products/mouse/").text, re.DOTALL)
        assert trail
        assert re.findall(r'itemprop="name"[^>]*>([^<]+)', trail[0]) == [
            *("All products", "Kitchen", "Mouse")
        ]
        assert re.findall(r'itemprop="position" content="(\d)"', trail[0]) == ["1", "2", "3"]

    def test_have_one_place_for_a_product_and_its_variants(self, ada: Shopper):
        shirt, kitchen = product("Shirt"), Category.objects.create(name="Kitchen")
        product("Shirt", variant_of=shirt, variant="M")
        kitchen.products.add(*Product.objects.all())
        assert [shown(ada.get(path).text) for path in ("/", "/c/kitchen/")] == [["Shirt"]] * 2
