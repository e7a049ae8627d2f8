"""Every page, in each of its states: accessible, quiet, small, and without scripts of its own.

The main ones look, and read to a screen reader, as they did when a person looked last.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import pytest
from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.sync_api import Page, Request, expect

from storefront.ops.error_pages import EXPIRED_FORM, WORDS, error_page
from tests.browser.conftest import NewShopper
from tests.browser.console import Console
from tests.browser.looks import SCREENS, STILL, looks_as_it_did, reads_as_it_did
from tests.browser.merchant import Merchant
from tests.browser.shopper import Shopper
from tools.pictures import HOLD_STILL
from tools.stripe_stand_in import StandIn

# Without wcag22aa axe looks at no target sizes.
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
    "reporter": "no-passes",
}
VIOLATIONS = """rules => axe.run(rules).then(({violations}) => violations.flatMap(
    rule => rule.nodes.map(node => `${rule.id}: ${node.html}`)))"""
KILOBYTE = 1024
# The buttons of Django's admin take a moment to another colour.
COLOURS_HAVE_CHANGED = """() => Promise.allSettled(
    document.getAnimations().filter(a => a instanceof CSSTransition).map(a => a.finished)
)"""
WITHOUT_ITS_FRAME = "document.querySelectorAll('body > :not(main)').forEach(node => node.remove())"

Reach = Callable[["Visit"], None]


@dataclass
class Visit:
    """A shopper on the way to a page, with Stripe and the merchant to play along."""

    ada: Shopper
    stripe: StandIn
    merchant: Merchant

    def order_page(self) -> None:
        self.ada.orders.get_by_role("link", name=re.compile("^Order ")).click()
        expect(
            self.ada.page.get_by_role("heading", name=re.compile("^(Thank you, o|O)rder "))
        ).to_be_visible()


def home(visit: Visit) -> None:
    visit.ada.visits()


def home_with_a_cart(visit: Visit) -> None:
    visit.ada.fills_the_cart()


def home_with_a_bad_quantity(visit: Visit) -> None:
    visit.ada.fills_the_cart()
    visit.ada.wants(-1, "Mouse")
    expect(visit.ada.alert).to_be_visible()


def home_with_a_refused_purchase(visit: Visit) -> None:
    visit.merchant.sells_a_lamp()
    visit.ada.visits()
    visit.ada.wants(1, "Lamp")
    expect(visit.ada.total).to_have_text("$40.00")
    visit.merchant.withdraws_the_lamp()
    visit.ada.buy.click()
    expect(visit.ada.alert).to_be_visible()


def home_with_something_sold_out(visit: Visit) -> None:
    visit.merchant.clears_the_shelf()
    visit.merchant.sells_a_lamp(stock=0)
    visit.ada.visits()
    expect(visit.ada.page.get_by_text("Sold out")).to_be_visible()


def cart_with_more_than_is_left(visit: Visit) -> None:
    visit.merchant.sells_a_lamp(stock=3)
    visit.ada.visits()
    visit.ada.wants(4, "Lamp")
    expect(visit.ada.cart).to_contain_text("Only 3 left")


def product_page_that_is_sold_out(visit: Visit) -> None:
    visit.ada.page.get_by_role("link", name="Lamp").click()
    expect(visit.ada.page.get_by_role("heading", name="Lamp")).to_be_visible()
    expect(visit.ada.page.get_by_text("Sold out")).to_be_visible()
    expect(visit.ada.plus("Lamp")).to_be_hidden()


def home_while_stripe_is_down(visit: Visit) -> None:
    visit.ada.fills_the_cart()
    visit.stripe.fault("POST", "/v1/checkout/sessions", status=500, times=3)
    visit.ada.buy.click()
    expect(visit.ada.alert).to_be_visible()


def returned_and_waiting(visit: Visit) -> None:
    visit.stripe.hold()
    visit.ada.buys(visit.stripe)
    visit.ada.sees_order("PENDING")


def returned_and_paid(visit: Visit) -> None:
    visit.stripe.release()
    visit.stripe.wait_until_quiet()
    visit.ada.page.go_back()
    visit.ada.sees_order("PAID")


def waiting_for_the_bank(visit: Visit) -> None:
    visit.ada.fills_the_cart()
    visit.ada.goes_to_stripe()
    visit.ada.presses("Pay later")
    visit.ada.sees_order("PROCESSING")


def failed_at_the_bank(visit: Visit) -> None:
    (session,) = visit.stripe.sessions
    visit.stripe.fail(session)
    visit.ada.sees_order("FAILED")


def canceled(visit: Visit) -> None:
    visit.ada.fills_the_cart()
    visit.ada.goes_to_stripe()
    visit.ada.leaves_stripe()
    visit.ada.sees_order("PENDING")


def no_orders(visit: Visit) -> None:
    visit.ada.visits("/orders/")


def orders_with_a_reference_that_is_none(visit: Visit) -> None:
    visit.ada.page.get_by_label("Reference").fill("K7M2")
    visit.ada.page.get_by_label("E-mail address").fill("ada@example.com")
    visit.ada.page.get_by_role("button", name="Mail me the link").click()
    expect(visit.ada.page.get_by_text("A reference looks like")).to_be_visible()


def orders_with_a_link_that_is_mailed(visit: Visit) -> None:
    visit.ada.page.get_by_label("Reference").fill("K7M2-PQ4X")
    visit.ada.page.get_by_role("button", name="Mail me the link").click()
    expect(visit.ada.page.get_by_text("It may take a minute")).to_be_focused()


def some_orders(visit: Visit) -> None:
    visit.ada.visits("/orders/")


def orders_with_a_refund(visit: Visit) -> None:
    visit.ada.page.get_by_role("link", name="Continue to payment").click()
    visit.ada.presses("Pay")
    visit.ada.sees_order("PAID")
    (session,) = visit.stripe.sessions
    visit.stripe.refund(session)
    visit.stripe.wait_until_quiet()
    visit.ada.visits("/orders/")
    visit.ada.sees_order("REFUNDED")


def order_that_is_refunded(visit: Visit) -> None:
    visit.order_page()


def order_that_waits(visit: Visit) -> None:
    visit.order_page()


def product_page_with_kinds(visit: Visit) -> None:
    visit.merchant.sells_two_kinds_of_a_lamp()
    visit.ada.visits("/products/lamp-steel/")
    expect(visit.ada.page.get_by_role("heading", name="Lamp, steel")).to_be_visible()


def order_that_is_paid(visit: Visit) -> None:
    visit.order_page()


def order_that_waits_to_be_sent(visit: Visit) -> None:
    visit.merchant.sends_parcels()
    visit.ada.fills_the_cart("$64.88")
    visit.ada.goes_to_stripe()
    visit.ada.presses("Pay")
    visit.ada.sees_order("PAID")
    visit.order_page()
    expect(visit.ada.page.get_by_role("heading", name="Ship to")).to_be_visible()


def order_with_a_private_link(visit: Visit) -> None:
    visit.order_page()
    visit.ada.page.get_by_role("button", name="Make a private link").click()
    expect(visit.ada.page.get_by_label("Private link")).to_be_focused()


def receipt_by_its_link(visit: Visit) -> None:
    visit.ada.context.clear_cookies()
    visit.ada.page.goto(visit.ada.page.get_by_label("Private link").input_value())
    expect(visit.ada.page.get_by_role("heading", name=re.compile("^Order "))).to_be_visible()


def no_such_page(visit: Visit) -> None:
    visit.ada.visits("/no-such-page/")


def expired_form(visit: Visit) -> None:
    visit.ada.visits()
    visit.ada.context.clear_cookies()
    visit.ada.buy.click()
    expect(visit.ada.page.get_by_role("heading", level=1)).to_contain_text("expired")


def no_page_of_its_own(visit: Visit) -> None:
    visit.ada.visits("/create-checkout-session/")


def product_page(visit: Visit) -> None:
    visit.ada.visits("/products/mouse/")


def product_page_with_a_cart(visit: Visit) -> None:
    visit.ada.fills_the_cart()
    visit.ada.visits("/products/mouse/")


def product_page_with_a_bad_quantity(visit: Visit) -> None:
    product_page(visit)
    visit.ada.wants(-1, "Mouse")
    expect(visit.ada.alert).to_be_visible()


def removed_with_undo(visit: Visit) -> None:
    visit.ada.visits()
    visit.ada.remove("Mouse").click()
    expect(visit.ada.page.get_by_role("button", name="Undo")).to_be_visible()


def cart_with_a_new_price(visit: Visit) -> None:
    visit.merchant.sells_a_lamp()
    visit.ada.visits()
    visit.ada.wants(1, "Lamp")
    expect(visit.ada.total).to_have_text("$40.00")
    visit.merchant.asks_for_a_lamp(4_500)
    visit.ada.visits()
    expect(visit.ada.cart).to_contain_text("New price; it was $40.00")


def cart_page(visit: Visit) -> None:
    visit.ada.visits("/cart/")


def cart_page_without_anything(visit: Visit) -> None:
    visit.ada.visits("/cart/")


def admin_login(visit: Visit) -> None:
    visit.ada.visits("/admin/login/")


def desk(visit: Visit) -> None:
    visit.merchant.opens_the_desk(visit.ada.page)
    visit.ada.buys(visit.stripe)
    visit.ada.sees_order("PAID")
    visit.ada.visits("/admin/")


def desk_before_the_first_order(visit: Visit) -> None:
    visit.merchant.opens_the_desk(visit.ada.page)
    visit.merchant.has_sold_nothing()
    visit.ada.visits("/admin/")
    expect(visit.ada.page.get_by_role("heading", name="Before your first order")).to_be_visible()


def desk_with_alarms(visit: Visit) -> None:
    visit.merchant.opens_the_desk(visit.ada.page)
    visit.merchant.has_a_lot_to_do()
    visit.ada.visits("/admin/")
    expect(visit.ada.page.get_by_text("A webhook was refused")).to_be_visible()
    visit.ada.page.get_by_text("The 30 days as a table").click()


def desk_under_the_hood(visit: Visit) -> None:
    visit.ada.page.get_by_role("link", name="Under the hood").click()
    expect(visit.ada.page.get_by_role("link", name="Users", exact=True)).to_be_visible()


def desk_of_events(visit: Visit) -> None:
    visit.ada.visits("/admin/checkout/stripeevent/")
    visit.ada.page.get_by_text("Filter", exact=True).first.click()
    expect(visit.ada.page.get_by_text("By outcome")).to_be_visible()


def desk_of_users(visit: Visit) -> None:
    visit.ada.visits("/admin/auth/user/")
    expect(visit.ada.page.get_by_role("link", name="merchant")).to_be_visible()


def desk_orders(visit: Visit) -> None:
    visit.ada.visits("/admin/checkout/order/")
    visit.ada.page.get_by_text("More filters").click()
    expect(visit.ada.page.get_by_role("button", name="Print packing slips")).to_be_visible()


def desk_orders_that_are_not_there(visit: Visit) -> None:
    visit.ada.visits("/admin/checkout/order/?q=nobody")
    expect(visit.ada.page.get_by_text("Nothing called")).to_be_visible()


def desk_order(visit: Visit) -> None:
    visit.ada.page.locator("#result_list a").first.click()
    visit.ada.page.get_by_text("Under the hood").first.click()
    expect(visit.ada.page.get_by_role("heading", name="Timeline")).to_be_visible()


def desk_order_that_needs_a_look(visit: Visit) -> None:
    visit.ada.visits("/admin/checkout/order/?tab=look")
    visit.ada.page.locator("#result_list a").first.click()
    expect(visit.ada.page.get_by_role("button", name="I have settled it")).to_be_visible()


def desk_to_ship(visit: Visit) -> None:
    visit.ada.visits("/admin/to-ship/")
    expect(visit.ada.page.get_by_role("button", name="Mark as shipped").first).to_be_visible()


def desk_with_nothing_to_ship(visit: Visit) -> None:
    visit.ada.visits("/admin/to-ship/")
    expect(visit.ada.page.get_by_text("No order waits to be shipped.")).to_be_visible()


def desk_with_a_refused_link(visit: Visit) -> None:
    desk_to_ship(visit)
    visit.ada.page.get_by_text("Another link").click()
    visit.ada.page.get_by_label("Link").fill("http://carrier.example")
    visit.ada.page.get_by_role("button", name=re.compile("^Mark as shipped .")).click()
    expect(visit.ada.page.get_by_text("A link begins with https://")).to_be_visible()


def desk_with_a_shipped_order(visit: Visit) -> None:
    desk_to_ship(visit)
    visit.ada.page.get_by_label("Tracking number").fill("0034")
    visit.ada.page.get_by_role("button", name=re.compile("^Mark as shipped .")).click()
    expect(visit.ada.page.get_by_role("status")).to_contain_text("is marked as shipped")
    visit.ada.page.get_by_role("link", name="Change or undo").click()
    expect(visit.ada.page.get_by_role("button", name="Add a parcel")).to_be_visible()


def desk_parcel(visit: Visit) -> None:
    visit.ada.page.get_by_role("link", name="Change 0034").click()
    expect(visit.ada.page.get_by_role("button", name="Save")).to_be_visible()


def desk_refund(visit: Visit) -> None:
    order = visit.ada.page.locator("[data-order]").first.get_attribute("data-order")
    visit.ada.visits(f"/admin/checkout/order/{order}/refund/")
    expect(visit.ada.page.get_by_role("button", name="Refund…")).to_be_visible()


def desk_with_a_refused_refund(visit: Visit) -> None:
    visit.ada.page.get_by_label("Amount").fill("999")
    visit.ada.page.get_by_role("button", name="Refund…").click()
    expect(visit.ada.page.get_by_text("No more than")).to_be_visible()


def desk_with_a_refund_to_confirm(visit: Visit) -> None:
    visit.ada.page.get_by_label("Amount").fill("1")
    visit.ada.page.get_by_label("Reason").select_option("fraudulent")
    visit.ada.page.get_by_role("button", name="Refund…").click()
    expect(visit.ada.page.get_by_role("button", name="Refund $1.00")).to_be_visible()


def desk_mails(visit: Visit) -> None:
    visit.ada.visits("/admin/checkout/message/")
    expect(visit.ada.page.get_by_text("no mail is sent")).to_be_visible()
    visit.ada.page.get_by_role("link", name="What the mails look like").click()
    expect(visit.ada.page.get_by_role("link", name="Order confirmed", exact=True)).to_be_visible()


def desk_health(visit: Visit) -> None:
    """What is wrong, what may not be looked at, and what is not known, in one page."""
    visit.merchant.has_done_it()
    visit.stripe.forbid(["rak_webhook_read"])
    visit.merchant.asks_stripe()
    visit.ada.visits("/admin/health/")
    expect(visit.ada.page.get_by_text("Give the key Webhook Endpoints: read")).to_be_visible()
    visit.ada.page.get_by_role("button", name="Ask Stripe now").click()
    expect(visit.ada.page.get_by_role("link", name="Look again")).to_be_visible()


def packing_slip(visit: Visit) -> None:
    desk_to_ship(visit)
    visit.ada.page.get_by_role("link", name=re.compile("^Packing slip")).click()
    expect(visit.ada.page.get_by_role("heading", name=re.compile("^Order "))).to_be_visible()


# Each walk leads one shopper from page to page; each page begins where the one before it ended.
WALKS: list[list[Reach]] = [
    [
        no_such_page,
        no_page_of_its_own,
        home,
        cart_page_without_anything,
        product_page,
        product_page_with_a_bad_quantity,
        home_with_a_cart,
        home_with_a_bad_quantity,
        product_page_with_a_cart,
        cart_page,
        removed_with_undo,
        home_while_stripe_is_down,
    ],
    [
        product_page_with_kinds,
        home_with_something_sold_out,
        product_page_that_is_sold_out,
        cart_with_more_than_is_left,
        home_with_a_refused_purchase,
        cart_with_a_new_price,
        expired_form,
    ],
    [
        returned_and_waiting,
        order_that_waits,
        returned_and_paid,
        order_that_is_paid,
        some_orders,
        order_with_a_private_link,
        receipt_by_its_link,
    ],
    [
        no_orders,
        orders_with_a_reference_that_is_none,
        orders_with_a_link_that_is_mailed,
        waiting_for_the_bank,
        failed_at_the_bank,
    ],
    [canceled, orders_with_a_refund, order_that_is_refunded],
    [order_that_waits_to_be_sent],
    [
        admin_login,
        desk_before_the_first_order,
        desk_under_the_hood,
        desk_of_users,
        desk_orders_that_are_not_there,
        desk_with_nothing_to_ship,
        desk_with_alarms,
        desk_order_that_needs_a_look,
        desk_health,
    ],
    [
        desk,
        desk_of_events,
        desk_mails,
        desk_orders,
        desk_order,
        desk_to_ship,
        desk_refund,
        desk_with_a_refused_refund,
        desk_with_a_refund_to_confirm,
        packing_slip,
        desk_with_a_refused_link,
        desk_with_a_shipped_order,
        desk_parcel,
    ],
]
# The status that the browser complains about.
COMPLAINTS: dict[Reach, int] = {
    home_with_a_bad_quantity: 422,
    orders_with_a_reference_that_is_none: 422,
    no_such_page: 404,
    expired_form: 403,
    no_page_of_its_own: 405,
    product_page_with_a_bad_quantity: 422,
    desk_with_a_refused_link: 422,
    desk_with_a_refused_refund: 422,
}
OUTLINED: set[Reach] = {
    home,
    home_with_a_cart,
    home_with_a_bad_quantity,
    home_with_a_refused_purchase,
    removed_with_undo,
    cart_with_a_new_price,
    product_page,
    cart_page,
    cart_page_without_anything,
    returned_and_waiting,
    returned_and_paid,
    canceled,
    failed_at_the_bank,
    no_orders,
    order_that_is_paid,
    order_that_waits_to_be_sent,
    order_with_a_private_link,
    receipt_by_its_link,
    no_such_page,
}
PICTURED: set[Reach] = {
    home,
    product_page,
    home_with_a_cart,
    cart_page,
    order_that_is_paid,
    order_that_waits_to_be_sent,
    no_such_page,
}


@pytest.fixture
def ada(new_shopper: NewShopper) -> Shopper:
    return new_shopper(**STILL)


@pytest.fixture
def visit(ada: Shopper, stripe: StandIn, merchant: Merchant) -> Visit:
    return Visit(ada, stripe, merchant)


@pytest.fixture
def scripts(ada: Shopper) -> list[str]:
    """The scripts that the browser asks for; Django's desk for merchants has its own."""
    asked: list[str] = []

    def hear(request: Request) -> None:
        is_djangos = "/static/admin/" in request.url or request.url.endswith("/admin/jsi18n/")
        if request.resource_type == "script" and not is_djangos:
            asked.append(request.url)

    ada.page.on("request", hear)
    return asked


