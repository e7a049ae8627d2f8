"""Search: what is found, however it is spelled."""

import re
from io import StringIO
from urllib.parse import quote

import pytest
from django.core.management import call_command

from storefront.models import Category, Product
from storefront.ops.spelling import searchable
from tests.cast import Shopper, product, products
from tests.storefront.test_catalogue import shown

pytestmark = pytest.mark.django_db


class TestTheFoldedText:
    @pytest.mark.parametrize(
        ("written", "typed"),
        [
            ("Café", "cafe"),
            ("Cafe\N{COMBINING ACUTE ACCENT}", "CAFÉ"),
            ("Große STRASSE", "grosse straße"),
            ("GRO\N{LATIN CAPITAL LETTER SHARP S}", "gross"),
            ("İstanbul", "istanbul"),
            ("Smørrebrød", "smorrebrod"),
            ("ﬁne №", "fine no"),
            ("Ada’s soft\N{SOFT HYPHEN}ener", "ada's softener"),
            (" a\tb\x00c\N{NO-BREAK SPACE}d ", "A B C D"),
            ("ПРИВЕТ", "привет"),
        ],
    )
    def test_is_one_for_all_spellings(self, written: str, typed: str):
        assert searchable(written) == searchable(typed)

    def test_follows_each_way_to_write_a_product(self):
        mug = product("Mug")
        mug.name, mug.description = "Tasse", "Weiß"
        mug.save(update_fields=["name", "description"])
        pot, *_ = Product.objects.bulk_create([Product(name="Kännchen", price_cents=1)])
        lid = product("Lid")
        lid.variant = "Größe M"
        Product.objects.bulk_update([lid], ["variant"])
        texts = [Product.objects.get(pk=found.pk).search_text for found in (mug, pot, lid)]
        assert texts == ["tasse weiss", "kannchen", "lid grosse m"]

    def test_of_another_hand_is_mended(self):
        """A server of the last release renames a product, and adds one."""
        product("Mug"), product("Pot")
        Product.objects.filter(name="Mug").update(name="Écran")
        Product.objects.filter(name="Pot").update(search_text="")
        call_command("reconcile_orders", verbosity=0, stdout=StringIO())
        assert {*Product.objects.values_list("search_text", flat=True)} == {"ecran", "pot"}
        assert Product.objects.fold_again() == 0


class TestASearch:
    @pytest.fixture(autouse=True)
    def shelf(self) -> None:
        product("Café au lait bowl", description="For 100% of breakfasts.")
        product("Große Vase", description="Holds flowers, and a \\ too.")
        product("Mug_1", description="☕ inside")
        product("Old mug", is_on_sale=False)

    def finds(self, ada: Shopper, query: str) -> list[str]:
        answer = ada.get(f"/?q={quote(query)}")
        assert answer.status_code == 200
        return shown(answer.text)

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("cafe", ["Café au lait bowl"]),
            ("CAFÉ", ["Café au lait bowl"]),
            ("  bowl   CAF ", ["Café au lait bowl"]),
            ("breakfast au", ["Café au lait bowl"]),
            ("grosse", ["Große Vase"]),
            ("große flowers", ["Große Vase"]),
            ("mug", ["Mug_1"]),
            ("☕", ["Mug_1"]),
            ("0%", ["Café au lait bowl"]),
            ("%", ["Café au lait bowl"]),
            ("_", ["Mug_1"]),
            ("\\", ["Große Vase"]),
            ("mu%1", []),
            ("c_fe", []),
            ("bowl flowers", []),
            ("'; DROP TABLE", []),
            ("🦄", []),
            ("x" * 10_000, []),
            ("mug" + " " * 57 + "not looked at", ["Mug_1"]),
        ],
    )
    def test_finds_what_has_all_words(self, ada: Shopper, query: str, names: list[str]):
        assert self.finds(ada, query) == names

    @pytest.mark.parametrize("query", ["", " ", "\0", "\u00ad", "\N{COMBINING ACUTE ACCENT}"])
    def test_without_a_word_shows_all(self, ada: Shopper, query: str):
        assert len(self.finds(ada, query)) == 3

    def test_of_bytes_that_are_no_text_is_harmless(self, ada: Shopper):
        for query in ("%ff%fe", "%ed%a0%80", "mug%00", "a&q=mug", "q[]=x"):
            assert ada.get(f"/?q={query}").status_code == 200

    def test_finds_by_the_category(self, ada: Shopper):
        Category.objects.create(name="Küche").products.add(*Product.objects.filter(name="Mug_1"))
        assert self.finds(ada, "kuch mug") == ["Mug_1"]
        Category.objects.update(name="Bar")
        assert (self.finds(ada, "kuche"), self.finds(ada, "bar")) == ([], ["Mug_1"])
        Product.objects.get(name="Mug_1").categories.clear()
        assert self.finds(ada, "bar") == []

    def test_finds_a_product_by_its_variants(self, ada: Shopper):
        shirt = product("Shirt")
        Category.objects.create(name="Textiles").products.add(shirt)
        for variant, is_on_sale in (("M, black", True), ("L, black", True), ("XXL", False)):
            product("Shirt", variant_of=shirt, variant=variant, is_on_sale=is_on_sale)
        assert self.finds(ada, "shirt") == ["Shirt"]
        assert self.finds(ada, "black textiles") == ["Shirt"]
        assert self.finds(ada, "xxl") == []

    def test_says_what_it_found(self, ada: Shopper):
        products(2)
        text = ada.get("/?q=thing&utm=1").text
        assert '<h1 id="catalogue-title">2 products for “thing”</h1>' in text
        assert "<title>2 products for “thing” · Storefront</title>" in text
        assert '<meta name="robots" content="noindex">' in text
        assert 'canonical" href="http://testserver/?q=thing"' in text
        assert 'name="q" value="thing"' in text
        assert "1 product for “cafe”" in ada.get("/?q=cafe").text
        assert "noindex" not in ada.get("/").text

    def test_that_finds_nothing_leads_on(self, ada: Shopper):
        text = ada.get("/?q=%3Cb%3Eno").text
        assert "Nothing found for “&lt;b&gt;no”" in text
        assert '<a href="/">Show all products</a>' in text

    def test_is_offered_from_twelve_products_on(self, ada: Shopper, laptop: Product):
        Category.objects.create(name="Kitchen")
        paths = ("/", "/products/laptop/", "/orders/", "/c/kitchen/")
        for number in (0, 7, 1):  # to 4, 11 and 12 on sale
            products(number)
            forms = ['role="search"' in ada.get(path).text for path in paths]
            assert forms == [Product.objects.on_shelf().count() >= 12] * 4

    @pytest.mark.parametrize(
        ("seen", "header"), [("/", "HX-Push-Url"), ("/?q=m", "HX-Replace-Url")]
    )
    def test_as_one_types_is_one_step_in_the_history(self, ada: Shopper, seen: str, header: str):
        answer = ada.get(
            "/?q=mug ",
            **{
                "HX-Request": "true",
                "HX-Target": "main",
                "HX-Trigger": "search",
                "HX-Current-URL": f"http://testserver{seen}",
            },
        )
        assert answer[header] == "/?q=mug"
        assert re.search(r'id="announcement"[^>]*>1 product for “mug”<', answer.text)
        assert '<main id="main">' in answer.text


class TestACategory:
    def test_gets_an_address_of_its_own(self):
        made = [Category.objects.create(name=name).slug for name in ("Küche", "Küche", "厨房")]
        assert made == ["kuche", "kuche-2", "category"]
