"""Pictures by upload: what the merchant's form takes, how they are served and where they show."""

import re
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, Settings

from storefront import uploads
from storefront.models import Product
from storefront.money import typed_money
from storefront.ops import bodies, photographs
from storefront.pictures import Picture, Rendition, add_pictures, show_pictures
from tests.cast import (
    Shopper,
    deliver,
    event_about,
    file_of,
    photograph,
    picture_of,
    plain,
    product,
)
from tools.stripe_stand_in import StandIn

RED, GREEN, BLUE = (255, 0, 0), (0, 128, 0), (0, 0, 255)
ADD = "/admin/storefront/product/add/"
SHOP = "/admin/shop/"
FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def merchant(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("merchant"))
    return client


def clerk(*permissions: str) -> Client:
    client = Client()
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def upload(
    name: str = "mug.jpg", colour: Any = RED, body: bytes | None = None
) -> SimpleUploadedFile:
    body = file_of(plain(colour, (80, 60))).getvalue() if body is None else body
    return SimpleUploadedFile(name, body)


def change(product: Product) -> str:
    return f"/admin/storefront/product/{product.pk}/change/"


def form(product: Product, *files: SimpleUploadedFile, **fields: Any) -> dict[str, Any]:
    """The form as the page shows it, with all that it says of the pictures that are there."""
    pictures = Picture.objects.filter(product=product.pk)
    rows: dict[str, Any] = {}
    for number, picture in enumerate(pictures):
        row = {"id": picture.pk, "product": product.pk, "alt": picture.alt}
        row["position"] = picture.position
        rows |= {f"uploaded_pictures-{number}-{name}": value for name, value in row.items()}
    if rows:
        total = len(pictures)
        rows |= {"uploaded_pictures-TOTAL_FORMS": total, "uploaded_pictures-INITIAL_FORMS": total}
    own = {"name": product.name, "price_cents": typed_money(product.price_cents), "position": 0}
    return own | {"is_on_sale": "on", "new_pictures": files} | rows | fields


def pictures_of(product: Product) -> list[str]:
    return [picture.alt for picture in Picture.objects.filter(product=product)]


