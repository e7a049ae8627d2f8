"""What a merchant does with products, in as few clicks as it takes."""

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewShopper
from tests.browser.merchant import Merchant
from tests.browser.shopper import Shopper
from tests.browser.test_every_page import looks_well
from tests.browser.test_purchases import fits
from tests.cast import file_of, plain

LIST = "/admin/storefront/product/"


@pytest.fixture(params=[(360, True), (1280, False)], ids=["phone", "wide without scripts"])
def desk(
    request: pytest.FixtureRequest, new_shopper: NewShopper, merchant: Merchant
) -> Iterator[Page]:
    """Today, at the desk of somebody who sells a lamp."""
    width, scripts = request.param
    viewport = {"width": width, "height": 740}
    ada = new_shopper(viewport=viewport, java_script_enabled=scripts)
    merchant.sells_a_lamp(stock=3)
    merchant.opens_the_desk(ada.page)
    yield ada.page
    code = "from storefront.models import Product; Product.objects.filter(name='Mug').delete()"
    merchant.shop.runs(code)


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    file: BytesIO = file_of(plain((200, 30, 30), (800, 600)))
    path = tmp_path / "mug.jpg"
    path.write_bytes(file.getvalue())
    return path


def test_a_price_is_changed_in_two_clicks(desk: Page, merchant: Merchant):
    desk.get_by_role("link", name="Products", exact=True).click()
    desk.get_by_label("Price: Lamp").fill("35,50")
    desk.get_by_role("button", name="Save").click()
    expect(desk.get_by_text("1 product was changed successfully")).to_be_visible()
    expect(desk.get_by_label("Price: Lamp")).to_have_value("35.50")
    desk.get_by_label("Price: Lamp").fill("1,299")
    desk.get_by_label("Price: Lamp").press("Enter")
    expect(desk.get_by_text("can be read in two ways")).to_be_visible()
    expect(desk.get_by_label("Price: Lamp")).to_have_value("1,299")
    fits(desk)


def test_a_product_with_a_photograph_is_added_in_three_clicks(
    desk: Page, merchant: Merchant, photograph: Path
):
    desk.get_by_role("link", name="Products", exact=True).click()
    desk.get_by_role("link", name="Add product").click()
    desk.get_by_label("Name:", exact=True).fill("Mug")
    desk.get_by_label("Price:", exact=True).fill("12.50")
    desk.get_by_label("Add pictures").set_input_files(photograph)
    desk.get_by_label("What the new pictures show").fill("A red mug")
    desk.get_by_role("button", name="Save", exact=True).click()
    expect(desk.get_by_text("was added successfully")).to_be_visible()
    row = desk.locator("tr", has=desk.get_by_role("link", name="Mug", exact=True))
    expect(row.locator("img").first).to_have_attribute("src", re.compile("^/pictures/"))
    row.get_by_role("link", name="Mug", exact=True).click()
    expect(desk.get_by_label("What it shows")).to_have_value("A red mug")
    fits(desk)
    desk.get_by_role("button", name="Take off sale").click()
    row.get_by_role("link", name="Mug", exact=True).click()
    desk.get_by_role("button", name="See it in the shop").click()
    expect(desk.get_by_text("Hidden: shoppers don’t find this page.")).to_be_visible()
    desk.goto(f"{merchant.shop.url}{LIST}")
    for name in ("Mug", "Lamp"):
        desk.get_by_role("checkbox", name=re.compile(f"Select this .*{name}")).check()
    desk.get_by_role("combobox", name="Action").select_option("Delete")
    desk.get_by_role("button", name="Run").click()
    desk.get_by_role("button", name=re.compile("Yes")).click()
    expect(desk.get_by_text("deleted 2")).to_be_visible()


def test_every_page_is_accessible_and_fits(ada: Shopper, merchant: Merchant):
    page = ada.page
    merchant.sells_two_kinds_of_a_lamp()
    merchant.opens_the_desk(page)
    page.goto(f"{merchant.shop.url}{LIST}")
    looks_well(page)
    page.get_by_role("checkbox", name=re.compile("Select this .*brass")).check()
    page.get_by_role("combobox", name="Action").select_option("Change the price by %")
    page.get_by_role("button", name="Run").click()
    looks_well(page)
    page.get_by_label("Change by per cent").fill("-10")
    page.get_by_role("button", name="See the new prices").click()
    expect(page.get_by_text("$36.00")).to_be_visible()
    looks_well(page)
    page.get_by_role("button", name="Change these prices").click()
    expect(page.get_by_text("1 price changed.")).to_be_visible()
    page.get_by_role("link", name="Lamp", exact=True).click()
    page.get_by_text("More", exact=True).click()
    looks_well(page)
    page.get_by_label("Price:", exact=True).fill("x")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("“x” is no amount in USD")).to_be_visible()
    looks_well(page)
