"""The main pages look, and read to a screen reader, as they did when a person looked last.

Of each page `main` is compared, and the frame around it once, so that a change of the header or
the footer fails the tests of the frame alone.

`RETAKE=1 .venv/bin/python -m pytest tests/browser/test_looks.py` takes pictures and outlines
anew, `python -m tools.pictures` those of the README. Look at what has changed before you commit.
"""

import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Locator, Page

from tests.browser import test_every_page as pages
from tests.browser.conftest import NewShopper
from tests.browser.console import Console
from tests.browser.merchant import Merchant
from tests.browser.shopper import Shopper
from tests.browser.test_every_page import PAGES, Visit
from tools import pictures
from tools.shop_process import PROJECT, ShopProcess
from tools.stripe_stand_in import StandIn

Reach = Callable[[Visit], None]

HERE = Path(__file__).parent
OUTLINES, PICTURES = HERE / "outlines", HERE / "pictures"
SEEN = PROJECT / "test-results" / "pictures"
RETAKE = "RETAKE" in os.environ
HOW = "If it is meant: RETAKE=1 .venv/bin/python -m pytest tests/browser/test_looks.py"

OUTLINED: list[Reach] = [
    pages.home,
    pages.home_with_a_cart,
    pages.home_with_a_bad_quantity,
    pages.home_with_a_refused_purchase,
    pages.removed_with_undo,
    pages.cart_with_a_new_price,
    pages.product_page,
    pages.cart_page,
    pages.cart_page_without_anything,
    pages.returned_and_waiting,
    pages.returned_and_paid,
    pages.canceled,
    pages.failed_at_the_bank,
    pages.no_orders,
    pages.order_that_is_paid,
    pages.order_that_waits_to_be_sent,
    pages.order_with_a_private_link,
    pages.receipt_by_its_link,
    pages.no_such_page,
]
PICTURED: list[Reach] = [
    pages.home,
    pages.product_page,
    pages.home_with_a_cart,
    pages.cart_page,
    pages.order_that_is_paid,
    pages.order_that_waits_to_be_sent,
    pages.no_such_page,
]
# The layout goes by the width alone and the colours by the scheme alone.
SCREENS = [(360, "dark"), (1280, "light")]

# How many times smaller a picture is kept, how many of its points may differ, and by how much
# of 255 one must to count. The same page again differs in five at most, a word in 150.
SMALLER, POINTS, VISIBLE = 2, 100, 32

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ADDRESS = re.compile(r"(http|mailto):\S+")
WITHOUT_ITS_FRAME = "document.querySelectorAll('body > :not(main)').forEach(node => node.remove())"
WITHOUT_ITS_MAIN = "document.querySelector('main').replaceChildren()"
# Lines break elsewhere in another font.
WIDTH_OF_WORDS = """() => {
    const words = document.createElement("span");
    words.textContent = "Thirteen inches, a quiet keyboard and a battery for the whole day.";
    words.style.cssText = "position: absolute; white-space: nowrap";
    document.body.append(words);
    const { width } = words.getBoundingClientRect();
    words.remove();
    return width;
}"""
WIDTH_IN_DEJAVU_SANS = 530.75


@pytest.fixture
def ada(new_shopper: NewShopper) -> Shopper:
    return new_shopper(reduced_motion="reduce", viewport={"width": 1280, "height": 800})


@pytest.fixture
def visit(ada: Shopper, stripe: StandIn, merchant: Merchant) -> Visit:
    return Visit(ada, stripe, merchant)


@pytest.fixture
def reached(request: pytest.FixtureRequest, visit: Visit, console: Console) -> tuple[str, Page]:
    reach: Reach = request.param
    if status := PAGES[reach]:
        console.expect_status(status)
    reach(visit)
    visit.ada.page.evaluate(pictures.HOLD_STILL)
    return name_of(reach), visit.ada.page


def name_of(reach: Reach) -> str:
    return reach.__name__.replace("_", "-")