def name_of(reach: Reach) -> str:
    return reach.__name__.replace("_", "-")


def violations(page: Page) -> list[str]:
    page.wait_for_load_state()
    page.evaluate(COLOURS_HAVE_CHANGED)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(VIOLATIONS, RULES)
    return found


def looks_well(page: Page) -> None:
    """It is accessible and fits, wide and light as on a small phone in the dark."""
    for width, scheme in reversed(SCREENS):
        page.set_viewport_size({"width": width, "height": 740})
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


class TestEveryPage:
    """That none of them makes the browser report an error is checked by the fixture."""

    @pytest.mark.parametrize("walk", WALKS, ids=lambda walk: name_of(walk[0]))
    def test_looks_as_it_did_is_accessible_and_has_no_script_but_htmx(
        self, visit: Visit, console: Console, scripts: list[str], walk: list[Reach]
    ):
        page = visit.ada.page
        for reach in walk:
            if status := COMPLAINTS.get(reach):
                console.expect_status(status)
            page.set_viewport_size(STILL["viewport"])
            page.emulate_media(color_scheme="light")
            reach(visit)
            page.evaluate(HOLD_STILL)
            if reach in OUTLINED:
                reads_as_it_did(name_of(reach), page.locator("main"))
            looks_well(page)
            assert [url for url in scripts if "/django_htmx/htmx" not in url] == []
            assert page.locator("script:not([src])").count() == 0
            if reach in PICTURED:
                page.evaluate(WITHOUT_ITS_FRAME)
                looks_as_it_did(name_of(reach), page)


