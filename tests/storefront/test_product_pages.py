"""A product's own page, and what search engines and other sites learn of the shop."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from pytest_django import DjangoAssertNumQueries, Settings

from storefront.models import Category, Product
from storefront.ops import static_files
from storefront.ops.templatetags.fragment_cache import fragments
from storefront.ops.templatetags.words import prose
from storefront.sitemap import Products
from tests.cast import Shopper, product, products
from tests.log_capture import Log
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db


class TestAProductPage:
    def test_shows_the_product_with_a_quantity_and_the_cart(self, ada: Shopper, laptop: Product):
        mouse = product("Mouse", 2_999, description="Two buttons.\n\nAnd a wheel.")
        ada.puts(mouse, 2)
        text = ada.get("/products/mouse/").text
        assert ">Mouse</h1>" in text
        assert '<p dir="auto">Two buttons.</p>' in text
        assert "Quantity of Mouse" in text
        assert "Quantity of Laptop" not in text
        assert '<output id="cart-total">$59.98</output>' in text

    def test_is_where_the_card_leads(self, ada: Shopper, mouse: Product):
        assert 'href="/products/mouse/"' in ada.get("/").text

    @pytest.mark.parametrize("address", ["/products/house/", "/products/lamp/"])
    def test_is_not_there_for_what_is_not_sold(self, ada: Shopper, mouse: Product, address: str):
        product("Lamp", is_on_sale=False)
        assert ada.get(address).status_code == 404

    def test_costs_seven_queries(
        self, ada: Shopper, mouse: Product, django_assert_num_queries: DjangoAssertNumQueries
    ):
        ada.puts(mouse, 1)
        with django_assert_num_queries(7):
            ada.get("/products/mouse/")

    @pytest.mark.parametrize("back", ["/products/mouse/", "product"])
    def test_comes_back_without_scripts_after_a_change(
        self, ada: Shopper, mouse: Product, back: str
    ):
        """The second is what pages from before this release say."""
        answer = ada.puts(mouse, 2, back=back)
        assert answer.status_code == 303
        assert answer["Location"] == f"/products/mouse/#product-{mouse.pk}"
        assert f'id="product-{mouse.pk}"' in ada.get("/products/mouse/").text

    def test_comes_back_after_a_change_of_another_product_in_the_cart(
        self, ada: Shopper, mouse: Product, laptop: Product
    ):
        ada.puts(laptop, 1)
        for back in ("/products/mouse/#cart", "/products/mouse/"):
            assert ada.puts(laptop, 0, back=back)["Location"] == "/products/mouse/#cart"

    def test_that_is_gone_leads_home(self, ada: Shopper, mouse: Product, laptop: Product):
        Product.objects.filter(pk=mouse.pk).update(is_on_sale=False)
        answer = ada.puts(laptop, 1, back="/products/mouse/")
        assert answer["Location"] == f"/#product-{laptop.pk}"

    @pytest.mark.parametrize("is_renewed", [False, True])
    def test_says_above_buy_why_it_was_refused(
        self, stripe: StandIn, ada: Shopper, mouse: Product, is_renewed: bool
    ):
        page = ada.get("/products/mouse/")
        if is_renewed:
            page = ada.puts(mouse, 0, htmx=True, back="/products/mouse/#cart")
        [back] = re.findall(r'name="back" value="([^"]*#cart)"', page.text)
        answer = ada.buys(back=back)
        assert (answer.status_code, answer["Location"]) == (303, "/products/mouse/#cart")
        text = ada.get("/products/mouse/").text
        assert '<p class="alert" role="alert">Your cart is empty.' in text

    def test_keeps_a_bad_quantity_beside_its_field(self, ada: Shopper, mouse: Product):
        answer = ada.is_refused(ada.puts(mouse, "many", back="/products/mouse/"))
        assert ">Mouse</h1>" in answer.text
        assert 'value="many"' in answer.text
        assert "Please enter a whole number from 0 to 999." in answer.text

    def test_of_another_product_gets_no_field_of_this_one(
        self, ada: Shopper, mouse: Product, laptop: Product
    ):
        ada.puts(laptop, 1)
        answer = ada.browser.post(
            f"/cart/{laptop.pk}/",
            {"quantity": 0},
            headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/products/mouse/"},
        )
        assert "quantity-of" not in answer.text
        assert "Laptop removed" in answer.text

    def test_tolerates_an_address_that_is_none(self, ada: Shopper, mouse: Product):
        headers = {"HX-Request": "true", "HX-Current-URL": "http://[x"}
        answer = ada.browser.post(f"/cart/{mouse.pk}/", {"quantity": 1}, headers=headers)
        assert "Mouse: 1 in the cart" in answer.text


@pytest.mark.once
class TestTheBarOfAProductPage:
    """On a phone it offers what the page is about, until that is in the cart or can't be."""

    OFFER = 'form="stepper-{}"'

    def test_offers_it_until_it_is_in_the_cart(self, ada: Shopper, mouse: Product):
        offer = self.OFFER.format(mouse.pk)
        assert offer in ada.get("/products/mouse/").text
        assert offer not in ada.puts(mouse, 1, htmx=True, back="/products/mouse/").text
        assert offer not in ada.get("/products/mouse/").text
        assert offer in ada.puts(mouse, 0, htmx=True, back="/products/mouse/").text
        assert offer not in ada.get("/").text

    def test_goes_on_to_offer_it_when_another_product_is_removed(
        self, ada: Shopper, mouse: Product, laptop: Product
    ):
        answer = ada.puts(laptop, 0, htmx=True, back="/products/mouse/#cart")
        assert self.OFFER.format(mouse.pk) in answer.text

    def test_offers_nothing_that_is_sold_out(self, ada: Shopper):
        vase = product("Vase", stock=0)
        assert self.OFFER.format(vase.pk) not in ada.get("/products/vase/").text


