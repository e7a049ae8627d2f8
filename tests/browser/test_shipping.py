"""An order on its whole way: to a country, by a way, paid, packed, shipped, and followed."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewShopper
from tests.browser.merchant import Merchant
from tests.browser.shopper import WAYS, Shopper
from tests.browser.test_purchases import fits
from tools.stripe_stand_in import StandIn

ADDRESS = ("Ada Lovelace", "1 Example Street", "12345 Example", "Austria")


@pytest.mark.parametrize(("width", "scripts"), WAYS)
def test_an_order_is_shipped_in_three_clicks_and_its_shopper_reads_of_it(
    new_shopper: NewShopper, merchant: Merchant, stripe: StandIn, width: int, scripts: bool
):
    viewport = {"width": width, "height": 740}
    ada = new_shopper(viewport=viewport, java_script_enabled=scripts)
    desk = ada.opens_another_tab().page
    merchant.opens_the_desk(desk)
    merchant.sends_two_ways()
    buys_by_express(ada, scripts)
    ada.page.get_by_role("link", name="View receipt").click()
    for line in (*ADDRESS, "Express", "$12.90", "$42.89"):
        expect(ada.page.get_by_role("article")).to_contain_text(line)
    desk.reload()
    desk.get_by_role("link", name="To ship", exact=True).click()
    prints_a_slip(desk)
    desk.get_by_role("link", name="To ship", exact=True).click()
    ships(desk)
    ada.page.reload()
    reads(ada)
    ada.visits("/orders/")
    reads(ada)


def buys_by_express(ada: Shopper, scripts: bool) -> None:
    """A mouse to Austria, where the way is chosen that costs more."""
    ada.visits("/products/mouse/")
    ada.plus("Mouse").click()
    ada.page.get_by_label("Deliver to").select_option("AT")
    if not scripts:
        ada.page.get_by_role("button", name="Update the country").click()
    expect(ada.cart).to_contain_text("Delivery to Austria")
    expect(ada.total).to_have_text("$34.89")
    ada.page.get_by_role("radio", name=re.compile("^Express")).check()
    if not scripts:
        ada.page.get_by_role("button", name="Update the way").click()
    expect(ada.total).to_have_text("$42.89")
    ada.goes_to_stripe()
    ada.presses("Pay")
    ada.sees_order("PAID")


def prints_a_slip(desk: Page) -> None:
    desk.get_by_role("checkbox").check()
    desk.get_by_role("button", name="Print packing slips").click()
    slip = desk.get_by_role("article")
    for words in (*ADDRESS, "Mouse", "Express", "$42.89"):
        expect(slip).to_contain_text(words)
    fits(desk)
    desk.emulate_media(media="print")
    expect(desk.get_by_role("navigation")).to_be_hidden()
    expect(slip).to_be_visible()
    desk.emulate_media(media="screen")
    desk.get_by_role("link", name="Without prices").click()
    expect(slip).to_contain_text("Express")
    expect(slip).not_to_contain_text("$")


def ships(desk: Page) -> None:
    """One click, besides the one that leads to the list."""
    expect(desk.locator(".pack")).to_have_text("1 × Mouse")
    for line in (*ADDRESS, "By Express", "$42.89"):
        expect(desk.locator(".shipment")).to_contain_text(line)
    fits(desk)
    desk.get_by_label("Carrier").fill("DHL")
    desk.get_by_label("Tracking number").fill("0034")
    desk.get_by_role("button", name=re.compile("^Mark as shipped .")).click()
    expect(desk.get_by_role("status")).to_contain_text("is marked as shipped")
    expect(desk.get_by_text("No order waits to be shipped.")).to_be_visible()
    fits(desk)


def reads(ada: Shopper) -> None:
    expect(ada.page.locator(".shipped")).to_have_text(re.compile(r"^Shipped .*, DHL 0034$"))
    fits(ada.page)
