"""What makes the page pleasant: Undo, focus, nothing that jumps, and a network that may go."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.console import Console
from tests.browser.shopper import Shopper
from tests.browser.test_every_page import violations
from tools.shop_process import ShopProcess

OFFLINE = "ERR_INTERNET_DISCONNECTED"


@pytest.fixture
def shop(demo_shop: ShopProcess) -> ShopProcess:
    return demo_shop


@pytest.fixture
def ada(ada: Shopper) -> Shopper:
    ada.visits()
    return ada


def undo(ada: Shopper) -> Locator:
    return ada.cart.get_by_role("button", name="Undo")


class TestAProductPage:
    def test_changes_the_cart_in_place_and_takes_out_another_product(self, ada: Shopper):
        ada.wants(1, "Laptop")
        expect(ada.total).to_have_text("$999.99")
        ada.page.get_by_role("link", name="Mouse").click()
        expect(ada.page.get_by_role("heading", level=1)).to_have_text("Mouse")
        ada.plus("Mouse").click()
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$1,059.97")
        ada.remove("Laptop").click()
        expect(ada.total).to_have_text("$59.98")
        expect(ada.page).to_have_url(re.compile("/products/mouse/$"))


class TestTheMerchantsColour:
    def test_leaves_every_word_readable(self, ada: Shopper):
        ada.wants(2, "Mouse")
        expect(ada.total).to_have_text("$59.98")
        for colour in ("#ffee00", "#ffffff", "#000000", "#ff0033", "#9fd3ff"):
            ada.page.evaluate(PAINT, colour)
            for scheme in SCHEMES:
                ada.page.emulate_media(color_scheme=scheme)
                assert violations(ada.page) == [], (colour, scheme)

    def test_fills_buttons_as_it_is_with_words_that_can_be_read(self, ada: Shopper):
        ada.wants(2, "Mouse")
        expect(ada.buy).to_be_enabled()
        for scheme in SCHEMES:
            ada.page.emulate_media(color_scheme=scheme)
            shown = ada.page.evaluate(BUTTON_IN_COLOURS, COLOURS)
            assert [fill for fill, *_ in shown] == COLOURS
            for fill, words, pointed_at in shown:
                assert min(contrast(fill, words), contrast(pointed_at, words)) >= 4.5, fill
            assert dict(zip(COLOURS, shown, strict=True))["#ffd400"][1] == "#000000"


SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
PAINT = "colour => document.documentElement.style.setProperty('--brand', colour)"

# Greys around the one where black words give way to white ones, and colours of every kind.
STEPS = ["00", "33", "66", "99", "cc", "ff"]
COLOURS = ["#ffd400", *[f"#{grey:02x}{grey:02x}{grey:02x}" for grey in range(112, 124)]]
COLOURS += [f"#{red}{green}{blue}" for red in STEPS for green in STEPS for blue in STEPS]

# Buy's background and words in each colour, and the background that it has below the pointer.
BUTTON_IN_COLOURS = """colours => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const hex = colour => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const bytes = [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
        return "#" + bytes.map(byte => byte.toString(16).padStart(2, "0")).join("");
    };
    const button = document.querySelector(".buy .primary"), root = document.documentElement.style;
    return colours.map(colour => {
        root.setProperty("--brand", colour);
        const style = getComputedStyle(button);
        button.style.borderColor = "var(--brand-strong)";
        const strong = style.borderTopColor;
        button.style.borderColor = "";
        return [style.backgroundColor, style.color, strong].map(hex);
    });
}"""


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG counts it."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class TestTheFocus:
    def test_stays_on_the_button_that_was_pressed(self, ada: Shopper):
        ada.plus("Mouse").press("Enter")
        expect(ada.total).to_have_text("$29.99")
        expect(ada.plus("Mouse")).to_be_focused()
        ada.minus("Mouse").press("Enter")
        expect(ada.total).to_have_text("$0.00")
        expect(ada.minus("Mouse")).to_be_focused()

    def test_stays_in_the_field_at_enter_and_after_a_mistake(self, ada: Shopper, console: Console):
        console.expect_status(422)
        field = ada.quantity_of("Mouse")
        field.fill("2")
        field.press("Enter")
        expect(ada.total).to_have_text("$59.98")
        expect(field).to_be_focused()
        field.fill("many")
        field.press("Enter")
        expect(ada.alert).to_be_visible()
        expect(field).to_be_focused()
        expect(field).to_have_accessible_description("Please enter a whole number from 0 to 999.")

    def test_goes_from_remove_to_undo_which_puts_it_back(self, ada: Shopper):
        ada.wants(3, "Mouse")
        expect(ada.total).to_have_text("$89.97")
        ada.remove("Mouse").press("Enter")
        expect(undo(ada)).to_be_focused()
        expect(ada.announcement).to_have_text("Mouse removed from the cart. Total $0.00.")
        undo(ada).press("Enter")
        expect(ada.remove("Mouse")).to_be_focused()
        expect(ada.total).to_have_text("$89.97")
        expect(ada.quantity_of("Mouse")).to_have_value("3")
        expect(undo(ada)).to_have_count(0)


class TestThePrivateLink:
    def test_is_made_and_revoked_in_place_with_the_focus_where_one_goes_on(self, ada: Shopper):
        ada.page.set_viewport_size({"width": 360, "height": 1600})
        ada.page.emulate_media(reduced_motion="no-preference")
        ada.plus("Mouse").click()
        ada.buy.click()
        ada.page.get_by_role("link", name="View receipt").click()
        make = ada.page.get_by_role("button", name="Make a private link")
        expect(make).to_be_visible()
        with nothing_moved(ada):
            make.press("Enter")
            address = ada.page.get_by_label("Private link")
            expect(address).to_be_focused()
            expect(address).to_have_value(re.compile(r"/receipts/"))
            expect(ada.announcement).to_contain_text("link")
        with nothing_moved(ada):
            ada.page.get_by_role("button", name="Revoke the link").press("Enter")
            expect(make).to_be_focused()
            expect(ada.announcement).to_contain_text("revoked")


class TestNothingJumps:
    @pytest.mark.parametrize("width", [360, 1280])
    def test_around_the_cart_when_it_changes(self, ada: Shopper, console: Console, width: int):
        console.expect_status(422)
        ada.page.set_viewport_size({"width": width, "height": 800})
        ada.page.emulate_media(reduced_motion="no-preference")
        ada.visits()
        for control, change in (
            (ada.plus("Mouse"), None),
            (ada.plus("Laptop"), None),
            (ada.quantity_of("Keyboard"), "x"),
            (ada.quantity_of("Keyboard"), "0"),
            (ada.minus("Mouse"), None),
            (ada.minus("Laptop"), None),
        ):
            control.evaluate("node => node.scrollIntoView({block: 'center', behavior: 'instant'})")
            with nothing_moved(ada), ada.sees_answers():
                if change:
                    control.fill(change)
                control.press("Enter")


@contextmanager
def nothing_moved(ada: Shopper) -> Iterator[None]:
    """What stands in view stays where it was, by Chromium's count too, but for what is pressed."""
    ada.page.wait_for_load_state()
    ada.page.evaluate(WATCH_SHIFTS)
    before = ada.page.evaluate(PLACES)
    yield
    assert ada.page.evaluate(PLACES) == before
    assert ada.page.evaluate(SHIFTS) == []


