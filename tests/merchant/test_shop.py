"""The page of the desk where the merchant says what the shop is called, and whether it is open."""

import re
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django import Settings

from merchant.shop import ShopForm, about_colour
from storefront.models import LogoFile, Shop
from tests.cast import Shopper, file_of, plain, shop_says
from tests.merchant.conftest import desk_of

pytestmark = pytest.mark.django_db

SHOP = "/admin/shop/"
RED, BLUE, CLEAR = (255, 0, 0), (0, 0, 255), (255, 255, 255, 0)
FILE = re.compile(r"/pictures/\w+-icon\.png")


@pytest.fixture
def desk(db: None) -> Client:
    return desk_of("change_shop")


def form(**said: Any) -> dict[str, Any]:
    """What the page would send, with what is said otherwise."""
    shown = ShopForm(instance=Shop.this())
    own = {name: shown[name].value() for name in shown.fields if shown[name].value() is not None}
    return own | said


def upload(image: Image.Image, kind: str = "PNG", name: str = "logo.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, file_of(image, kind).getvalue())


def words_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


class TestThePage:
    @pytest.mark.once
    @pytest.mark.parametrize("permissions", [[], ["view_shop"], ["change_product"]])
    def test_is_for_who_may_change_the_shop(self, permissions: list[str]):
        clerk = desk_of(*permissions)
        assert [clerk.get(SHOP).status_code, clerk.post(SHOP, {}).status_code] == [403, 403]

    def test_saves_what_is_typed_and_says_who_did(self, desk: Client, ada: Shopper):
        said = form(name=" Tea \t & Co ", phone="+43 316 1234", time_zone="Europe/Vienna")
        answer = desk.post(SHOP, said | {"address": "Tea & Co\r\nHerrengasse 1"})
        assert (answer.status_code, answer["Location"]) == (303, SHOP)
        row = Shop.this()
        assert (row.name, row.phone, row.time_zone) == ("Tea & Co", "+43 316 1234", "Europe/Vienna")
        assert "Saved. All pages follow within five seconds" in desk.get(SHOP).text
        assert "<bdi>Tea &amp; Co</bdi>" in ada.get("/").text
        assert str(LogEntry.objects.get()).startswith("Changed")
        assert "name" in LogEntry.objects.get().change_message

    def test_saves_nothing_of_its_own_accord(self, desk: Client):
        Shop.this()
        before: dict[str, Any] = {**Shop.objects.values().get()}
        assert desk.post(SHOP, form()).status_code == 303
        assert {**Shop.objects.values().get()} == before | {"version": 1}

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("name", "value", "field"),
        [
            ("SHOP_NAME", "Cups", "name"),
            ("SHOP_DESCRIPTION", "Cups.", "description"),
            ("SHOP_ACCENT", "#00aa33", "accent"),
            ("SHOP_LOGO", "icon.svg", "new_logo"),
            ("SHOP_TIME_ZONE", "Europe/Vienna", "time_zone"),
        ],
    )
    def test_leaves_to_the_environment_what_it_says(
        self, desk: Client, settings: Settings, name: str, value: str, field: str
    ):
        row = shop_says(name="Tea", description="Teas.", accent="#aa3300", logo="0" * 32)
        setattr(settings, name, value)
        text = desk.get(SHOP).text
        assert re.search(rf'name="{field}"[^>]* disabled', text)
        assert f"Set by {name.replace('SHOP_TIME', 'TIME')}." in text
        column = field.removeprefix("new_")
        sent = form() | {field: "Other", f"no_{column}": "on"}
        assert desk.post(SHOP, sent).status_code == 303
        assert getattr(Shop.this(), column) == getattr(row, column)

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("said", "words"),
        [
            ({"state": "ships_later"}, "Please say when the shop ships again."),
            ({"state": "closed", "until": "2020-01-01"}, "This day has come already."),
            ({"state": "closed", "until": "soon"}, "Enter a valid date."),
            ({"state": "shut"}, "Select a valid choice."),
            ({"accent": "teal"}, "Please choose a colour like #0b6e4f."),
            ({"contact_mail": "tea"}, "Enter a valid email address."),
            ({"phone": "call me"}, "Please write a number like +43 316 123456."),
            ({"return_days": "-1"}, "greater than or equal to 0"),
            ({"return_days": "9999"}, "3650 days at most"),
            ({"state": "closed", "until": "0001-01-01"}, "This day has come already."),
            ({"time_zone": "Mars/Olympus"}, "Select a valid choice."),
            ({"name": "x" * 81}, "at most 80 characters"),
            ({"words": "We are at the seaside. " * 90}, "at most 300 characters (it has 2069)"),
            ({"words": "\x07"}, "Please leave out what is no letter of a text."),
            ({"version": "x"}, "Enter a whole number."),
        ],
    )
    def test_says_what_is_wrong_and_keeps_what_is_typed(
        self, desk: Client, said: dict[str, str], words: str
    ):
        answer = desk.post(SHOP, form(announcement="Typed for long") | said)
        assert answer.status_code == 422
        assert words in words_of(answer)
        assert 'value="Typed for long"' in answer.text
        assert Shop.this().version == 0

    @pytest.mark.once
    def test_asks_for_the_file_again_if_something_else_was_wrong(self, desk: Client):
        answer = desk.post(SHOP, form(phone="call me", new_logo=upload(plain(RED, (90, 90)))))
        assert "Please choose the file once more" in answer.text
        assert not LogoFile.objects.exists()

    @pytest.mark.once
    def test_shows_a_shop_open_whose_day_has_come(self, desk: Client):
        shop_says(state="closed", until="2020-01-01")
        assert re.search(r'value="open"[^>]* checked', desk.get(SHOP).text)
        assert desk.post(SHOP, form(name="Tea")).status_code == 303
        assert Shop.this().state == "open"