@pytest.mark.parametrize("reached", OUTLINED, indirect=True, ids=name_of)
def test_what_a_screen_reader_finds_is_as_it_was(reached: tuple[str, Page]):
    name, page = reached
    reads_as_it_did(name, page.locator("main"))


def reads_as_it_did(name: str, part: Locator) -> None:
    file = OUTLINES / f"{name}.yml"
    outline = outline_of(part)
    if RETAKE:
        file.write_text(outline)
    assert outline == file.read_text(), HOW


def outline_of(part: Locator) -> str:
    """The aria snapshot, without the addresses of one order."""
    return UUID.sub("ID", ADDRESS.sub(r"\1:…", part.aria_snapshot())) + "\n"


@pytest.mark.parametrize("reached", PICTURED, indirect=True, ids=name_of)
def test_what_a_shopper_sees_is_as_it_was(reached: tuple[str, Page]):
    name, page = reached
    page.evaluate(WITHOUT_ITS_FRAME)
    looks_as_it_did(name, page)


def looks_as_it_did(name: str, page: Page) -> None:
    only_in_the_font_of_the_pictures(page)
    files = [(PICTURES / f"{name}-{width}.webp", width, scheme) for width, scheme in SCREENS]
    changes = [change_since(file, picture_of(page, width, scheme)) for file, width, scheme in files]
    assert not any(changes), f"{changes}\n{HOW}"


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


@pytest.mark.parametrize(
    "mistake",
    [
        "document.querySelector('.product').remove()",
        "document.querySelector('.product-name').style.display = 'none'",
        "document.querySelector('.product-price').style.fontSize = '2rem'",
        "document.querySelector('main').style.marginBlockStart = '2rem'",
    ],
)
def test_a_change_would_be_noticed(visit: Visit, mistake: str):
    pages.home(visit)
    page = visit.ada.page
    page.evaluate(WITHOUT_ITS_FRAME)
    is_noticed(page, "home", mistake)


def is_noticed(page: Page, name: str, mistake: str) -> None:
    only_in_the_font_of_the_pictures(page)
    page.evaluate(mistake)
    picture = picture_of(page, *SCREENS[-1])
    assert change_since(PICTURES / f"{name}-{SCREENS[-1][0]}.webp", picture, keep=False)


def test_the_pictures_of_the_readme_are_of_this_shop(
    browser: Browser, page: Page, tmp_path: Path, as_in_production: dict[str, str]
):
    with pictures.shop_for_the_home(tmp_path, points=1, **as_in_production) as shop:
        page.goto(shop.url)
        only_in_the_font_of_the_pictures(page)
        taken = pictures.take(browser, shop.url)
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


def only_in_the_font_of_the_pictures(page: Page) -> None:
    width = page.evaluate(WIDTH_OF_WORDS)
    if abs(width - WIDTH_IN_DEJAVU_SANS) > 1:
        pytest.skip(f"The pictures are set in DejaVu Sans; this machine's font is not ({width}).")


def picture_of(page: Page, width: int, scheme: str) -> Image.Image:
    """The whole page, small enough to keep, and blind to single points."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    shot = page.screenshot(full_page=True, animations="disabled")
    with Image.open(io.BytesIO(shot)) as picture:
        return picture.convert("RGB").reduce(SMALLER)


def change_since(file: Path, picture: Image.Image, *, keep: bool = RETAKE) -> str:
    """How the picture differs from the one that was kept; nothing if the eye sees no change."""
    if keep:
        picture.save(file, quality=75, method=6)
    with Image.open(file) as kept:
        before = kept.convert("RGB")
    if before.size != picture.size:
        change = f"{file.stem} measures {picture.size}, not {before.size}"
    else:
        differences = ImageChops.difference(before, picture).convert("L").histogram()
        points = sum(differences[VISIBLE:])
        change = f"{file.stem} differs in {points} points" if points > POINTS else ""
    if change:
        SEEN.mkdir(parents=True, exist_ok=True)
        picture.save(SEEN / f"{file.stem}.png")
        change += f"; see {SEEN / file.stem}.png"
    return change
