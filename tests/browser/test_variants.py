"""From a search to the receipt of a product of several kinds."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewShopper
from tests.browser.merchant import Merchant
from tests.browser.shopper import WAYS
from tools.stripe_stand_in import StandIn


@pytest.mark.parametrize(("width", "scripts"), WAYS)
def test_a_kind_is_found_chosen_changed_and_bought_by_keyboard(
    new_shopper: NewShopper, stripe: StandIn, merchant: Merchant, width: int, scripts: bool
):
    viewport = {"width": width, "height": 800}
    ada = new_shopper(viewport=viewport, java_script_enabled=scripts)
    merchant.sells_two_kinds_of_a_lamp()
    ada.visits()
    search = ada.page.get_by_role("searchbox")
    search.press_sequentially("LÁMP")
    search.press("Enter")
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("1 product for “LÁMP”")
    card = ada.page.locator(".product", has_text="Lamp")
    expect(card).to_contain_text("from $40.00")
    card.get_by_role("link", name="Choose").press("Enter")
    kinds = ada.page.get_by_role("navigation", name="Choose a kind")
    expect(kinds.get_by_role("link")).to_have_text([re.compile("brass.*Sold out"), "steel $45.00"])
    kinds.get_by_role("link", name="steel").press("Enter")
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("Lamp, steel")
    current = ada.page.locator(".kinds [aria-current]")
    expect(current).to_have_text("steel")
    ada.page.locator("article button[name=step][value='1']").first.press("Enter")
    expect(ada.total).to_have_text("$45.00")
    expect(ada.cart).to_contain_text("Lamp, steel")
    ada.page.get_by_role("link", name="Go to cart").press("Enter")
    expect(ada.page.get_by_role("heading", level=1)).to_have_text("Your cart")
    ada.plus("Lamp, steel").press("Enter")
    expect(ada.total).to_have_text("$90.00")
    expect(ada.in_header).to_have_text(re.compile(r"^Cart \(2\)"))
    ada.goes_to_stripe()
    expect(ada.page.locator("body")).to_contain_text("Lamp, steel")
    ada.presses("Pay")
    if scripts:
        ada.sees_order("PAID")
    else:
        ada.visits(f"/?{ada.page.url.partition('?')[2]}")
    words = ada.page.locator(".after-payment")
    link = words.get_by_role("link", name="https://lamps.example/steel")
    expect(link).to_have_attribute("href", "https://lamps.example/steel")
    expect(ada.page.get_by_role("heading", level=1).first).to_contain_text("is paid")
    ada.page.get_by_role("link", name="A private link").press("Enter")
    expect(ada.page).to_have_url(re.compile(r"/orders/.+/#order-link$"))
    expect(ada.page).to_have_title(re.compile(r"^Thank you, order \S+ is paid · "))
    expect(link).to_be_visible()