class TestTheForm:
    def test_takes_several_at_once_with_what_they_show(self, merchant: Client, mouse: Product):
        lines = "A red mug\r\n\r\n A blue mug \r\n"
        sent = form(mouse, upload(), upload("b.png", BLUE), upload(colour=GREEN))
        answer = merchant.post(change(mouse), sent | {"what_they_show": lines})
        assert answer.status_code == 302
        assert pictures_of(mouse) == ["A red mug", "A blue mug", ""]
        assert Rendition.objects.count() == 3

    def test_takes_them_with_a_new_product(self, merchant: Client):
        answer = merchant.post(ADD, form(Product(name="Mug", price_cents=900), upload()))
        assert answer.status_code == 302
        assert pictures_of(Product.objects.get()) == [""]

    @pytest.mark.once
    def test_asks_for_photographs_and_for_what_they_show(self, merchant: Client, mouse: Product):
        for page in (ADD, change(mouse)):
            text = merchant.get(page).text
            [field] = re.findall(r'<input type="file"[^>]*>', text)
            assert "multiple" in field
            assert 'accept="image/jpeg,image/png,image/webp"' in field
            assert 'enctype="multipart/form-data"' in text
            assert "for who can't see them" in text

    def test_keeps_order_words_and_picks_what_goes(self, merchant: Client, mouse: Product):
        picture_of(mouse, RED, "red"), picture_of(mouse, BLUE, "blue")
        picture_of(mouse, GREEN, "green")
        assert 'src="/pictures/' in merchant.get(change(mouse)).text
        changes = {
            "uploaded_pictures-0-alt": "a red mug",
            "uploaded_pictures-0-position": 9,
            "uploaded_pictures-1-DELETE": "on",
        }
        assert merchant.post(change(mouse), form(mouse, **changes)).status_code == 302
        assert pictures_of(mouse) == ["green", "a red mug"]
        assert Rendition.objects.count() == 2 * 3

    def test_takes_the_same_picture_once(self, merchant: Client, mouse: Product):
        merchant.post(change(mouse), form(mouse, upload(), what_they_show="A mug"))
        merchant.post(change(mouse), form(mouse, upload(), upload()))
        assert pictures_of(mouse) == ["A mug"]

    @pytest.mark.once
    def test_says_of_each_bad_file_what_is_wrong_and_stores_nothing(
        self, merchant: Client, mouse: Product
    ):
        files = [
            upload(),
            upload("cat.svg", body=b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
            upload("<b>.eps", body=b"%!PS-Adobe-3.0 EPSF-3.0\n"),
            upload("empty.jpg", body=b""),
            upload("cut.jpg", body=file_of(plain(size=(800, 600))).getvalue()[:-900]),
            upload("bomb.png", body=file_of(plain(0, (9_000, 9_000), "1"), "PNG").getvalue()),
        ]
        answer = merchant.post(change(mouse), form(mouse, *files, name="Mug", description="Kept"))
        assert answer.status_code == 200
        [errors] = re.findall(
            r'<ul class="errorlist" id="id_new_pictures_error">.*?</ul>', answer.text
        )
        assert re.findall("<li>(.*?)</li>", errors) == [
            "cat.svg is not a photograph: a JPEG, PNG or WebP file.",
            "&lt;b&gt;.eps is not a photograph: a JPEG, PNG or WebP file.",
            "empty.jpg is empty.",
            "cut.jpg is broken or not complete.",
            "bomb.png has more than 16 megapixels, the most of its kind.",
        ]
        assert "Kept" in answer.text
        mouse.refresh_from_db()
        assert (mouse.name, pictures_of(mouse)) == ("Mouse", [])

    def test_stores_no_picture_of_a_product_that_is_refused_and_asks_for_it_again(
        self, merchant: Client
    ):
        answer = merchant.post(ADD, form(Product(name="", price_cents=900), upload()))
        assert answer.status_code == 200
        assert "choose the pictures once more" in answer.text
        assert not Picture.objects.exists()

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("files", "lines", "words"),
        [
            (0, "A mug", "more lines about pictures than pictures"),
            (1, "A mug\nAnother", "more lines about pictures than pictures"),
            (1, "m" * 201, "A line has up to 200 letters"),
            (9, "", "up to 8 pictures at once"),
        ],
    )
    def test_says_what_else_does_not_fit(
        self, merchant: Client, mouse: Product, files: int, lines: str, words: str
    ):
        sent = form(mouse, *[upload() for _ in range(files)], what_they_show=lines)
        answer = merchant.post(change(mouse), sent)
        assert words in answer.text
        assert pictures_of(mouse) == []

    def test_is_saved_as_ever_without_them(self, merchant: Client, mouse: Product):
        plain_form = {"name": "Mug", "price_cents": "9", "position": 0}
        assert merchant.post(change(mouse), plain_form).status_code == 302
        mouse.refresh_from_db()
        assert mouse.name == "Mug"

    def test_looks_at_files_while_no_transaction_keeps_shoppers_waiting(
        self, merchant: Client, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ):
        outside = len(connection.savepoint_ids)
        seen = []

        def look(file: Any) -> Any:
            seen.append(len(connection.savepoint_ids))
            return photographs.developed(file)

        monkeypatch.setattr(uploads, "developed", look)
        merchant.post(change(mouse), form(mouse, upload(), upload(colour=BLUE)))
        assert seen == [outside, outside]

    @pytest.mark.once
    def test_is_for_who_may_change_products(self, mouse: Product, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(uploads, "developed", lambda file: pytest.fail("looked at"))
        viewer = clerk("view_product")
        assert viewer.get(change(mouse)).status_code == 200
        assert viewer.post(change(mouse), form(mouse, upload())).status_code == 403
        assert viewer.post(ADD, form(mouse, upload())).status_code == 403
        assert Client().post(ADD, form(mouse, upload())).status_code == 302
        assert not Picture.objects.exists()

    def test_needs_no_permission_of_its_own(self, mouse: Product):
        picture_of(mouse, alt="red")
        sent = form(mouse, upload(colour=BLUE)) | {"uploaded_pictures-0-alt": "a red mug"}
        assert clerk("change_product").post(change(mouse), sent).status_code == 302
        assert pictures_of(mouse) == ["a red mug", ""]


@pytest.mark.once
class TestTheSizeOfTheForm:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
        """All limits at a thousandth, so that no test has to send so much."""
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500
        monkeypatch.setattr(bodies, "MAX_UPLOAD_BYTES", 64_000)

    def sends(self, client: Client, address: str, size: int, *, announced: bool = True) -> int:
        body = (
            b'--x\r\nContent-Disposition: form-data; name="new_pictures"; filename="a.jpg"\r\n\r\n'
        )
        body += b"a" * (size - len(body) - 9) + b"\r\n--x--\r\n"
        assert len(body) == size
        unknown: dict[str, Any] = {
            "CONTENT_LENGTH": "",
            "wsgi.input_terminated": True,
            "wsgi.input": BytesIO(body),
        }
        kind = "multipart/form-data; boundary=x"
        options = {} if announced else unknown
        return client.generic("POST", address, body, kind, **options).status_code

    @pytest.mark.parametrize("announced", [True, False])
    def test_may_be_large_for_a_merchant(self, merchant: Client, mouse: Product, announced: bool):
        for address in (ADD, change(mouse), SHOP):
            assert self.sends(merchant, address, 64_000, announced=announced) in (200, 422)
            assert self.sends(merchant, address, 64_001, announced=announced) == 413

    @pytest.mark.parametrize("announced", [True, False])
    def test_is_that_of_other_forms_for_anybody_else(self, mouse: Product, announced: bool):
        for client in (Client(), clerk("view_product", "add_picture")):
            for address in (ADD, change(mouse), SHOP):
                assert self.sends(client, address, 2_500, announced=announced) in (302, 403)
                assert self.sends(client, address, 2_501, announced=announced) == 413

    def test_follows_the_permission_for_this_very_form(self, mouse: Product):
        client = clerk("change_product")
        assert self.sends(client, change(mouse), 64_000) == 200
        assert {self.sends(client, address, 2_501) for address in (ADD, SHOP)} == {413}

    def test_is_not_that_of_who_has_left(self, merchant: Client, mouse: Product):
        User.objects.update(is_staff=False)
        assert self.sends(merchant, change(mouse), 2_501) == 413

    @pytest.mark.parametrize("announced", [True, False])
    def test_of_all_other_forms_stays(self, merchant: Client, mouse: Product, announced: bool):
        for address in ("/admin/storefront/product/", "/admin/auth/user/add/", "/admin/login/"):
            assert self.sends(merchant, address, 2_501, announced=announced) == 413
        assert (
            self.sends(merchant, "/create-checkout-session/", 300_000, announced=announced) == 413
        )

    def test_of_one_picture_is_limited_too(
        self, merchant: Client, mouse: Product, monkeypatch: pytest.MonkeyPatch
    ):
        assert (bodies.MAX_FORM_BYTES, uploads.MEGABYTES) == (256 * 1024, 12)
        monkeypatch.setattr(uploads, "MEGABYTES", 0)
        answer = merchant.post(change(mouse), form(mouse, upload()))
        assert "mug.jpg is larger than 0 MB." in answer.text


class TestAPicture:
    @pytest.fixture
    def address(self, mouse: Product) -> str:
        return f"/pictures/{picture_of(mouse).digest}-480.webp"

    @pytest.mark.once
    def test_is_kept_by_everybody_for_ever(self, ada: Shopper, address: str):
        answer = ada.get(address, **{"Accept-Encoding": "gzip, br"})
        assert (answer["Content-Type"], answer["Cache-Control"]) == ("image/webp", FOR_EVER)
        assert answer["ETag"] == f'"{address[10:-5]}"'
        assert answer.content[:4] + answer.content[8:12] == b"RIFFWEBP"
        assert not {"Content-Encoding", "Set-Cookie", "Vary"} & {*answer.headers}
        assert not answer.cookies

    @pytest.mark.once
    def test_is_not_sent_again(self, ada: Shopper, address: str):
        answer = ada.get(address, **{"If-None-Match": ada.get(address)["ETag"]})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer["Cache-Control"] == FOR_EVER
        assert ada.get(address, **{"If-None-Match": '"another"'}).status_code == 200

    @pytest.mark.once
    def test_says_how_large_it_is(self, ada: Shopper, address: str):
        answer = ada.browser.head(address)
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer["Content-Length"]) == len(ada.get(address).content)

    def test_that_is_not_there_is_not_found(self, ada: Shopper, address: str):
        digest = address[10:42]
        parts = {"digest": digest, "none": "0" * 32, "upper": digest.upper() + "A"}
        for name in (
            *("{digest}-481", "{digest}-0", "{digest}-0480", "{digest}-9999", "{digest}"),
            *("{digest}-" + "9" * 40, "{none}-480", "{digest}-480-480", "{upper}-480"),
        ):
            for headers in ({}, {"If-None-Match": "*"}):
                answer = ada.get(f"/pictures/{name.format(**parts)}.webp", **headers)
                assert answer.status_code == 404, name
                assert answer["Cache-Control"] == "no-store"

    def test_costs_one_query(
        self, ada: Shopper, address: str, django_assert_num_queries: DjangoAssertNumQueries
    ):
        with django_assert_num_queries(1):
            ada.get(address)

    def test_goes_with_its_product(self, merchant: Client, mouse: Product, address: str):
        page = f"/admin/storefront/product/{mouse.pk}/delete/"
        assert merchant.get(page).status_code == 200
        assert merchant.post(page, {"post": "yes"}).status_code == 302
        assert not Picture.objects.exists()
        assert not Rendition.objects.exists()
        assert Client().get(address).status_code == 404

    def test_is_never_read_with_what_it_belongs_to(self, merchant: Client, mouse: Product):
        picture_of(mouse)
        read = []

        def note(execute: Any, sql: str, *args: Any) -> Any:
            read.append(sql)
            return execute(sql, *args)

        with connection.execute_wrapper(note):
            for page in ("/", "/products/mouse/", change(mouse)):
                assert "/pictures/" in merchant.get(page).text
            merchant.get(f"/admin/storefront/product/{mouse.pk}/delete/")
            mouse.delete()
        assert read
        assert not [sql for sql in read if "body" in sql]