class TestWhatElseThereIs:
    def test_is_up_to_four_of_the_same_category(self, ada: Shopper, mouse: Product):
        kitchen, desk = (Category.objects.create(name=name) for name in ("Kitchen", "Desk"))
        mouse.categories.add(desk)
        for name in ("Lamp", "Pen", "Ruler", "Stapler", "Tray"):
            product(name).categories.add(desk)
        product("Pot").categories.add(kitchen)
        text = ada.get("/products/mouse/").text
        assert re.findall(r"<bdi>(\w+)</bdi></a></h3>", text) == ["Lamp", "Pen", "Ruler", "Stapler"]

    def test_is_nothing_without_a_category(self, ada: Shopper, mouse: Product, laptop: Product):
        assert "You may also like" not in ada.get("/products/mouse/").text


@pytest.mark.once
class TestTheDescription:
    @pytest.mark.parametrize(
        ("text", "html"),
        [
            ("", ""),
            ("One\ntwo\n\nThree", '<p dir="auto">One<br>two</p>\n<p dir="auto">Three</p>'),
            ("# Care\nDry", '<h2 dir="auto">Care</h2>\n<p dir="auto">Dry</p>'),
            ("Care\n----\nDry", '<h2 dir="auto">Care</h2>\n<p dir="auto">Dry</p>'),
            ("- a\n* b\n\n- c\n  d", '<ul dir="auto"><li>a</li><li>b</li><li>c d</li></ul>'),
            ("1. a\n2) b", '<ol dir="auto"><li>a</li><li>b</li></ol>'),
            ("3. a", '<ol start="3" dir="auto"><li>a</li></ol>'),
            ("- a\nb", '<ul dir="auto"><li>a</li></ul>\n<p dir="auto">b</p>'),
            ("-5 °C, #1, 2.5", '<p dir="auto">-5 °C, #1, 2.5</p>'),
            ("----", '<p dir="auto">----</p>'),
            ("# <b>\n- <script>", '<h2 dir="auto">&lt;b&gt;</h2>\n'
             '<ul dir="auto"><li>&lt;script&gt;</li></ul>'),
        ],
    )  # fmt: skip
    def test_has_paragraphs_headings_and_lists_and_no_html(self, text: str, html: str):
        assert prose(text) == html

    def test_is_one_line_of_words_on_a_card_and_for_others(self, ada: Shopper):
        product("Mouse", description="# Care\n- Dry\n- Cool")
        assert '<p class="product-description" dir="auto">Care Dry Cool</p>' in ada.get("/").text
        assert 'name="description" content="Care Dry Cool"' in ada.get("/products/mouse/").text

    def test_is_its_first_paragraph_on_a_card(self, ada: Shopper):
        product("Mouse", description="# Mice\nSmall.\nQuiet.\n\nMade by us.")
        assert '<p class="product-description" dir="auto">Small. Quiet.</p>' in ada.get("/").text


@pytest.mark.once
class TestAPageThatRenewsItself:
    @pytest.mark.parametrize("path", ["/", "/products/mouse/", "/cart/", "/orders/"])
    def test_is_whole_again(self, ada: Shopper, mouse: Product, path: str):
        headers = {"HX-Request": "true", "HX-Target": "main"}
        assert '<main id="main">' in ada.browser.get(path, headers=headers).text


