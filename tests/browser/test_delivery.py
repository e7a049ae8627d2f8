"""Where to and by which way: chosen in the cart, by mouse and keyboard, and without scripts."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewShopper, running_shop
from tests.browser.console import Console
from tests.browser.shopper import Shopper
from tests.browser.test_cart import an_answer_awaited, let_the_network_be_slow
from tests.browser.test_every_page import violations
from tests.browser.test_odd_products import at_each_width, boxes
from tests.browser.test_shop_front import SCHEMES
from tools.shop_process import ShopProcess

LONG = "Pick-up at the Donaudampfschifffahrtsgesellschaft, Landstraße"
RATES = [
    ("Parcel", "DE AT GS", 490, 9_000, 2, 4),
    ("Express", "DE AT", 1_290, None, 1, 1),
    (LONG, "DE", 0, None, None, None),
    ("Post", "*", 2_490, None, None, 21),
]
MAKE_RATES = """
from storefront.models import ShippingRate
names = ("name", "countries", "amount_cents", "free_from_cents", "days_least", "days_most")
for position, values in enumerate({rates!r}):
    ShippingRate.objects.create(position=position, **dict(zip(names, values)))
"""


@pytest.fixture(scope="module")
def delivering_shop(
    tmp_path_factory: pytest.TempPathFactory, as_in_production: dict[str, str]
) -> Iterator[ShopProcess]:
    environment = {**as_in_production, "TAX": "exclusive", "PROMOTION_CODES": "true"}
    with running_shop(tmp_path_factory.mktemp("delivering"), environment) as shop:
        shop.runs(MAKE_RATES.format(rates=RATES))
        yield shop


@pytest.fixture
def shop(delivering_shop: ShopProcess) -> ShopProcess:
    return delivering_shop


@pytest.fixture
def ada(ada: Shopper) -> Shopper:
    return with_two_mice(ada)


def with_two_mice(ada: Shopper) -> Shopper:
    ada.visits()
    ada.plus("Mouse").click()
    expect(ada.total).to_have_text("$34.89")
    ada.plus("Mouse").click()
    expect(ada.total).to_have_text("$64.88")
    return ada


def country(ada: Shopper) -> Locator:
    return ada.page.get_by_label("Deliver to")


def way(ada: Shopper, name: str) -> Locator:
    return ada.page.get_by_role("radio", name=re.compile(f"^{name}"))


@pytest.mark.parametrize(
    ("path", "width", "scripts"),
    [("/", 360, True), ("/cart/", 1280, False)],
    ids=["on a phone", "without scripts"],
)
def test_country_and_way_are_chosen_by_keyboard_and_remembered(
    new_shopper: NewShopper, path: str, width: int, scripts: bool
):
    viewport = {"width": width, "height": 800}
    ada = with_two_mice(new_shopper(viewport=viewport, java_script_enabled=scripts))
    ada.visits(path)
    country(ada).focus()
    ada.page.keyboard.press("ArrowDown")
    if not scripts:
        ada.page.keyboard.press("Tab")
        ada.page.keyboard.press("Enter")
    expect(ada.cart).to_contain_text("Delivery to Austria")
    expect(ada.total).to_have_text("$64.88")
    expect(way(ada, "Pick-up")).to_have_count(0)
    way(ada, "Parcel").focus()
    ada.page.keyboard.press("ArrowDown")
    if not scripts:
        ada.page.keyboard.press("Enter")
    expect(ada.total).to_have_text("$72.88")
    expect(way(ada, "Express")).to_be_checked()
    if not scripts:
        expect(country(ada)).to_be_in_viewport()
    ada.visits("/products/mouse/")
    expect(ada.page.locator("#product-delivery")).to_contain_text("Delivery to Austria from $4.90")
    expect(ada.total).to_have_text("$72.88")
    expect(way(ada, "Express")).to_be_checked()


class TestAChoice:
    @pytest.fixture(params=["/cart/"])
    def ada(self, ada: Shopper, request: pytest.FixtureRequest) -> Shopper:
        ada.visits(request.param)
        return ada

    @pytest.mark.parametrize("ada", ["/cart/", "/products/mouse/"], indirect=True)
    def test_leaves_the_focus_where_it_was_and_is_said_once(self, ada: Shopper):
        region = ada.announcement.element_handle()
        country(ada).focus()
        country(ada).select_option("AT")
        expect(ada.announcement).to_have_text("Delivery to Austria $4.90. Total $64.88.")
        expect(country(ada)).to_be_focused()
        way(ada, "Express").focus()
        way(ada, "Express").press("Space")
        expect(ada.announcement).to_have_text("Delivery to Austria $12.90. Total $72.88.")
        expect(way(ada, "Express")).to_be_focused()
        assert region.evaluate("node => node.isConnected")
        expect(ada.in_header).to_have_text(re.compile(r"\(2\)\s+\$72\.88"))

    @pytest.mark.parametrize("ada", ["/cart/", "/products/mouse/"], indirect=True)
    def test_moves_nothing_that_is_chosen_from(self, ada: Shopper):
        let_the_network_be_slow(ada.page, latency=50)
        for height, name, total in ((560, "Express", "$72.88"), (800, "Parcel", "$64.88")):
            ada.page.set_viewport_size({"width": 1280, "height": height})
            way(ada, name).scroll_into_view_if_needed()
            before = boxes(ada.page, "#delivery :is(select, input, label)")
            way(ada, name).check()
            expect(ada.total).to_have_text(total)
            assert boxes(ada.page, "#delivery :is(select, input, label)") == before

    @pytest.mark.parametrize("ada", ["/products/mouse/"], indirect=True)
    def test_counts_although_the_answer_to_an_earlier_change_is_awaited(self, ada: Shopper):
        with ada.sees_answers(3), an_answer_awaited(ada.page):
            ada.plus("Mouse").first.click()
            way(ada, "Express").check()
            country(ada).select_option("AT")
            ada.page.wait_for_timeout(900)
        expect(ada.cart).to_contain_text("Delivery to Austria")
        expect(ada.total).to_have_text("$102.87")
        expect(country(ada)).to_have_value("AT")
        expect(way(ada, "Express")).to_be_checked()

    def test_that_was_made_last_wins(self, ada: Shopper):
        let_the_network_be_slow(ada.page)
        country(ada).focus()
        for code in ("AT", "US", "GS", "AT", "FR"):
            country(ada).select_option(code)
            ada.page.wait_for_timeout(700)
        expect(ada.announcement).to_have_text("Delivery to France $24.90. Total $84.88.")
        expect(country(ada)).to_have_value("FR")

    def test_of_another_tab_shows_with_the_next_answer(self, ada: Shopper):
        other = ada.opens_another_tab()
        other.visits()
        country(other).select_option("AT")
        expect(other.cart).to_contain_text("Delivery to Austria")
        ada.plus("Mouse").first.click()
        expect(ada.cart).to_contain_text("Delivery to Austria")
        expect(country(ada)).to_have_value("AT")
        expect(way(ada, "Parcel")).to_be_checked()

    def test_of_what_is_gone_is_refused_in_words(
        self, ada: Shopper, shop: ShopProcess, console: Console
    ):
        console.expect_status(422)
        change = "from storefront.models import ShippingRate as R; R.objects.filter(name='Express')"
        shop.runs(f"{change}.update(is_on=False)")
        try:
            way(ada, "Express").check()
            expect(ada.alert).to_have_text(
                "This delivery is not possible to Germany. Please choose again."
            )
            expect(way(ada, "Parcel")).to_be_checked()
            expect(way(ada, "Express")).to_have_count(0)
            expect(ada.total).to_have_text("$64.88")
        finally:
            shop.runs(f"{change}.update(is_on=True)")


class TestTheCartPage:
    @pytest.fixture
    def ada(self, ada: Shopper) -> Shopper:
        ada.visits("/cart/")
        return ada

    def test_keeps_what_is_typed_in_a_field_while_the_country_changes(self, ada: Shopper):
        field = ada.quantity_of("Mouse")
        with an_answer_awaited(ada.page):
            country(ada).select_option("AT")
            ada.page.wait_for_timeout(900)
            field.fill("7")
        expect(ada.cart).to_contain_text("Delivery to Austria")
        expect(field).to_have_value("7")
        expect(field).to_be_focused()

    def test_stands_as_the_shop_knows_it_after_a_reload(self, ada: Shopper):
        """A browser would show again what was chosen there, but the sums are the shop's."""
        ada.page.route("**/cart/delivery/", lambda route: route.abort())
        country(ada).select_option("AT")
        ada.page.reload()
        expect(country(ada)).to_have_value("DE")


@pytest.mark.parametrize("path", ["/cart/", "/products/mouse/"])
def test_it_fits_and_is_accessible_with_the_longest_names(ada: Shopper, path: str):
    for code, name in (("DE", "Germany"), ("GS", "South Georgia")):
        country(ada).select_option(code)
        expect(ada.cart).to_contain_text(name)
        ada.visits(path)
        for width in at_each_width(ada.page):
            ways = boxes(ada.page, ".delivery-way, select")
            assert min(box["height"] for box in ways) >= 44, width
        for scheme in SCHEMES:
            ada.page.emulate_media(color_scheme=scheme)
            assert violations(ada.page) == []