def image(page: str, name: str) -> dict[str, str]:
    """The attributes of the one image of this class."""
    [tag] = re.findall(rf'<img class="{name}"[^>]*>', page)
    return dict(re.findall(r'([\w-]+)="([^"]*)"', tag))


class TestAPageWithPictures:
    @pytest.mark.once
    def test_lets_the_browser_choose_and_keeps_its_place(self, ada: Shopper, mouse: Product):
        digest = picture_of(mouse, alt='A "red" mug').digest
        tag = image(ada.get("/").text, "product-picture")
        widths = (480, 960, 1_600)
        assert tag["srcset"] == ", ".join(f"/pictures/{digest}-{w}.webp {w}w" for w in widths)
        assert tag["src"] == f"/pictures/{digest}-480.webp"
        assert (tag["width"], tag["height"]) == ("1600", "1200")
        assert tag["alt"] == "A &quot;red&quot; mug"
        assert "vw" in tag["sizes"]

    @pytest.mark.once
    def test_reads_the_first_one_at_once_and_the_others_later(self, ada: Shopper):
        for name in ("Mouse", "Mug", "Lamp"):
            picture_of(product(name))
        tags = re.findall(r'<img class="product-picture"[^>]*>', ada.get("/").text)
        assert ["fetchpriority" in tag for tag in tags] == [True, False, False]
        assert ['loading="lazy" decoding="async"' in tag for tag in tags] == [False, True, True]

    def test_shows_all_of_a_product_on_its_own_page(self, ada: Shopper, mouse: Product):
        digests = [picture_of(mouse, colour).digest for colour in (RED, BLUE)]
        page = ada.get("/products/mouse/").text
        links = re.findall(r'<a href="([^"]+)" itemprop="image">', page)
        assert links == [f"/pictures/{digest}-1600.webp" for digest in digests]
        tags = re.findall(r'<img class="product-page-picture"[^>]*>', page)
        assert all('alt="Mouse"' in tag for tag in tags)
        assert ["fetchpriority" in tag for tag in tags] == [True, False]
        assert f'og:image" content="http://testserver/pictures/{digests[0]}-1600.webp"' in page

    def test_shows_no_more_than_eight(self, ada: Shopper, mouse: Product):
        add_pictures(mouse, [(photograph((red, 0, 0), (40, 30)), "") for red in range(0, 250, 25)])
        assert len(Picture.objects.all()) == 10
        assert ada.get("/products/mouse/").text.count('class="product-page-picture"') == 8

    def test_shows_them_in_the_cart_and_on_the_order(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        digest = picture_of(mouse, alt="A red mug").digest
        ada.puts(mouse, 1)
        tag = image(ada.get("/").text, "thumbnail")
        assert (tag["src"], tag["alt"]) == (f"/pictures/{digest}-480.webp", "")
        ada.buys()
        deliver(event_about(ada.order))
        tag = image(ada.get(f"/orders/{ada.order.pk}/").text, "thumbnail")
        assert (tag["src"], tag["alt"]) == (f"/pictures/{digest}-480.webp", "")
        mouse.delete()
        assert '<img class="thumbnail' not in ada.get(f"/orders/{ada.order.pk}/").text

    def test_shows_a_new_one_at_once(self, ada: Shopper, mouse: Product):
        """Although each card and each line of the cart is rendered once for the same values."""
        ada.puts(mouse, 1)
        for colour in (RED, BLUE):
            Picture.objects.all().delete()
            digest = picture_of(mouse, colour).digest
            for path in ("/", "/products/mouse/"):
                names = {*re.findall(r"/pictures/(\w+)-", ada.get(path).text)}
                assert names == {digest}
        Picture.objects.update(alt="Now it has words")
        assert "Now it has words" in ada.get("/").text

    def test_reads_them_once_for_all_products(self, ada: Shopper):
        for number in range(5):
            picture_of(mug := product(f"Mug {number}"))
            ada.puts(mug, 1)
        with CaptureQueriesContext(connection) as queries:
            ada.get("/")
        assert len([query for query in queries if "storefront_picture" in query["sql"]]) == 1

    def test_shows_a_variant_as_its_family_unless_it_has_its_own(self, ada: Shopper):
        shirt = product("Shirt")
        red = product("Shirt", variant_of=shirt, variant="red")
        drawn = product("Shirt", variant_of=shirt, variant="drawn", picture="products/mouse.svg")
        of_family = picture_of(shirt).shown
        show_pictures(shown := [shirt, red, drawn])
        assert [each.pictures for each in shown] == [(of_family,), (of_family,), ()]
        own = picture_of(red, BLUE).shown
        assert Product.objects.get(pk=red.pk).pictures == (own,)

    @pytest.mark.once
    def test_falls_back_on_the_drawing_and_on_the_initial(self, ada: Shopper):
        product("Mouse", picture="products/mouse.svg")
        product("Lamp")
        page = ada.get("/").text
        assert 'src="/static/products/mouse.svg"' in page
        assert re.search(r'<span class="product-initial"[^>]*>L</span>', page)
