"""The merchant looks at the year's money and takes its files along."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewShopper
from tests.browser.console import Console
from tests.browser.merchant import Merchant
from tests.browser.shopper import WAYS
from tests.browser.test_every_page import looks_well
from tests.browser.test_purchases import fits


@pytest.mark.parametrize(("width", "scripts"), WAYS)
def test_a_year_is_seen_and_exported(
    new_shopper: NewShopper,
    merchant: Merchant,
    console: Console,
    width: int,
    scripts: bool,
):
    viewport = {"width": width, "height": 740}
    desk = new_shopper(viewport=viewport, java_script_enabled=scripts).page
    merchant.opens_the_desk(desk)
    merchant.has_sold_nothing()
    merchant.has_sold_abroad()
    desk.get_by_role("link", name="Money", exact=True).click()
    expect(desk.get_by_role("row", name="All year").first).to_contain_text("€2.05 + $1.17")
    expect(desk.get_by_role("row", name="Austria").first).to_contain_text("$40.00")
    fits(desk)
    if scripts:  # axe is one
        looks_well(desk)
    first, last = desk.get_by_label("From"), desk.get_by_label("To")
    first.fill("2026-03-31")
    last.fill("2026-03-01")
    console.expect_status(400)
    desk.get_by_role("button", name="Refunds").click()
    expect(desk.get_by_text("That is before the first day.")).to_be_visible()
    expect(first).to_have_value("2026-03-31")
    fits(desk)
    last.fill("2026-04-30")
    with desk.expect_download() as download:
        desk.get_by_role("button", name="Refunds").click()
    assert download.value.suggested_filename == "refunds-2026-03-31-2026-04-30.csv"
    assert Path(download.value.path()).read_bytes().startswith(b"\xef\xbb\xbforder,date,")
    merchant.has_done_it()