class TestTheAddressOfAProduct:
    def test_is_made_from_its_name(self):
        assert product("Big Red Lamp").get_absolute_url() == "/products/big-red-lamp/"

    @pytest.mark.parametrize("name", ["!?", "茶"])
    def test_is_made_without_one_that_fits(self, name: str):
        assert product(name).get_absolute_url() == "/products/product/"

    def test_is_another_one_for_another_product_of_the_name(self):
        slugs = [product("Lamp").slug for _ in range(3)]
        assert slugs == ["lamp", "lamp-2", "lamp-3"]

    def test_is_there_for_products_made_at_once(self):
        product("Lamp")
        Product.objects.bulk_create([Product(name="Lamp", price_cents=1) for _ in range(2)])
        assert set(Product.objects.values_list("slug", flat=True)) == {"lamp", "lamp-2", "lamp-3"}

    def test_stays_when_the_name_changes(self):
        lamp = product("Lamp")
        lamp.name = "Lantern"
        lamp.save()
        assert lamp.slug == "lamp"


@pytest.mark.django_db(transaction=True)
class TestAShopFromBeforeProductPages:
    def test_gives_every_product_its_address(self):
        executor = MigrationExecutor(connection)
        before = executor.migrate([("storefront", "0001_initial"), ("checkout", None)])
        old = before.apps.get_model("storefront", "Product")
        for name in ("Lamp", "Lamp", "茶"):
            old.objects.create(name=name, price_cents=100)
        call_command("migrate", verbosity=0)
        first, second, third = Product.objects.order_by("id")
        assert [first.slug, second.slug, third.slug] == ["lamp", f"lamp-{second.pk}", "product"]
        Product.objects.all().delete()


def locations(answer: Any) -> list[str]:
    return re.findall(r"<loc>([^<]+)</loc>", answer.text)


class TestWhatOthersLearn:
    @pytest.mark.once
    def test_from_the_page_of_a_product(self, ada: Shopper, settings: Settings):
        settings.SITE_URL = "https://testserver"
        settings.SECURE_SSL_REDIRECT = False
        product("Mouse", 2_990, description='A "good" mouse', stock=3)
        text = ada.get("/products/mouse/?utm=1").text
        assert '<link rel="canonical" href="https://testserver/products/mouse/">' in text
        assert '<meta name="description" content="A &quot;good&quot; mouse">' in text
        assert '<meta property="og:title" content="Mouse">' in text
        assert 'content="https://testserver/static/share.png"' in text
        assert 'itemtype="https://schema.org/Product"' in text
        assert '<meta itemprop="price" content="29.90">' in text
        assert '<meta itemprop="priceCurrency" content="USD">' in text
        assert 'href="https://schema.org/InStock"' in text

    @pytest.mark.once
    def test_from_a_product_that_is_sold_out(self, ada: Shopper):
        product("Mouse", stock=0)
        text = ada.get("/products/mouse/").text
        assert 'href="https://schema.org/OutOfStock"' in text
        assert "Sold out." in text

    @pytest.mark.once
    def test_a_photograph_is_shown_and_a_drawing_is_not(self, ada: Shopper):
        product("Mouse", picture="products/mouse.svg")
        product("Share", picture="share.png")
        product("Apple", picture="apple-touch-icon.png")
        assert (
            'og:image" content="http://testserver/static/share.png"'
            in ada.get("/products/mouse/").text
        )
        assert (
            'content="http://testserver/static/apple-touch-icon.png"'
            in ada.get("/products/apple/").text
        )

    @pytest.mark.once
    def test_the_price_in_yen_has_no_decimals(self, ada: Shopper, mouse: Product, settings):
        settings.CURRENCY = "jpy"
        assert 'itemprop="price" content="2999"' in ada.get("/products/mouse/").text

    def test_the_sitemap_lists_what_is_sold(self, ada: Shopper, mouse: Product):
        product("Lamp", is_on_sale=False)
        text = ada.get("/sitemap.xml").text
        assert "<loc>http://testserver/</loc>" in text
        assert "<loc>http://testserver/products/mouse/</loc>" in text
        assert "lamp" not in text

    def test_the_sitemap_of_a_large_shop_comes_in_parts(
        self, ada: Shopper, monkeypatch: pytest.MonkeyPatch
    ):
        Category.objects.create(name="Kitchen")
        products(5)
        assert "/c/kitchen/</loc>" in ada.get("/sitemap.xml").text
        monkeypatch.setattr(Products, "limit", 2)
        parts = locations(ada.get("/sitemap.xml"))
        assert [address.rpartition("/")[2] for address in parts] == [
            *("sitemap-pages.xml", "sitemap-products.xml"),
            *("sitemap-products.xml?p=2", "sitemap-products.xml?p=3"),
        ]
        pages, *listed = [locations(ada.get(part)) for part in parts]
        assert {"http://testserver/", "http://testserver/c/kitchen/"} <= {*pages}
        assert len({address for part in listed for address in part}) == 5

    @pytest.mark.parametrize("path", ["nowhere.xml", "products.xml?p=9", "products.xml?p=x"])
    def test_a_part_of_the_sitemap_that_is_none_is_not_there(self, ada: Shopper, path: str):
        assert ada.get(f"/sitemap-{path}").status_code == 404

    @pytest.mark.once
    def test_the_sitemap_names_the_shops_own_address(self, ada: Shopper, settings: Settings):
        settings.SITE_URL = "https://testserver"
        assert "<loc>https://testserver/</loc>" in ada.get("/sitemap.xml").text

    @pytest.mark.once
    def test_robots_find_the_sitemap_and_leave_carts_alone(self, ada: Shopper):
        answer = ada.get("/robots.txt")
        assert answer["Content-Type"].startswith("text/plain")
        assert "Sitemap: http://testserver/sitemap.xml" in answer.text
        assert "Disallow: /cart/" in answer.text

    @pytest.mark.once
    def test_the_icon_is_where_browsers_look_for_it(self, ada: Shopper):
        assert ada.get("/favicon.ico")["Location"] == "/static/favicon.ico"


