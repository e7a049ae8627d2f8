"""A shopper who is quicker than the shop allows."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewShopper, running_shop
from tests.browser.console import Console
from tests.browser.shopper import Shopper
from tools.shop_process import ShopProcess

BUDGET = 3
# The minute may end while the budget is being used up; it does not end twice.
CLICKS = 2 * BUDGET + 2


@pytest.fixture(scope="module")
def strict_shop(
    tmp_path_factory: pytest.TempPathFactory, as_in_production: dict[str, str]
) -> Iterator[ShopProcess]:
    environment = {**as_in_production, "CHANGES_PER_MINUTE": str(BUDGET)}
    with running_shop(tmp_path_factory.mktemp("strict"), environment) as shop:
        yield shop


@pytest.fixture
def shop(strict_shop: ShopProcess) -> ShopProcess:
    return strict_shop


def clicks_until_refused(ada: Shopper, refusal: Locator) -> None:
    for _ in range(CLICKS):
        with ada.page.expect_response("**/cart/*/") as answer:
            ada.plus("Mouse").click()
        if answer.value.status == 429:
            break
    expect(refusal).to_contain_text("Please go on in")


def test_reads_that_nothing_was_changed_and_the_page_goes_on(ada: Shopper, console: Console):
    console.expect_status(429)
    ada.visits()
    refusal = ada.alert.filter(has_text="Nothing was changed")
    for _ in range(2):  # the minute may end before the last change, but not twice
        clicks_until_refused(ada, refusal)
        quantity, total = ada.quantity_of("Mouse").input_value(), ada.total.inner_text()
        ada.page.evaluate("document.querySelector('#cart').dataset.shown = 'before'")
        # Typed and not taken, so the page shows again what is in the cart.
        with ada.page.expect_response("**/cart/*/") as answer:
            ada.wants(50, "Mouse")
        if answer.value.status == 429:
            break
    expect(ada.cart).not_to_have_attribute("data-shown", "before")
    expect(refusal).to_have_count(0)
    expect(ada.quantity_of("Mouse")).to_have_value(quantity)
    expect(ada.total).to_have_text(total)


def test_reads_it_on_a_page_where_scripts_are_off(new_shopper: NewShopper, console: Console):
    console.expect_status(429)
    bo = new_shopper(java_script_enabled=False)
    bo.visits()
    for _ in range(CLICKS):
        with bo.page.expect_navigation():  # or the heading might be the old page's
            bo.plus("Mouse").click()
        if bo.page.get_by_role("heading", level=1).inner_text() == "That was too quick":
            break
    expect(bo.page.get_by_text("Nothing was changed")).to_be_visible()
    bo.page.get_by_role("link", name="Back to the shop").click()
    expect(bo.cart).to_contain_text("Mouse")