PLACES = """
[...document.querySelectorAll(
    "header, .product, .product *:not(.stepper *), .cart, #my-orders, .receipt, .receipt *")]
    .filter(node => node.getBoundingClientRect().top < innerHeight)
    .map(node => { const box = node.getBoundingClientRect();
                   return [node.id, node.localName, box.x, box.y, box.width].join(" "); })
"""
WATCH_SHIFTS = """
window.shifts = [];
window.observer = new PerformanceObserver(list => window.shifts.push(...list.getEntries()));
window.observer.observe({type: "layout-shift"});
"""
# Chromium notes them as it paints, and reports them later. It excuses what was pressed for half a
# second, and an answer may take longer: a stepper's own buttons move in any case.
SHIFTS = """
new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))).then(() =>
    [...window.shifts, ...window.observer.takeRecords()].filter(shift => !shift.hadRecentInput
        && shift.sources.some(({node}) => !node?.closest?.(".stepper"))))
"""


class TestANetworkThatComesAndGoes:
    def test_says_when_a_change_did_not_get_through_and_goes_on(
        self, ada: Shopper, console: Console
    ):
        console.expect(OFFLINE, "htmx:sendError", "htmx:afterRequest")
        ada.wants(1, "Mouse")
        expect(ada.total).to_have_text("$29.99")
        ada.context.set_offline(True)
        ada.plus("Mouse").click()
        expect(ada.alert).to_contain_text("No answer from the shop")
        assert violations(ada.page) == []
        ada.context.set_offline(False)
        expect(ada.alert).to_have_count(0)
        expect(ada.quantity_of("Mouse")).to_have_value("1")
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$59.98")
        expect(ada.alert).to_have_count(0)

    def test_goes_on_after_the_form_has_expired(self, ada: Shopper, console: Console):
        console.expect_status(403)
        ada.context.clear_cookies()
        ada.plus("Mouse").click()
        expect(ada.alert).to_contain_text("allow cookies for this shop")
        assert violations(ada.page) == []
        expect(ada.alert).to_have_count(0)
        ada.plus("Mouse").click()
        expect(ada.total).to_have_text("$29.99")