@pytest.mark.once
class TestTheMerchantsOwnLook:
    def test_a_colour_has_a_stylesheet(self, ada: Shopper, settings: Settings):
        settings.SHOP_ACCENT = "#aa3300"
        assert '<link rel="stylesheet" href="/brand.css?%23aa3300">' in ada.get("/").text
        answer = ada.get("/brand.css?%23aa3300")
        assert answer["Content-Type"].startswith("text/css")
        assert "--brand:#aa3300" in answer.text
        assert "public" in answer["Cache-Control"]

    def test_without_a_colour_nothing_is_asked_for(self, ada: Shopper):
        assert "brand.css" not in ada.get("/").text

    def test_logo_name_and_links_are_on_every_page(self, ada: Shopper, settings: Settings):
        settings.SHOP_NAME, settings.SHOP_LOGO = "Tea & Co", "products/mouse.svg"
        settings.SHOP_LINKS = {"Imprint": "https://tea.example/imprint"}
        for path in ("/", "/orders/", "/nowhere/"):
            text = ada.get(path).text
            assert "Tea &amp; Co" in text
            assert 'src="/static/products/mouse.svg"' in text
            assert '<a href="https://tea.example/imprint">Imprint</a>' in text


@pytest.mark.once
class TestAFileThatWasNotCollected:
    """It was put into static/ after the last collectstatic."""

    @pytest.fixture(autouse=True)
    def manifest(self, tmp_path: Path, settings: Settings) -> Iterator[Path]:
        manifest = tmp_path / "staticfiles.json"
        paths = {"icon.svg": "icon.1.svg", "favicon.ico": "favicon.1.ico"}
        manifest.write_text(json.dumps({"version": "1.1", "paths": paths}))
        settings.STATIC_ROOT = tmp_path
        settings.STORAGES = settings.STORAGES | {
            "staticfiles": {"BACKEND": "storefront.ops.static_files.CollectedFiles"}
        }
        fragments.clear()
        yield manifest
        fragments.clear()

    @pytest.mark.parametrize("path", ["/", "/nowhere/"])
    def test_is_missing_on_pages_that_stand(self, ada: Shopper, settings: Settings, path: str):
        settings.SHOP_LOGO = "products/mouse.svg"
        text = ada.get(path).text
        assert "mouse.svg" not in text
        assert 'href="/static/storefront.css"' in text
        assert 'href="/static/favicon.1.ico"' in text

    def test_is_no_picture_of_a_product(self, ada: Shopper):
        product("Mouse", picture="products/mouse.svg")
        assert "mouse.svg" not in ada.get("/").text

    def test_is_named_by_the_deployment_check(self):
        [error] = static_files.collected(None)
        assert (error.id, "such as admin/css/" in error.msg) == ("storefront.E002", True)

    def test_is_in_the_log_once(self, ada: Shopper, log: Log):
        static_files._log_missing.cache_clear()
        for path in ("/", "/orders/"):
            fragments.clear()
            ada.get(path)
        words = "static/storefront.css was added after collectstatic: run it again."
        lines = [line["message"] for line in log.lines("storefront.ops.static_files")]
        assert lines.count(words) == 1

    def test_even_all_of_them_leave_pages_that_stand(self, ada: Shopper, manifest: Path):
        manifest.write_text('{"version": "1.1", "pa')
        assert 'src="/static/icon.svg"' in ada.get("/").text
