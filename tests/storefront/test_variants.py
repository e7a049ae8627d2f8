"""Kinds of a product: each is a product itself, and the shelf shows one card of a family."""

import re

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from checkout.models import OrderItem
from storefront.models import LONGEST_NAME, CartLine, Product
from storefront.money import typed_money
from tests.cast import Shopper, product
from tests.locks import held_up

Row = dict[str, object]


@pytest.fixture
def shirt(db: None) -> Product:
    """Only the page of its three kinds, of which one is sold out."""
    shirt = product("T-shirt", 9_900, slug="t-shirt")
    for variant, cents, stock in (("S", 1_990, 0), ("M, black", 1_990, 5), ("L", 2_490, None)):
        product("T-shirt", cents, variant_of=shirt, variant=variant, stock=stock)
    return shirt


@pytest.fixture
def black(shirt: Product) -> Product:
    return shirt.variants.get(variant="M, black")


def card_of(text: str, product: Product) -> str:
    card: str = re.findall(rf'<li id="product-{product.pk}".*?</li>', text, re.DOTALL)[0]
    return card


def kinds_on(text: str) -> list[tuple[str, bool, str]]:
    """Each kind's words, whether it is the current one, and what else stands beside it."""
    links = re.findall(r'<a class="kind"([^>]*)><bdi>(.*?)</bdi>(.*?)</a>', text)
    plain = [re.sub(r"<[^>]*>|\s+", " ", rest).split() for *_, rest in links]
    return [
        (words, "aria-current" in attributes, " ".join(rest))
        for (attributes, words, _), rest in zip(links, plain, strict=True)
    ]


class TestTheShelf:
    def test_shows_one_card_of_a_family(self, ada: Shopper, shirt: Product, black: Product):
        text = ada.get("/").text
        card = card_of(text, shirt)
        assert "from $19.90" in card
        assert ">3 kinds<" in card
        assert "<form" not in card
        assert f'id="product-{black.pk}"' not in text

    def test_counts_the_kinds_that_are_for_sale(self, ada: Shopper, shirt: Product):
        shirt.variants.filter(price_cents=2_490).update(is_on_sale=False)
        card = card_of(ada.get("/").text, shirt)
        assert ">2 kinds<" in card
        assert "from" not in card  # all cost the same

    def test_counts_the_first_product_if_it_is_a_kind_itself(self, ada: Shopper, shirt: Product):
        Product.objects.filter(pk=shirt.pk).update(variant="XS", price_cents=990)
        card = card_of(ada.get("/").text, shirt)
        assert "from $9.90" in card
        assert ">4 kinds<" in card

    def test_says_when_no_kind_is_left(self, ada: Shopper, shirt: Product):
        assert "Sold out" not in card_of(ada.get("/").text, shirt)
        shirt.variants.update(stock=0)
        assert "Sold out" in card_of(ada.get("/").text, shirt)

    def test_costs_the_same_for_many_families(self, ada: Shopper, shirt: Product):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                ada.get("/")
            return len(captured)

        ada.get("/")
        few = queries()
        for number in range(5):
            product("Mug", variant="red", variant_of=product(f"Mug {number}"))
        assert queries() == few


