"""Products come and go as a CSV file: all of it or nothing, with the lines that are wrong."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from storefront import importing
from storefront.exporting import exported_products
from storefront.importing import Refused, import_products
from storefront.models import Category, Product
from storefront.money import NotAnAmount, parse_money
from tests.cast import product

pytestmark = pytest.mark.django_db

SHELF = """name,price,stock,category,variant_of,variant,description,slug
Mug,12.50,7,Kitchen;Gifts,,,"Stoneware.

Dishwasher safe.",
"Socks, 3 pairs",19.90,,,,,,
T-shirt,19.90,3,,shirt,M,,
T-shirt,24.90,0,,shirt,"L, black",,
T-shirt,19.90,,Clothes,,,"Cotton.",shirt
"""


def imports(text: str) -> str:
    return str(import_products(text.encode()))


def refused(text: str | bytes) -> list[str]:
    """Why it is refused; nothing has changed then."""
    before = exported_products(), Category.objects.count()
    with pytest.raises(Refused) as refusal:
        import_products(text.encode() if isinstance(text, str) else text)
    assert (exported_products(), Category.objects.count()) == before
    return refusal.value.reasons


class TestAFile:
    def test_fills_the_shelf(self):
        assert imports(SHELF) == "5 added, 0 changed, 0 as they were."
        mug = Product.objects.get(slug="mug")
        assert (mug.name, mug.price_cents, mug.stock) == ("Mug", 1_250, 7)
        assert mug.description == "Stoneware.\n\nDishwasher safe."
        assert {str(category) for category in mug.categories.all()} == {"Kitchen", "Gifts"}
        black = Product.objects.get(slug="t-shirt-l-black")
        assert (black.full_name, black.price_cents) == ("T-shirt, L, black", 2_490)
        assert black.variant_of == Product.objects.get(slug="shirt")
        assert Product.objects.get(slug="socks-3-pairs").stock is None

    def test_read_twice_changes_nothing(self):
        imports(SHELF)
        with CaptureQueriesContext(connection) as captured:
            assert imports(SHELF) == "Nothing changed: 5 as they were."
        written = [query["sql"] for query in captured if query["sql"].startswith(("UPD", "INS"))]
        assert written == []

    @pytest.mark.parametrize(
        "written",
        [
            lambda text: text.replace("\n", "\r\n"),
            lambda text: "\ufeff" + text,
            lambda text: text.replace(",", ";").replace('"L; black"', "L, black").replace(
                "Kitchen;Gifts", '"Kitchen;Gifts"'
            ).replace('"Socks; 3 pairs"', "Socks, 3 pairs").replace("12.50", "12,50"),
            lambda text: text.replace("name,price", " Name ,PRICE") + ",,,,,,,\n",
        ],
        ids=["of Windows", "with a mark", "of Excel in Europe", "written loosely"],
    )  # fmt: skip
    def test_is_the_same_however_it_is_written(self, written: Callable[[str], str]):
        imports(SHELF)
        assert imports(written(SHELF)).startswith("Nothing changed")

    def test_leaves_what_it_has_no_column_for_and_clears_what_is_empty(self):
        imports(SHELF)
        assert imports("slug,price\nmug,13\n") == "0 added, 1 changed, 0 as they were."
        mug = Product.objects.get(slug="mug")
        assert (mug.price_cents, mug.stock, mug.categories.count()) == (1_300, 7, 2)
        imports("slug,stock,category,description\nmug,,,\n")
        mug.refresh_from_db()
        assert (mug.stock, mug.description, mug.categories.count()) == (None, "", 0)

    def test_finds_what_it_changes_by_search_and_in_its_family(self):
        imports(SHELF)
        imports("slug,name,variant_of,variant\nmug,Tëa cup,,\nsocks-3-pairs,T-shirt,shirt,XL\n")
        assert "tea cup" in Product.objects.get(slug="mug").search_text
        assert Product.objects.get(slug="shirt").variants.count() == 3
        imports("slug,variant_of,variant\nt-shirt-m,,\n")
        assert Product.objects.get(slug="shirt").variants.count() == 2

    def test_leaves_the_stock_that_a_sale_has_lowered_meanwhile(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        imports(SHELF)
        bulk_update: Any = type(Product.objects.all()).bulk_update

        def after_a_sale(products: Any, *args: Any, **options: Any) -> Any:
            monkeypatch.undo()
            Product.objects.filter(slug="mug").update(stock=6)
            return bulk_update(products, *args, **options)

        monkeypatch.setattr(type(Product.objects.all()), "bulk_update", after_a_sale)
        imports("slug,price,stock\nmug,13,7\nshirt,19.90,4\n")
        assert Product.objects.get(slug="mug").stock == 6
        assert Product.objects.get(slug="shirt").stock == 4

    def test_of_ten_thousand_products_asks_no_more_for_each(self):
        def queries(count: int) -> int:
            rows = [f"Thing {n},{n % 90 + 10}.50,{n},All;P{n % 7}" for n in range(count)]
            with CaptureQueriesContext(connection) as captured:
                imports("\n".join(["name,price,stock,category", *rows]))
            return len(captured)

        assert queries(1_500) < 40


class TestARefusal:
    WRONG = (
        ("", "line 1: the file is empty"),
        ("\n", "line 1: the file is empty"),
        ("price,stock\n1,2\n", "line 1: the column name is missing"),
        ("name,price,colour\n", "line 1: there is no column “colour”"),
        ("name,price,name\n", "line 1: the column name is there 2 times"),
        ("name,stock\nCap,1\n", "line 2: price: a new product needs one (cap)"),
        ("slug,price\ncap,1\n", "line 2: name: a new product needs one (cap)"),
        ("name,price\nCap,\n", "line 2: price: It is empty"),
        ("name,price\nCap,-1\n", "no amount"),
        ("name,price\nCap,€5\n", "no amount in USD"),
        ("name,price\nCap,1000000\n", "more than $999,999.99"),
        ('name,price\nCap,"1,299"\n', "can be read in two ways: write 1299.00"),
        ("name,price,stock\nCap,5,-1\n", "no whole number"),
        ("name,price,stock\nCap,5,9999999999\n", "is more than"),
        ("name,price,slug\nCap,5,a b\n", "line 2: slug: Enter a valid"),
        ("name,price\nテスト,5\n", "line 2: slug: the name makes no address"),
        (f"name,price\n{'x' * 121},5\n", "at most 120 characters"),
        ('name,price\n"two\nlines",5\n', "line 2: name: It has more than one line"),
        (f"name,price,category\nCap,5,{'x' * 61}\n", "line 2: category: "),
        ('name,price\nCap,5\n"Hat,6\n', "line 3: can't be read"),
        ("name,price,variant_of\nCap,5,cap\n", "line 2: variant_of: a product can't be"),
        ("name,price,variant_of,variant\nCap,5,nothing,M\n", "there is no product “nothing”"),
        ("name,price,variant_of\nCap,5,shirt\n", "line 2: variant: say which kind"),
        ("name,price,variant_of,variant\nCap,5,t-shirt-m-2,M\n", "there is no product"),
        (
            "name,price,variant_of,variant\nCap,5,t-shirt-l-black,M\n",
            "variant_of: t-shirt-l-black is a variant itself",
        ),
        ("slug,variant_of,variant\nshirt,mug,M\n", "shirt has variants"),
        (
            "name,price,variant_of,variant\nVest,5,shirt,M\n",
            "line 2: variant: shirt has “M” twice",
        ),
        (
            "name,price,variant_of,variant\nA,1,,\nA,1,B,x\nB,1,A,y\n",
            "line 3: variant_of: there is no product “B”",
        ),
        (
            "slug,name,price,variant_of,variant\na,A,1,b,x\nb,B,1,a,y\n",
            "line 2: variant_of: b is a variant itself",
        ),
    )

    def test_names_every_line_that_is_wrong(self):
        imports(SHELF)
        assert refused(
            'name,price,stock,description\nCap,5,1,"two\nlines"\nMug,x,1.5,\n,5,,\nHat,5\nCap,6,,\n'
        ) == [
            "line 4: price: “x” is no amount in USD, such as 29.99.",
            "line 4: stock: “1.5” is no whole number; leave it empty not to count.",
            "line 5: name: This field cannot be blank.",
            "line 5: slug: the name makes no address; write one, such as my-product.",
            "line 6: has 2 cells, but the header has 4.",
            "line 7: is the same product as line 2: cap.",
        ]

    def test_says_what_is_wrong(self):
        imports(SHELF)
        for text, words in self.WRONG:
            assert words in "\n".join(refused(text)), text

    @pytest.mark.parametrize(
        "change",
        [
            lambda: product("Cap", slug="cap"),
            lambda: Product.objects.filter(slug="shirt").update(
                variant_of=Product.objects.get(slug="mug"), variant="soft"
            ),
        ],
        ids=["a product of that name", "a family that is a kind now"],
    )
    def test_comes_of_a_change_in_between(
        self, monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]
    ):
        imports(SHELF)
        monkeypatch.setattr(importing, "_lock", lambda rows: change())
        (reason,) = refused("name,price,variant_of,variant\nCap,5,,\nVest,5,shirt,XL\n")
        assert "another change came in between" in reason

    @pytest.mark.parametrize(
        "data",
        [
            "name,price\nCap,5\nTée,5\n".encode("latin-1"),
            b"name,price\nCap,5\nHat\0,5\n",
        ],
    )
    def test_of_another_encoding_says_how_to_save_it(self, data: bytes):
        assert refused(data) == ["line 3: this is not UTF-8. Save the file as “CSV UTF-8”."]
        (reason,) = refused("name,price\nCap,5\n".encode("utf-16"))
        assert "line 1: this is not UTF-8" in reason


class TestAnExport:
    def test_read_again_changes_nothing(self):
        imports(SHELF)
        odd = product("=HYPERLINK(1)", description="'+x \r\nand @y  ", slug="odd", is_on_sale=False)
        product("'=quoted", slug="quoted")
        odd.categories.add(Category.objects.create(name='Odds; "ends"'))
        odd.categories.add(Category.objects.create(name="-20 %"))
        text = exported_products()
        assert imports(text) == "Nothing changed: 7 as they were."
        Product.objects.all().delete()
        Category.objects.all().delete()
        assert imports(text) == "7 added, 0 changed, 0 as they were."
        assert sorted(exported_products().splitlines()) == sorted(
            text.replace("\r", "").replace("@y  ", "@y").splitlines()
        )

    @pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(1)", "\uff1d1"])
    def test_runs_no_formula(self, cell: str):
        product(cell, slug="formula")
        assert f"\n'{cell}," in exported_products()

    def test_asks_no_more_for_each_product(self):
        imports(SHELF)
        with CaptureQueriesContext(connection) as captured:
            exported_products()
        assert len(captured) == 2

    @pytest.mark.parametrize(("currency", "written"), [("jpy", "2999"), ("kwd", "2.990")])
    def test_writes_prices_as_the_import_reads_them(self, settings, currency: str, written: str):
        settings.CURRENCY = currency
        product("Mug", int(written.replace(".", "")))
        assert f"Mug,{written}," in exported_products()
        assert imports(exported_products()).startswith("Nothing changed")


class TestTheCommands:
    def test_pass_a_file_on(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        file = tmp_path / "products.csv"
        file.write_text(SHELF)
        call_command("import_products", str(file))
        assert "5 added" in capsys.readouterr().out
        call_command("export_products", str(file))
        assert file.read_bytes().startswith(b"\xef\xbb\xbfname,price")
        call_command("import_products", str(file))
        assert "Nothing changed" in capsys.readouterr().out
        call_command("export_products")
        assert capsys.readouterr().out == exported_products()

    def test_read_the_standard_input(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SHELF.encode())))
        call_command("import_products", "-")
        assert Product.objects.count() == 5

    def test_end_with_the_reasons(self, tmp_path: Path):
        file = tmp_path / "products.csv"
        file.write_text("name,price\nCap,x\nHat,y\n")
        with pytest.raises(CommandError, match=r"(?s)Nothing was changed.*line 2.*line 3"):
            call_command("import_products", str(file))
        with pytest.raises(CommandError, match="can't be read"):
            call_command("import_products", str(tmp_path))
        with pytest.raises(CommandError, match="can't be written"):
            call_command("export_products", str(tmp_path))


@pytest.mark.once
@pytest.mark.parametrize(
    ("currency", "text", "cents"),
    [
        *[("usd", text, 2_999) for text in ("29.99", "29,99", "$29.99", "29.99 USD", " 29.99 ")],
        *[("usd", text, 129_900) for text in ("1299", "1,299.00", "1.299,00", "1 299,00")],
        *[("usd", text, 129_900) for text in ("1\u202f299,00", "1'299.00", "1299,0")],
        *[("usd", text, 0) for text in ("0", "0.00")],
        *[("jpy", text, 2_999) for text in ("2999", "2,999", "2.999", "¥2,999")],
        *[("kwd", text, 1_290) for text in ("1.290", "1.29", "1,29")],
        ("kwd", "1,290.500", 1_290_500),
        ("isk", "500", 50_000),
        ("eur", "1.234.567,89 €", None),
        ("usd", "12.345,67", 1_234_567),
        *[("usd", text, None) for text in ("", "x", "1e3", "٣", "29.999", "1.299", "1,299", "29.")],
        *[("usd", text, None) for text in ("-1", ".5", "1,29,00", "1.29,000", "12345,678.00", "²")],
        *[("usd", text, None) for text in ("1,2.34", "1.234,567.89", "9" * 30, "1 29")],
        *[("jpy", text, None) for text in ("29.99", "2999.0", "29,9")],
        *[("kwd", text, None) for text in ("1,290", "1.2345", "1.293")],
        ("isk", "500.50", None),
    ],
)
def test_an_amount_is_read_as_people_write_it(currency: str, text: str, cents: int | None):
    if cents is None:
        with pytest.raises(NotAnAmount):
            parse_money(text, currency)
    else:
        assert parse_money(text, currency) == cents


class TestTheDesk:
    PAGE = "/admin/storefront/product/import/"

    def sends(self, client: Client, text: str) -> Any:
        file = SimpleUploadedFile("products.csv", text.encode())
        return client.post(self.PAGE, {"file": file}, follow=True)

    def test_takes_a_file_and_gives_it_back(self, admin_client: Client):
        assert self.PAGE in admin_client.get("/admin/storefront/product/").text
        assert "CSV file" in admin_client.get(self.PAGE).text
        assert "5 added, 0 changed" in self.sends(admin_client, SHELF).text
        file = admin_client.get("/admin/storefront/product/export/")
        assert file["Content-Disposition"] == 'attachment; filename="products.csv"'
        assert "Nothing changed" in self.sends(admin_client, file.text).text

    @pytest.mark.once
    def test_says_which_lines_are_wrong(self, admin_client: Client):
        text = self.sends(admin_client, "name,price\nCap,<x>\n").text
        assert "line 2: price: “&lt;x&gt;” is no amount" in text
        assert not Product.objects.exists()
        assert "required" in admin_client.post(self.PAGE, {}).text

    @pytest.mark.once
    @pytest.mark.parametrize("page", ["import/", "export/"])
    def test_is_for_staff_who_may(self, page: str):
        client = Client()
        address = f"/admin/storefront/product/{page}"
        assert client.get(address).status_code == 302
        client.force_login(User.objects.create_user("clerk", is_staff=True))
        assert client.get(address).status_code == 403