class TestTwoMerchants:
    def test_lose_nothing_of_each_others_in_silence(self, desk: Client):
        mine = form(name="Mine", new_logo=upload(plain(RED, (90, 90))))
        assert desk.post(SHOP, form(name="Theirs", phone="+43 316 1234")).status_code == 303
        late = desk.post(SHOP, mine)
        assert late.status_code == 409
        assert (Shop.this().name, LogoFile.objects.count()) == ("Theirs", 0)
        assert "Name: Theirs" in words_of(late)
        assert "Phone: +43 316 1234" in words_of(late)
        assert "Please choose the file once more" in late.text
        assert 'value="Mine"' in late.text
        [version] = re.findall(r'name="version" value="(\d+)"', late.text)
        assert desk.post(SHOP, mine | {"version": version, "new_logo": ""}).status_code == 303
        assert Shop.this().name == "Mine"

    @pytest.mark.parametrize("seen", ["", "-1", str(10**30)])
    def test_are_two_even_if_the_form_does_not_say_what_it_has_seen(self, desk: Client, seen: str):
        assert desk.post(SHOP, form(name="Mine", version=seen)).status_code == 409


class TestTheLogo:
    def sends(self, desk: Client, image: Image.Image, kind: str = "PNG") -> str:
        """Upload it; return where the icon is."""
        assert desk.post(SHOP, form(new_logo=upload(image, kind))).status_code == 303
        [icon] = {*FILE.findall(desk.get("/").text)}
        return str(icon)

    @pytest.mark.once
    def test_is_beside_the_name_in_the_browser_and_wherever_somebody_links_to(
        self, desk: Client, ada: Shopper
    ):
        icon = self.sends(desk, plain(RED, (400, 200)))
        share = icon.replace("icon.png", "share.jpg")
        text = ada.get("/").text
        assert f'<link rel="icon" href="{icon}" type="image/png" sizes="180x180">' in text
        assert f'<link rel="apple-touch-icon" href="{icon}">' in text
        assert f'<img src="{icon}" alt="" width="32" height="32">' in text
        assert f'property="og:image" content="http://testserver{share}"' in text
        assert "icon.svg" not in text
        assert ada.get("/favicon.ico")["Location"] == icon
        for path, kind, size in ((icon, "PNG", (180, 180)), (share, "JPEG", (1200, 630))):
            answer = ada.get(path)
            assert "immutable" in answer["Cache-Control"]
            with Image.open(BytesIO(answer.content)) as image:
                assert (image.format, image.size) == (kind, size)
        assert ada.get(icon, **{"If-None-Match": answer["ETag"]}).status_code == 200
        assert ada.get(share, **{"If-None-Match": answer["ETag"]}).status_code == 304

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("ink", "ground"), [((0, 0, 0, 255), (255, 255, 255)), ((255, 255, 255, 255), (0, 0, 0))]
    )
    def test_is_seen_on_any_page_when_it_is_cut_out(
        self, desk: Client, ada: Shopper, ink: Any, ground: Any
    ):
        image = plain(CLEAR, (200, 200), "RGBA")
        image.paste(ink, (80, 80, 120, 120))
        with Image.open(BytesIO(ada.get(self.sends(desk, image)).content)) as icon:
            assert icon.getpixel((0, 0)) == ground

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a photograph"),
            (file_of(plain(RED, (20, 20)), "PNG").getvalue(), "is too small: a logo needs 64"),
            (file_of(plain(RED, (800, 800))).getvalue()[:-900], "is broken or not complete"),
        ],
    )
    def test_is_refused_in_words(self, desk: Client, body: bytes, words: str):
        answer = desk.post(SHOP, form(new_logo=SimpleUploadedFile("logo.png", body)))
        assert answer.status_code == 422
        assert f"logo.png {words}" in words_of(answer).replace("\u2068", "").replace("\u2069", "")

    def test_of_before_is_there_for_pages_that_still_show_it(self, desk: Client, ada: Shopper):
        icons = [self.sends(desk, plain(colour, (90, 90))) for colour in (RED, BLUE, 0)]
        assert [ada.get(icon).status_code for icon in icons] == [404, 200, 200]

    @pytest.mark.once
    def test_can_be_removed(self, desk: Client, ada: Shopper):
        self.sends(desk, plain(RED, (90, 90)))
        assert desk.post(SHOP, form(no_logo="on")).status_code == 303
        assert not FILE.search(ada.get("/").text)
        assert "no_logo" not in desk.get(SHOP).text

    @pytest.mark.parametrize("name", ["x", "x-icon.png", "-share.jpg", "%00-icon.png"])
    def test_of_no_such_name_is_not_there(self, ada: Shopper, name: str):
        assert ada.get(f"/pictures/{name}").status_code == 404


@pytest.mark.once
@pytest.mark.parametrize(
    ("accent", "words"),
    [
        ("", "Buttons have #165c6b with white words (7.6 to 1). On a dark page"),
        ("#FD0", "Buttons have #ffdd00 with black words (15.6 to 1). On a light page"),
        ("#777777", "with black words (4.7 to 1)."),
    ],
)
def test_the_colour_says_where_it_is_hard_to_read(accent: str, words: str):
    assert words in about_colour(accent)
    assert "shade of it there." in about_colour(accent)


@pytest.mark.once
def test_a_new_colour_is_told_about(desk: Client):
    desk.post(SHOP, form(accent="#FFDD00"))
    assert Shop.this().accent == "#ffdd00"
    assert desk.get(SHOP).text.count("with black words (15.6 to 1)") == 2