class TestThePageOfAProduct:
    def test_leads_to_its_siblings(self, ada: Shopper, black: Product):
        assert kinds_on(ada.get(black.get_absolute_url()).text) == [
            ("S", False, "Sold out"),
            ("M, black", True, ""),
            ("L", False, "$24.90"),
        ]

    def test_of_a_family_lets_choose_a_kind(self, ada: Shopper, shirt: Product):
        text = ada.get("/products/t-shirt/").text
        assert "Choose a kind" in text
        assert "from $19.90" in text
        assert "stepper" not in text
        assert 'itemprop="lowPrice" content="19.90"' in text
        assert "99.00" not in text  # what the page itself would cost
        assert [rest for _, _, rest in kinds_on(text)] == ["$19.90 Sold out", "$19.90", "$24.90"]

    def test_of_a_family_that_is_a_kind_itself_sells_it(self, ada: Shopper, shirt: Product):
        Product.objects.filter(pk=shirt.pk).update(variant="XS")
        text = ada.get("/products/t-shirt/").text
        assert kinds_on(text)[0] == ("XS", True, "")
        assert "stepper" in text
        ada.puts(shirt, 1)
        assert ada.cart == {"T-shirt": 1}

    def test_has_an_address_made_from_its_whole_name(self, black: Product):
        assert black.slug == "t-shirt-m-black"

    def test_is_listed_elsewhere_as_its_family(self, ada: Shopper, shirt: Product, black: Product):
        for page in (shirt, black):
            text = ada.get(page.get_absolute_url()).text
            assert 'rel="canonical" href="http://testserver/products/t-shirt/"' in text
        assert re.findall("products/[^<]*", ada.get("/sitemap.xml").text) == ["products/t-shirt/"]

    def test_has_the_words_of_its_family_if_it_has_none(
        self, ada: Shopper, shirt: Product, black: Product
    ):
        Product.objects.filter(pk=shirt.pk).update(description="Of cotton.")
        assert '<p dir="auto">Of cotton.</p>' in ada.get(black.get_absolute_url()).text
        Product.objects.filter(pk=black.pk).update(description="Of wool.")
        text = ada.get(black.get_absolute_url()).text
        assert ("Of wool." in text, "Of cotton." in text) == (True, False)

    def test_of_no_family_has_no_kinds(self, ada: Shopper, mouse: Product):
        assert kinds_on(ada.get(mouse.get_absolute_url()).text) == []

    def test_shows_the_picture_of_its_family(self, ada: Shopper, shirt: Product, black: Product):
        Product.objects.filter(pk=shirt.pk).update(picture="products/mouse.svg")
        for page in ("/", black.get_absolute_url()):
            assert "products/mouse" in ada.get(page).text


