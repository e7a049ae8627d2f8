"""The live cart: every way to change it moves the totals, and none is lost."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from storefront.cart import LONGEST_TYPED
from tests.browser.conftest import NewShopper
from tests.browser.console import Console
from tests.browser.shopper import WAYS, Shopper
from tools.shop_process import ShopProcess


@pytest.fixture
def shop(demo_shop: ShopProcess) -> ShopProcess:
    return demo_shop


@pytest.fixture
def ada(ada: Shopper) -> Shopper:
    ada.visits()
    return ada


def let_the_network_be_slow(page: Page, latency: int = 200) -> None:
    """Each answer takes so many milliseconds, so that clicks come faster than answers."""
    conditions = {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {**conditions, "latency": latency})


class TestChangingTheCart:
    def test_plus_and_minus_move_the_totals_until_the_cart_is_empty(self, ada: Shopper):
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$29.99")
        expect(ada.buy).to_be_enabled()
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$59.98")
        expect(ada.cart).to_contain_text("2 × $29.99")
        ada.minus("Mouse").click()
        expect(ada.total).to_have_text("$29.99")
        expect(ada.quantity_of("Mouse")).to_have_value("1")
        ada.minus("Mouse").click()
        expect(ada.total).to_have_text("$0.00")
        expect(ada.buy).to_be_disabled()

    def test_a_typed_amount_counts_when_the_field_is_left_at_enter_and_at_plus(self, ada: Shopper):
        ada.wants(3, "Laptop")
        expect(ada.total).to_have_text("$2,999.97")
        ada.quantity_of("Keyboard").fill("12")
        ada.quantity_of("Keyboard").press("Enter")
        expect(ada.total).to_have_text("$3,959.85")
        ada.quantity_of("Mouse").fill("5")
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$4,139.79")
        expect(ada.quantity_of("Mouse")).to_have_value("6")

    def test_enter_asks_the_shop_once(self, ada: Shopper, console: Console):
        """A second answer would overwrite the field, and the message beside it."""
        console.expect_status(422)
        let_the_network_be_slow(ada.page)
        asked: list[str] = []
        ada.page.on("request", lambda request: asked.append(request.method))
        ada.quantity_of("Mouse").fill("many")
        ada.quantity_of("Mouse").press("Enter")
        expect(ada.alert).to_be_visible()
        ada.plus("Keyboard").click()
        expect(ada.total).to_have_text("$79.99")
        assert asked == ["POST", "POST"]

    def test_remove_takes_one_product_out_and_that_is_so_after_a_reload(self, ada: Shopper):
        ada.wants(2, "Mouse")
        ada.wants(1, "Laptop")
        expect(ada.total).to_have_text("$1,059.97")
        ada.remove("Laptop").click()
        for _ in range(2):
            expect(ada.total).to_have_text("$59.98")
            expect(ada.quantity_of("Laptop")).to_have_value("0")
            expect(ada.quantity_of("Mouse")).to_have_value("2")
            ada.page.reload()

    def test_a_change_is_announced_without_replacing_the_live_region(self, ada: Shopper):
        region = ada.announcement.element_handle()
        ada.wants(2, "Mouse")
        expect(ada.announcement).to_contain_text("Total $59.98")
        assert region.evaluate("node => node.isConnected")


class TestClicksFasterThanAnswers:
    @pytest.fixture(autouse=True)
    def slow_network(self, ada: Shopper) -> None:
        let_the_network_be_slow(ada.page)

    def test_each_click_on_plus_and_minus_counts(self, ada: Shopper):
        buttons = [*[ada.plus] * 5, ada.minus]
        with ada.sees_answers(len(buttons)):
            for button in buttons:
                button("Mouse").click()
        expect(ada.total).to_have_text("$119.96")
        expect(ada.quantity_of("Mouse")).to_have_value("4")

    def test_clicks_count_when_the_focus_moves_on(self, ada: Shopper):
        with ada.sees_answers(2):
            # No finger is quicker than the ten milliseconds in which htmx hears one click only.
            ada.plus("Mouse").click(click_count=2, delay=20)
            ada.quantity_of("Keyboard").focus()
        expect(ada.quantity_of("Mouse")).to_have_value("2")

    def test_a_typed_amount_is_not_one_more_because_plus_has_the_focus_by_then(self, ada: Shopper):
        first: list[Route] = []
        ada.page.route("**/cart/**", lambda route: first.append(route), times=1)
        with ada.page.expect_request("**/cart/**"):
            ada.plus("Laptop").click()
        ada.wants(12, "Keyboard")
        expect(ada.plus("Keyboard")).to_be_focused()
        first[0].continue_()
        expect(ada.total).to_have_text("$1,959.87")
        expect(ada.quantity_of("Keyboard")).to_have_value("12")

    def test_clicks_on_two_products_and_remove_count_for_each(self, ada: Shopper):
        for product in ["Mouse", "Laptop", "Mouse", "Laptop"]:
            ada.plus(product).click()
        expect(ada.total).to_have_text("$2,059.96")
        ada.plus("Laptop").click()
        ada.remove("Mouse").click()
        expect(ada.total).to_have_text("$2,999.97")
        ada.page.reload()
        expect(ada.total).to_have_text("$2,999.97")


class TestTextTypedWhileAnAnswerIsAwaited:
    """It stays, and counts when the field is left, whatever the answer is about."""

    @pytest.fixture
    def field(self, ada: Shopper) -> Locator:
        ada.wants(2, "Mouse")
        expect(ada.total).to_have_text("$59.98")
        return ada.quantity_of("Mouse")

    @pytest.mark.parametrize(
        ("change", "text"),
        [
            (lambda ada: ada.plus("Mouse").click(), "7"),
            (lambda ada: ada.plus("Mouse").click(), ""),
            (lambda ada: ada.minus("Mouse").click(), "1x"),
            (lambda ada: ada.plus("Laptop").click(), "7"),
            (lambda ada: ada.remove("Mouse").click(), "7"),
            (lambda ada: enters(ada, "3"), "37"),
        ],
        ids=["plus", "plus-and-emptied", "minus", "of-another", "removed", "entered-before"],
    )
    def test_stays(
        self, ada: Shopper, field: Locator, change: Callable[[Shopper], None], text: str
    ):
        with an_answer_awaited(ada.page):
            change(ada)
            field.fill(text)
        expect(field).to_have_value(text)
        expect(field).to_be_focused()
        if text.isdecimal():
            with ada.sees_answers():
                field.press("Tab")
            expect(ada.cart).to_contain_text(f"{text} × $29.99")
            expect(field).to_have_value(text)

    def test_counts_although_the_field_is_left_before_the_answer(
        self, ada: Shopper, field: Locator
    ):
        with ada.sees_answers(2), an_answer_awaited(ada.page):
            ada.plus("Mouse").click()
            ada.wants(7, "Mouse")
        expect(ada.cart).to_contain_text("7 × $29.99")
        expect(field).to_have_value("7")

    def test_is_gone_on_from_by_plus_once_it_has_counted(self, ada: Shopper, field: Locator):
        with ada.sees_answers():
            enters(ada, "3")
        for quantity in (4, 5):
            ada.plus("Mouse").click()
            expect(field).to_have_value(f"{quantity}")
        with ada.sees_answers():
            enters(ada, "8")
        ada.remove("Mouse").click()
        expect(field).to_have_value("0")


@contextmanager
def an_answer_awaited(page: Page) -> Iterator[None]:
    """The first change inside is answered when this ends, and its answer shown."""
    held: list[Route] = []
    page.route("**/cart/**", lambda route: held.append(route), times=1)
    yield
    while not held:
        page.wait_for_timeout(10)
    with page.expect_response("**/cart/**"):
        held[0].continue_()
    page.wait_for_timeout(50)


def enters(ada: Shopper, quantity: str) -> None:
    ada.quantity_of("Mouse").fill(quantity)
    ada.quantity_of("Mouse").press("Enter")


class TestABadQuantity:
    @pytest.fixture(autouse=True)
    def two_mice(self, ada: Shopper, console: Console) -> None:
        console.expect_status(422)
        ada.wants(2, "Mouse")
        expect(ada.total).to_have_text("$59.98")

    def test_is_refused_beside_the_field_where_it_can_be_mended(self, ada: Shopper):
        for quantity in ("-3", "1000", "two", "1.5", "٣", "", "9" * 400):
            with ada.sees_answers():
                ada.wants(quantity, "Mouse")
            expect(ada.alert).to_be_visible()
            expect(ada.quantity_of("Mouse")).to_have_value(quantity[:LONGEST_TYPED])
            expect(ada.total).to_have_text("$59.98")

    def test_is_announced_with_its_field_and_forgotten_with_the_next_good_one(self, ada: Shopper):
        ada.wants("many", "Mouse")
        field = ada.quantity_of("Mouse")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description("Please enter a whole number from 0 to 999.")
        expect(ada.alert).to_have_text("Please enter a whole number from 0 to 999.")
        ada.wants(3, "Mouse")
        expect(ada.alert).to_have_count(0)
        expect(ada.total).to_have_text("$89.97")
        expect(field).not_to_have_attribute("aria-invalid", "true")


class TestWithTheKeyboardAlone:
    def press_tab_until(self, ada: Shopper, name: str) -> None:
        """Tab through the page, as long as it takes but not for ever."""
        focused = ada.page.locator(":focus")
        for _ in range(60):
            ada.page.keyboard.press("Tab")
            said = focused.get_attribute("aria-label") or focused.inner_text()
            if name in " ".join(said.split()):
                return
        raise AssertionError(f"Tab never reaches {name}")

    def test_enter_counts_the_focus_stays_and_an_order_can_be_placed(self, ada: Shopper):
        ada.quantity_of("Mouse").focus()
        ada.page.keyboard.press("ControlOrMeta+a")
        ada.page.keyboard.type("3")
        ada.page.keyboard.press("Enter")
        expect(ada.total).to_have_text("$89.97")
        expect(ada.quantity_of("Mouse")).to_be_focused()
        self.press_tab_until(ada, "Add to cart Keyboard")
        for total in ("$169.96", "$249.95"):
            ada.page.keyboard.press("Enter")
            expect(ada.total).to_have_text(total)
            expect(ada.plus("Keyboard")).to_be_focused()
        self.press_tab_until(ada, "Buy for $249.95")
        ada.page.keyboard.press("Enter")
        ada.sees_order("PAID")


class TestAddToCart:
    def test_becomes_the_stepper_and_says_so_once(self, ada: Shopper):
        words = ada.announcement.element_handle()
        expect(ada.minus("Mouse")).to_be_hidden()
        ada.page.get_by_role("button", name="Add to cart Mouse").press("Enter")
        expect(ada.minus("Mouse")).to_be_visible()
        expect(ada.page.get_by_role("button", name="One Mouse more")).to_be_focused()
        expect(ada.in_header).to_have_text(re.compile(r"^Cart \(1\)\s+\$29\.99$"))
        assert words.inner_text() == "Mouse: 1 in the cart. Total $29.99."

    def test_gives_way_to_who_types_a_number(self, ada: Shopper):
        field = ada.quantity_of("Mouse")
        field.focus()
        expect(ada.page.get_by_role("button", name="One Mouse more")).to_be_visible()
        field.press("3")
        with ada.sees_answers():
            field.press("Enter")
        expect(ada.total).to_have_text(re.compile(r"\$89.97|\$899.70"))

    def test_is_at_the_foot_of_a_phone_while_it_is_out_of_view(self, ada: Shopper):
        ada.page.set_viewport_size({"width": 360, "height": 740})
        ada.visits("/products/mouse/")
        bar = ada.page.locator(".cart-bar.is-offer").get_by_role("button", name="Add to cart")
        expect(ada.plus("Mouse").first).to_be_in_viewport()
        expect(bar).to_be_hidden()
        ada.page.evaluate(LEAVE_IT_ABOVE)
        expect(bar).to_be_visible()
        bar.press("Enter")
        expect(ada.page.get_by_role("link", name="Review and pay")).to_be_focused()
        expect(ada.in_header).to_have_text(re.compile(r"^Cart \(1\)"))


# The words are longer than the screen, as they are for products that have more to tell.
LEAVE_IT_ABOVE = """() => {
    document.querySelector(".product-page-words").append("It is a good mouse. ".repeat(99));
    const { bottom } = document.querySelector(".product-page-buy").getBoundingClientRect();
    scrollTo({ top: scrollY + bottom + 60, behavior: "instant" });
}"""


class TestTheCartPage:
    @pytest.fixture
    def ada(self, ada: Shopper) -> Shopper:
        for product, quantity in (("Mouse", 2), ("Laptop", 1)):
            with ada.sees_answers():
                ada.wants(quantity, product)
        ada.in_header.click()
        expect(ada.page.get_by_role("heading", level=1)).to_have_text("Your cart")
        return ada

    @pytest.mark.parametrize(("width", "has_scripts"), WAYS)
    def test_changes_and_sells_by_the_keyboard(
        self, new_shopper: NewShopper, width: int, has_scripts: bool
    ):
        viewport = {"width": width, "height": 740}
        ada = new_shopper(viewport=viewport, java_script_enabled=has_scripts)
        ada.visits()
        ada.plus("Mouse").press("Enter")
        expect(ada.in_header).to_have_text(re.compile(r"^Cart \(1\)"))
        ada.in_header.press("Enter")
        expect(ada.page).to_have_url(f"{ada.shop.url}/cart/")
        for press, total in ((ada.plus, "$59.98"), (ada.plus, "$89.97"), (ada.minus, "$59.98")):
            press("Mouse").press("Enter")
            expect(ada.total).to_have_text(total)
            expect(press("Mouse")).to_be_in_viewport()
        ada.quantity_of("Mouse").fill("4")
        ada.quantity_of("Mouse").press("Enter")
        expect(ada.total).to_have_text("$119.96")
        ada.buy.press("Enter")
        ada.sees_order("PAID")
        expect(ada.in_header).to_have_text("Cart")
        ada.in_header.press("Enter")
        expect(ada.page.get_by_role("heading", name="New in the shop")).to_be_visible()

    def test_keeps_the_focus_on_what_was_pressed_or_leads_it_to_undo(self, ada: Shopper):
        ada.plus("Mouse").press("Enter")
        expect(ada.total).to_have_text("$1,089.96")
        expect(ada.plus("Mouse")).to_be_focused()
        ada.remove("Laptop").press("Enter")
        undo = ada.cart.get_by_role("button", name="Undo")
        expect(undo).to_be_focused()
        undo.press("Enter")
        expect(ada.remove("Laptop")).to_be_focused()
        expect(ada.total).to_have_text("$1,089.96")
        ada.minus("Laptop").press("Enter")
        expect(undo).to_be_focused()
        expect(ada.announcement).to_have_text("Laptop removed from the cart. Total $89.97.")
        expect(ada.in_header).to_have_text(re.compile(r"\(3\)\s+\$89\.97"))

    def test_loses_no_click_and_no_text_while_an_answer_is_awaited(self, ada: Shopper):
        let_the_network_be_slow(ada.page)
        with ada.sees_answers(4):
            for product in ("Mouse", "Laptop", "Mouse", "Laptop"):
                ada.plus(product).click()
        expect(ada.total).to_have_text("$3,119.93")
        with an_answer_awaited(ada.page):
            ada.plus("Mouse").click()
            ada.quantity_of("Laptop").fill("7")
        expect(ada.quantity_of("Laptop")).to_have_value("7")
        expect(ada.quantity_of("Laptop")).to_be_focused()

    def test_refuses_a_bad_quantity_beside_its_field(self, ada: Shopper, console: Console):
        console.expect_status(422)
        ada.wants("many", "Mouse")
        expect(ada.quantity_of("Mouse")).to_have_accessible_description(
            "Please enter a whole number from 0 to 999."
        )
        expect(ada.alert).to_have_count(1)

    def test_shows_what_another_tab_has_changed_with_the_next_answer(self, ada: Shopper):
        other = ada.opens_another_tab()
        other.visits()
        with other.sees_answers():
            other.wants(3, "Laptop")
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$3,089.94")
        expect(ada.quantity_of("Laptop")).to_have_value("3")
