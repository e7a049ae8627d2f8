"""The merchant gives the shop its name, logo and colour, and closes it for the holidays."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewShopper, running_shop
from tests.browser.console import Console
from tests.browser.merchant import Merchant
from tests.browser.shopper import WAYS
from tests.browser.test_every_page import looks_well
from tests.browser.test_purchases import fits
from tests.cast import file_of, plain
from tools.shop_process import ShopProcess

UNTIL = f"{timezone.now() + timedelta(days=30):%Y-%m-%d}"
LOGO = {"name": "logo.png", "mimeType": "image/png"}


@pytest.fixture(scope="module")
def own_shop(
    tmp_path_factory: pytest.TempPathFactory, as_in_production: dict[str, str]
) -> Iterator[ShopProcess]:
    folder = tmp_path_factory.mktemp("own")
    with running_shop(folder, {**as_in_production, "SHOP_DESCRIPTION": "Teas."}) as shop:
        yield shop


@pytest.fixture
def shop(own_shop: ShopProcess) -> ShopProcess:
    return own_shop


@pytest.mark.parametrize(("width", "scripts"), WAYS)
def test_is_filled_in_and_shoppers_see_it(
    new_shopper: NewShopper,
    merchant: Merchant,
    console: Console,
    width: int,
    scripts: bool,
):
    viewport = {"width": width, "height": 740}
    ada = new_shopper(viewport=viewport, java_script_enabled=scripts)
    desk = ada.opens_another_tab().page
    merchant.opens_the_desk(desk)
    desk.get_by_role("link", name="Shop", exact=True).click()
    expect(desk.get_by_label("One line about the shop")).to_be_disabled()
    expect(desk.get_by_text("Set by SHOP_DESCRIPTION.")).to_be_visible()
    desk.get_by_label("Name", exact=True).fill(f"Tea & Co {width}")
    desk.get_by_label("Colour", exact=True).fill("#ffdd00")
    logo = {**LOGO, "buffer": file_of(plain((width % 256, 0, 0), (90, 90)), "PNG").getvalue()}
    desk.get_by_label("Logo", exact=True).set_input_files(logo)  # type: ignore[arg-type]
    saves(desk, "Saved.")
    fits_and_looks_well(desk, scripts)
    ada.visits()
    expect(ada.page.locator(".brand")).to_have_text(f"Tea & Co {width}")
    assert ada.page.locator(".brand img").evaluate("image => image.naturalWidth") == 180
    closes(desk)
    console.expect_status(422)
    ada.visits("/products/laptop/")
    expect(ada.page.get_by_role("complementary", name="Open or closed")).to_contain_text(
        "By the sea."
    )
    expect(ada.page.get_by_role("button", name="Add to cart")).to_have_count(0)
    fits_and_looks_well(ada.page, scripts)
    desk.get_by_label("Open", exact=True).check()
    saves(desk, "Saved.")
    ada.visits("/products/laptop/")
    expect(ada.page.get_by_role("button", name="Add to cart").first).to_be_visible()


def closes(desk: Page) -> None:
    desk.get_by_label("Closed until a date").check()
    desk.get_by_label("In your words").fill("By the sea.")
    desk.get_by_label("Date", exact=True).fill("2020-01-01")
    saves(desk, "This day has come already.")
    desk.get_by_label("Date", exact=True).fill(UNTIL)
    saves(desk, "Saved.")


def saves(desk: Page, words: str) -> None:
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_text(words)).to_be_visible()


def fits_and_looks_well(page: Page, scripts: bool) -> None:
    fits(page)
    if scripts:  # axe is one
        looks_well(page)