class TestBuyingAVariant:
    def test_names_it_in_full_everywhere(self, ada: Shopper, black: Product):
        ada.puts(black, 2)
        assert "T-shirt, M, black" in ada.get("/").text
        ada.buys()
        item = OrderItem.objects.get()
        assert (item.name, item.unit_price_cents, item.product) == (
            "T-shirt, M, black",
            1_990,
            black,
        )
        black.refresh_from_db()
        assert black.stock == 3
        black.delete()
        assert "T-shirt, M, black" in ada.get(f"/orders/{ada.order.pk}/").text

    def test_with_the_longest_name_fits_the_line_of_an_order(self, ada: Shopper, shirt: Product):
        long = product("x" * LONGEST_NAME, variant="y" * 60, variant_of=shirt)
        ada.puts(long, 1)
        ada.buys()
        name = OrderItem.objects.get().name
        assert len(name) == LONGEST_NAME
        assert name.endswith("…, " + "y" * 60)

    def test_of_what_is_only_a_choice_is_refused(self, ada: Shopper, shirt: Product):
        words = "Please choose a kind of T-shirt first."
        assert words in ada.is_refused(ada.puts(shirt, 1)).text
        assert words in ada.is_refused(ada.puts(shirt, 1, back="/products/t-shirt/")).text
        by_htmx = ada.puts(shirt, 1, htmx=True)
        assert by_htmx.status_code == 422
        assert words in by_htmx.text
        answer = ada.buys_by_json({"items": [{"product_id": shirt.pk, "quantity": 1}]})
        assert answer.status_code == 400
        assert "several kinds" in answer.json()["error"]

    def test_of_what_has_become_a_choice_since_leads_to_the_kinds(
        self, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        product("Mouse", variant="red", variant_of=mouse)
        text = ada.get("/").text
        assert "Choose a kind</a>" in text
        assert '<output id="cart-total">$0.00</output>' in text
        assert "several kinds" in ada.is_refused(ada.buys()).text

    def test_ends_when_its_family_is_off_sale(self, ada: Shopper, shirt: Product, black: Product):
        ada.puts(black, 1)
        Product.objects.filter(pk=shirt.pk).update(is_on_sale=False)
        text = ada.get("/").text
        assert "No longer for sale" in text
        assert "no longer for sale" in ada.is_refused(ada.buys()).text
        assert "no longer for sale" in ada.is_refused(ada.puts(black, 2)).text
        assert ada.get(black.get_absolute_url()).status_code == 404

    def test_by_htmx_renews_no_quantity_that_the_shelf_does_not_show(
        self, ada: Shopper, black: Product
    ):
        at = {"HX-Request": "true", "HX-Current-URL": "http://testserver/"}
        form = {"quantity": "1"}
        path = f"/cart/{black.pk}/"
        field = f'id="quantity-{black.pk}"'
        assert field not in ada.browser.post(path, form, headers=at).text
        at["HX-Current-URL"] += black.get_absolute_url()[1:]
        assert field in ada.browser.post(path, form, headers=at).text


class TestAFamily:
    def test_is_deleted_as_a_whole_and_leaves_the_carts(self, ada: Shopper, shirt: Product):
        ada.puts(shirt.variants.get(variant="L"), 1)
        shirt.delete()
        assert not Product.objects.exists()
        assert not CartLine.objects.exists()

    def test_has_no_chains(self, shirt: Product, black: Product, mouse: Product):
        for child, parent, words in (
            (mouse, mouse, "variant of itself"),
            (mouse, black, "is a variant itself"),
            (shirt, product("Cap"), "has variants"),
        ):
            child.variant_of, child.variant = parent, "red"
            with pytest.raises(ValidationError, match=words):
                child.full_clean()

    def test_says_which_kinds_it_has(self, shirt: Product, mouse: Product):
        for word, words in (("", "which kind"), ("M, black", "such a variant")):
            mouse.variant_of, mouse.variant = shirt, word
            with pytest.raises(ValidationError, match=words):
                mouse.full_clean()

    def test_is_refused_by_the_database_too(self, shirt: Product, black: Product):
        with pytest.raises(IntegrityError), transaction.atomic():
            Product.objects.filter(pk=black.pk).update(variant_of=black.pk)
        with pytest.raises(IntegrityError), transaction.atomic():
            shirt.variants.update(variant="M")


class TestAtTheDesk:
    @pytest.fixture
    def page(self, shirt: Product) -> str:
        return f"/admin/storefront/product/{shirt.pk}/change/"

    def form(self, shirt: Product, *rows: Row, **changes: object) -> Row:
        """The form of the family with these rows; those of stored kinds have an `id`."""
        own = {"name": "T-shirt", "slug": "t-shirt", "price_cents": "99.00", "position": 0}
        stored = sum("id" in row for row in rows)
        counts = {"variants-TOTAL_FORMS": len(rows), "variants-INITIAL_FORMS": stored}
        cells = {
            f"variants-{number}-{name}": value
            for number, row in enumerate(rows)
            for name, value in ({"variant_of": shirt.pk, "position": 0} | row).items()
        }
        return own | {"is_on_sale": "on"} | counts | cells | changes

    def row(self, kind: Product, **changes: object) -> Row:
        shown = {
            "id": kind.pk,
            "variant": kind.variant,
            "price_cents": typed_money(kind.price_cents),
        }
        return shown | {"is_on_sale": "on", "stock": kind.stock} | changes

    def test_kinds_stand_below_their_family(self, admin_client: Client, page: str, shirt: Product):
        text = admin_client.get(page).text
        assert all(f'value="{kind.variant}"' in text for kind in shirt.variants.all())
        kind = shirt.variants.get(variant="L")
        text = admin_client.get(f"/admin/storefront/product/{kind.pk}/change/").text
        assert "variants-TOTAL_FORMS" not in text  # a kind has none
        text = admin_client.get("/admin/storefront/product/").text
        assert "T-shirt, M, black" in text
        assert text.count("kind of T-shirt") == 3

    def test_a_kind_is_added_changed_and_removed(
        self, admin_client: Client, page: str, shirt: Product, black: Product
    ):
        large = shirt.variants.get(variant="L")
        Product.objects.filter(pk=black.pk).update(stock=4)  # one was sold since
        rows = (
            self.row(black, stock=15, price_cents="20.90"),
            self.row(large, stock="", DELETE="on"),
            {"variant": "XL", "price_cents": "29.90", "stock": 2, "is_on_sale": "on"},
        )
        shown = {"initial-variants-0-stock": 5}
        assert admin_client.post(page, self.form(shirt, *rows, **shown)).status_code == 302
        black.refresh_from_db()
        assert (black.stock, black.price_cents) == (14, 2_090)
        assert {kind.full_name: kind.slug for kind in shirt.variants.all()} == {
            "T-shirt, S": "t-shirt-s",
            "T-shirt, M, black": "t-shirt-m-black",
            "T-shirt, XL": "t-shirt-xl",
        }

    def test_kinds_take_the_new_name_of_their_family(
        self, admin_client: Client, page: str, shirt: Product, black: Product
    ):
        without_rows = self.form(shirt, name="Sweater") | {"description": ""}
        del without_rows["variants-TOTAL_FORMS"]
        assert admin_client.post(page, without_rows).status_code == 302
        black.refresh_from_db()
        assert black.full_name == "Sweater, M, black"
        assert "sweater" in black.search_text

    @pytest.mark.parametrize(
        ("row", "change", "words"),
        [
            ({"variant": "M, black"}, {}, "such a variant already"),
            ({"variant": ""}, {"variants-0-stock": 1}, "Say which kind it is"),
            ({"variant": "XL", "price_cents": "x"}, {}, "no amount in USD"),
        ],
    )
    def test_a_row_that_is_wrong_is_refused(
        self, admin_client: Client, page: str, shirt: Product, row: Row, change: Row, words: str
    ):
        row = {"price_cents": "10", "is_on_sale": "on"} | row
        answer = admin_client.post(page, self.form(shirt, row, **change))
        assert words in answer.text
        assert shirt.variants.count() == 3

    def test_two_rows_of_the_same_words_are_refused(
        self, admin_client: Client, page: str, shirt: Product
    ):
        row: Row = {"variant": "XL", "price_cents": "10", "is_on_sale": "on"}
        answer = admin_client.post(page, self.form(shirt, row, row))
        assert "the same words" in answer.text

    def test_one_form_makes_no_chain(self, admin_client: Client, mouse: Product, shirt: Product):
        page = f"/admin/storefront/product/{mouse.pk}/change/"
        row: Row = {"variant": "XL", "price_cents": "10", "is_on_sale": "on"}
        form = self.form(mouse, row, variant_of=shirt.pk, variant="red", name="Mouse", slug="mouse")
        answer = admin_client.post(page, form)
        assert "can&#x27;t be a variant" in answer.text
        assert not mouse.variants.exists()

    def test_categories_are_changed_with_the_product(
        self, admin_client: Client, page: str, shirt: Product
    ):
        clothes = shirt.categories.create(name="Clothes")
        shirt.categories.clear()
        assert admin_client.post(page, self.form(shirt, categories=clothes.pk)).status_code == 302
        assert shirt.categories.get() == clothes


@pytest.mark.django_db(transaction=True)
def test_two_forms_at_once_make_no_chain(mouse: Product):
    cap, hat = product("Cap"), product("Hat")
    refusals: list[str] = []

    def another_form() -> None:
        """Makes the mouse a kind of hat, while it is getting a kind itself."""
        try:
            with transaction.atomic():
                other = Product.objects.get(pk=mouse.pk)
                other.variant_of, other.variant = hat, "soft"
                other.full_clean()
                other.save()
        except ValidationError as refusal:
            refusals.extend(refusal.messages)

    with transaction.atomic():
        cap.variant_of, cap.variant = mouse, "red"
        cap.full_clean()
        thread = held_up(another_form)
        cap.save()
    thread.join()
    assert refusals == ["This has variants, so it can't be a variant of another product."]
