"""The frame and the pictures of the README look as they did, and a change would be noticed.

What is inside the frame is compared where each page is reached: test_every_page.py.
"""

from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page

from tests.browser.conftest import NewShopper
from tests.browser.looks import (
    PICTURES,
    SCREENS,
    STILL,
    VISIBLE,
    change_since,
    looks_as_it_did,
    only_in_the_font_of_the_pictures,
    picture_of,
    reads_as_it_did,
)
from tests.browser.shopper import Shopper
from tests.browser.test_every_page import WITHOUT_ITS_FRAME
from tools import pictures
from tools.shop_process import ShopProcess

WITHOUT_ITS_MAIN = "document.querySelector('main').replaceChildren()"


@pytest.fixture
def ada(new_shopper: NewShopper) -> Shopper:
    return new_shopper(**STILL)


class TestTheFrame:
    """Header, notice of the demo, and footer."""

    @pytest.fixture
    def shop(self, demo_shop: ShopProcess) -> ShopProcess:
        return demo_shop

    @pytest.fixture
    def frame(self, ada: Shopper) -> Page:
        ada.visits()
        ada.page.evaluate(WITHOUT_ITS_MAIN)
        return ada.page

    def test_reads_to_a_screen_reader_as_it_did(self, frame: Page):
        reads_as_it_did("frame", frame.locator("body"))

    def test_looks_as_it_did(self, frame: Page):
        looks_as_it_did("frame", frame)

    def test_a_change_would_be_noticed(self, frame: Page):
        is_noticed(frame, "frame", "document.querySelector('.site-header a').style.color = '#c00'")


def test_a_change_would_be_noticed(ada: Shopper):
    for mistake in (
        "document.querySelector('.product').remove()",
        "document.querySelector('.product-name').style.display = 'none'",
        "document.querySelector('.product-price').style.fontSize = '2rem'",
        "document.querySelector('main').style.marginBlockStart = '2rem'",
    ):
        ada.visits()
        ada.page.evaluate(WITHOUT_ITS_FRAME)
        is_noticed(ada.page, "home", mistake)


def is_noticed(page: Page, name: str, mistake: str) -> None:
    only_in_the_font_of_the_pictures(page)
    page.evaluate(mistake)
    picture = picture_of(page, *SCREENS[-1])
    assert change_since(PICTURES / f"{name}-{SCREENS[-1][0]}.webp", picture, keep=False)


def test_the_pictures_of_the_readme_are_of_this_shop(
    browser: Browser, page: Page, tmp_path: Path, as_in_production: dict[str, str]
):
    with pictures.shop_for_the_home(tmp_path, points=0.25, **as_in_production) as shop:
        page.goto(shop.url)
        only_in_the_font_of_the_pictures(page)
        taken = pictures.take(browser, shop)
        changed = [name for name, picture in taken if not is_like(picture, f"{name}.webp")]
    assert changed == [], "If it is meant: .venv/bin/python -m tools.pictures"


def is_like(picture: Image.Image, file: str) -> bool:
    """Compare from afar: at two points for one, Chromium sets letters one higher now and then."""
    with Image.open(pictures.DOCS / file) as kept:
        before = kept.convert("RGB")
    if before.size != picture.size:
        return False
    difference = ImageChops.difference(before.reduce(16), picture.reduce(16)).convert("L")
    return sum(difference.histogram()[VISIBLE:]) < 8  # a word that is missing makes 14