ERRORS = [*WORDS.items(), (HTTPStatus.FORBIDDEN, EXPIRED_FORM)]


class TestAPageThatSaysWhatWentWrong:
    """Most of them are hard to reach: here the router answers with them."""

    def test_is_accessible(self, ada: Shopper, console: Console):
        ada.visits()
        sheet = ada.page.locator("link[rel=stylesheet]").get_attribute("href") or ""
        bodies: list[str] = []
        ada.page.route(
            "**/went-wrong/",
            lambda route: route.fulfill(content_type="text/html", body=bodies[-1]),
        )
        for status, words in ERRORS:
            text = error_page(status, words).text
            bodies.append(re.sub(r'(rel="stylesheet" href=")[^"]*', rf"\1{sheet}", text))
            ada.visits("/went-wrong/")
            expect(ada.page.get_by_role("heading", level=1)).to_be_visible()
            looks_well(ada.page)


class TestTheConsole:
    """The controls: what the fixture would not notice could not fail a test."""

    def test_a_style_in_the_page_is_noticed(self, ada: Shopper, console: Console):
        console.expect("CSP: style-src-attr", "violates the following Content Security Policy")
        ada.visits()
        ada.page.evaluate("document.body.setAttribute('style', 'color: red')")

    def test_a_form_that_leads_elsewhere_is_noticed(self, ada: Shopper, console: Console):
        console.expect("CSP: form-action", "violates the following Content Security Policy")
        ada.fills_the_cart()
        elsewhere = "form.action = 'http://127.0.0.1:9/'; form.requestSubmit()"
        ada.buy.evaluate(f"button => {{ const form = button.form; {elsewhere} }}")

    def test_an_exception_is_noticed(self, ada: Shopper, console: Console):
        console.expect("^exception: .*nothing like it")
        ada.visits()
        ada.page.evaluate("void setTimeout(() => { throw new Error('nothing like it') })")

    def test_a_missing_file_is_noticed(self, ada: Shopper, console: Console):
        console.expect_status(404)
        ada.visits()
        ada.page.evaluate("fetch('/static/missing.png')")

    def test_axe_sees_a_picture_without_words(self, ada: Shopper):
        ada.visits()
        ada.page.evaluate("document.body.append(document.createElement('img'))")
        assert violations(ada.page) == ["image-alt: <img>"]


# What each response took, by what has asked for it.
TRANSFERS = """
performance.getEntries().filter(entry => entry.transferSize)
    .map(entry => [entry.initiatorType, entry.transferSize])
"""


class TestTheFirstVisit:
    """As gunicorn serves it, by https (Brotli) and by plain http (gzip alone)."""

    @pytest.mark.parametrize("encodings", ["gzip, deflate, br", "gzip, deflate"])
    def test_transfers_no_more_than_32_kilobytes_besides_pictures(
        self, ada: Shopper, encodings: str
    ):
        ada.context.set_extra_http_headers({"Accept-Encoding": encodings})
        ada.visits()
        sizes = [(kind, size) for kind, size in ada.page.evaluate(TRANSFERS) if kind != "img"]
        assert {kind for kind, _ in sizes} >= {"navigation", "link", "script"}
        assert sum(size for _, size in sizes) <= 32 * KILOBYTE, sizes
        html = ada.page.evaluate("performance.getEntriesByType('navigation')[0].toJSON()")
        assert html["encodedBodySize"] < html["decodedBodySize"] / 2
