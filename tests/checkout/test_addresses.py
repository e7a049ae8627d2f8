"""Where an order goes: what an event says of it is kept, shown to its shopper, and to no other."""

import re
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from checkout import reading, receipts
from checkout.bills import address_lines
from checkout.models import Order
from storefront.models import Product
from tests.cast import Shopper, deliver, event_about, leads_to_payment, one_by_one, poll_url, rate
from tools.stripe_stand_in import StandIn

DELAYED = "checkout.session.async_payment_succeeded"
ADDRESS = {
    "line1": "Lindenstraße 12",
    "line2": None,
    "postal_code": "10969",
    "city": "Berlin",
    "state": None,
    "country": "DE",
}
NAME, PHONE = "Ada Łukasz", "+4930901820"
CUSTOMER = {"email": "ada@example.com", "phone": PHONE}
WAITS = {"payment_status": "unpaid"}
DELIVERY = {"shipping": [{"name": "Parcel", "cents": 490, "rate": None}]}
NO_PARTS = {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}


def sent_to(address: object = ADDRESS, name: object = NAME, **session: Any) -> dict[str, Any]:
    """What a session says when it is complete."""
    details = {"name": name, "address": address}
    return {
        "collected_information": {"shipping_details": details},
        "customer_details": CUSTOMER,
        **session,
    }


@pytest.fixture
def order(pending_order: Order) -> Order:
    """It was offered with a parcel to Germany."""
    return offered(pending_order, DELIVERY, 490)


def offered(order: Order, offer: Any, delivery: int = 0, country: str = "DE") -> Order:
    offer = {"shipping": [], "codes": False, "tax": "off"} | offer
    total = 2_999 + delivery
    Order.objects.filter(pk=order.pk).update(
        offer=offer, country=country, shipping_cents=delivery, total_cents=total
    )
    order.refresh_from_db()
    return order


def arrives(order: Order, session: dict[str, Any], *kinds: str) -> Order:
    """Deliver events whose amounts fit, but for what `session` says otherwise."""
    details = NO_PARTS | {"amount_shipping": order.shipping_cents}
    amounts = {"amount_subtotal": 2_999, "total_details": details}
    for kind in kinds or ("checkout.session.completed",):
        assert deliver(event_about(order, kind, **amounts | session)).status_code == 200
    order.refresh_from_db()
    return order


def contact(order: Order) -> tuple[str, Any, str]:
    return order.shipping_name, order.ship_to, order.phone


class TestWhatArrives:
    def test_is_kept_with_the_payment(self, order: Order):
        arrives(order, sent_to())
        assert (order.status, order.review_reason) == ("PAID", "")
        assert contact(order) == (NAME, ADDRESS, PHONE)

    @pytest.mark.parametrize("place", ["shipping_details", "shipping"])
    def test_is_read_where_older_versions_have_it(self, order: Order, place: str):
        details = {"name": NAME, "address": ADDRESS, "phone": PHONE}
        nothing: list[Any] = [None, {}, {"shipping_details": None}, {"shipping_details": {}}]
        for empty in one_by_one(nothing):
            arrives(order, {place: details, "collected_information": empty})
            assert contact(order) == (NAME, ADDRESS, PHONE), empty

    @pytest.mark.parametrize("offer", [None, {"shipping": [], "codes": True, "tax": "off"}])
    def test_is_taken_unasked(self, pending_order: Order, offer: Any):
        Order.objects.update(offer=offer)
        arrives(pending_order, sent_to(ADDRESS | {"country": "FR"}))
        assert (pending_order.status, pending_order.review_reason) == ("PAID", "")
        assert (pending_order.ship_to or {})["country"] == "FR"

    def test_is_missed_by_nobody_who_asked_for_none(self, pending_order: Order):
        arrives(pending_order, {})
        assert (pending_order.status, pending_order.review_reason) == ("PAID", "")
        assert contact(pending_order) == ("", None, "")

    @pytest.mark.parametrize(
        "session",
        [
            {"amount_total": 1},
            {"currency": "eur"},
            {"amount_total": 1, "payment_intent": None},
        ],
    )
    def test_is_kept_where_the_money_does_not_fit(self, order: Order, session: dict[str, Any]):
        arrives(order, sent_to() | session)
        assert order.status == "REVIEW"
        assert contact(order) == (NAME, ADDRESS, PHONE)
        assert (order.total_cents, order.shipping_cents) == (3_489, 490)

    @pytest.mark.parametrize("status", ["EXPIRED", "FAILED"])
    def test_is_kept_of_money_that_comes_late(self, order: Order, status: str):
        Order.objects.update(status=status)
        arrives(order, sent_to())
        assert (order.status, contact(order)) == ("PAID", (NAME, ADDRESS, PHONE))

    def test_is_kept_where_the_goods_are_gone(self, order: Order, mouse: Product):
        Order.objects.update(counts_stock=True, status="EXPIRED")
        Product.objects.update(stock=0)
        arrives(order, sent_to())
        assert (order.status, contact(order)) == ("REVIEW", (NAME, ADDRESS, PHONE))

    def test_of_another_session_is_not_the_orders(self, order: Order):
        arrives(order, sent_to(id="cs_test_another"))
        assert (order.status, contact(order)) == ("REVIEW", ("", None, ""))


class TestABankThatTakesItsTime:
    @pytest.mark.parametrize(
        "later", [sent_to(), {}, sent_to(None, None), {"collected_information": None}]
    )
    def test_brings_the_address_at_once_and_it_stays(self, order: Order, later: dict[str, Any]):
        arrives(order, sent_to() | WAITS)
        assert (order.status, contact(order)) == ("PROCESSING", (NAME, ADDRESS, PHONE))
        assert order.email == "ada@example.com"
        arrives(order, {"customer_details": None} | later, DELAYED)
        assert (order.status, order.review_reason, order.email) == ("PAID", "", "ada@example.com")
        assert contact(order) == (NAME, ADDRESS, PHONE)

    def test_may_bring_it_after_the_money(self, order: Order):
        arrives(order, {"customer_details": {"email": "ada@example.com"}}, DELAYED)
        assert (order.status, order.ship_to) == ("PAID", None)
        arrives(order, sent_to() | WAITS)
        assert (order.status, contact(order)) == ("PAID", (NAME, ADDRESS, PHONE))
        arrives(order, sent_to(ADDRESS | {"city": "Elsewhere"}))
        assert (order.ship_to or {})["city"] == "Berlin"

    def test_that_brings_none_changes_nothing_else(self, order: Order):
        arrives(order, WAITS)
        assert (order.status, contact(order)) == ("PROCESSING", ("", None, ""))


class TestWhatIsNoAddress:
    WRONG: list[Any] = [7, True, 1.5, [], ["Berlin"], {}, {"line1": "x"}, "", " ", "\x00", "\ud800"]

    @pytest.mark.parametrize("field", ["line1", "line2", "city", "state", "postal_code", "country"])
    def test_loses_a_line_alone(self, order: Order, field: str):
        for wrong in one_by_one(self.WRONG):
            arrives(order, sent_to(ADDRESS | {field: wrong}))
            assert (order.status, order.ship_to) == ("PAID", ADDRESS | {field: None}), wrong
            is_missed = "without a whole address" in order.review_reason
            assert is_missed == (field in ("line1", "country")), wrong

    @pytest.mark.parametrize("field", ["address", "shipping_details", "collected_information"])
    def test_is_missed_and_the_order_is_paid(self, order: Order, field: str):
        for wrong in one_by_one([*self.WRONG, "no address"]):
            whole: dict[str, Any] = {
                "address": {"collected_information": {"shipping_details": {"address": wrong}}},
                "shipping_details": {"collected_information": {"shipping_details": wrong}},
                "collected_information": {"collected_information": wrong},
            }[field]
            arrives(order, whole | {"customer_details": wrong})
            assert order.status == "PAID", wrong
            assert "without a whole address" in order.review_reason, wrong

    def test_nor_name_or_phone_takes_the_address_away(self, order: Order):
        for wrong in one_by_one([*self.WRONG, None]):
            arrives(order, sent_to(name=wrong, customer_details={"phone": wrong}))
            assert (order.status, contact(order)) == ("PAID", ("", ADDRESS, "")), wrong

    def test_is_cut_to_the_room_there_is(self, order: Order):
        address = dict.fromkeys(ADDRESS, "é" * 5_000) | {"country": "DE"}
        arrives(order, sent_to(address, "n" * 5_000, customer_details={"phone": "1" * 5_000}))
        assert order.status == "PAID"
        assert {len(line) for line in (order.ship_to or {}).values()} == {reading.LONGEST_LINE, 2}
        assert (len(order.shipping_name), len(order.phone)) == (255, 40)

    @pytest.mark.parametrize(
        ("written", "kept"),
        [
            ("a\x00b", "a b"),
            ("a\ud83d", "a"),
            ("a\r\nb\u2028c", "a b c"),
            ("  a \t ", "a"),
            ("\U0001f600 ﷽ ą̈", "\U0001f600 ﷽ ą̈"),
        ],
    )
    def test_is_written_as_any_database_takes_it(self, order: Order, written: str, kept: str):
        arrives(order, sent_to({**ADDRESS, "city": written}, written))
        assert (order.shipping_name, (order.ship_to or {})["city"]) == (kept, kept)


class TestWhatTheMerchantShouldLookAt:
    @pytest.mark.parametrize(
        ("session", "words"),
        [
            ({}, "without a whole address"),
            (sent_to(ADDRESS | {"country": "FR"}), "Delivery was offered to DE"),
            (sent_to(ADDRESS | {"country": "Germany"}), "Delivery was offered to DE"),
            (sent_to(ADDRESS | {"country": "de"}), ""),
        ],
    )
    def test_is_paid_all_the_same(self, order: Order, session: dict[str, Any], words: str):
        arrives(order, session)
        assert order.status == "PAID"
        assert order.review_reason.count("\n") == bool(words)
        assert words in order.review_reason

    @pytest.mark.parametrize("tax", ["inclusive", "exclusive"])
    @pytest.mark.parametrize(
        ("status", "is_right"),
        [("complete", True), ("failed", False), ("requires_location_inputs", False), (None, False)],
    )
    def test_is_a_tax_that_stripe_did_not_work_out(
        self, pending_order: Order, tax: str, status: str | None, is_right: bool
    ):
        offered(pending_order, {"tax": tax}, country="")
        arrives(pending_order, {"automatic_tax": {"enabled": True, "status": status}})
        assert pending_order.status == "PAID"
        assert ("did not work out the tax" in pending_order.review_reason) != is_right

    @pytest.mark.parametrize("tax", [None, {}, "complete"])
    def test_is_no_shape_that_says_nothing(self, pending_order: Order, tax: Any):
        offered(pending_order, {"tax": "exclusive"}, country="")
        arrives(pending_order, {"automatic_tax": tax})
        assert (pending_order.status, pending_order.review_reason) == ("PAID", "")


@pytest.mark.once
class TestTheReceipt:
    @pytest.fixture
    def page(self, order: Order) -> str:
        return f"/orders/{order.pk}/"

    def test_shows_the_address_to_its_shopper_alone(self, order: Order, page: str, ada: Shopper):
        waiting = ada.get(page).text
        assert re.search(r"<h2>Ship to</h2>\s*<p>Germany</p>", waiting)
        assert "Lindenstraße" not in waiting
        arrives(order, sent_to())
        receipts.make_link(order)
        merchant = Client()
        merchant.force_login(User.objects.create_superuser("merchant"))
        own = ada.get(page).text
        link = Client().get(receipts.address_of(order)).text
        preview = merchant.get(f"/admin/checkout/order/{order.pk}/preview/").text
        for part in (NAME, "Lindenstraße 12", "10969 Berlin", "Germany", PHONE):
            assert f"<bdi>{part}</bdi>" in own
            assert part not in link + preview
        for text in (own, link, preview):
            assert sums(text) == {
                "Subtotal": "$29.99",
                "Delivery, Parcel": "$4.90",
                "Total": "$34.89",
            }

    def test_shows_what_was_offered_until_it_is_paid(self, order: Order, page: str, ada: Shopper):
        assert sums(ada.get(page).text)["Total"] == "$34.89"
        ask = poll_url(ada.get(page))
        arrives(order, sent_to())
        update = ada.asks_by_htmx(ask).text
        assert 'id="order-lines" class="receipt-lines" hx-swap-oob="true"' in update
        assert re.search(r'id="order-ship-to" hx-swap-oob="true">\s*<h2>Ship to</h2>', update)

    def test_shows_it_no_more_when_the_bank_has_failed(self, order: Order, page: str, ada: Shopper):
        arrives(order, sent_to() | WAITS)
        assert "Ship to" in ada.get(page).text
        ask = poll_url(ada.get(page))
        arrives(order, sent_to() | WAITS, "checkout.session.async_payment_failed")
        assert 'id="order-ship-to" hx-swap-oob="true"></div>' in ada.asks_by_htmx(ask).text
        assert "Ship to" not in ada.get(page).text

    @pytest.mark.parametrize("tax", ["inclusive", "exclusive"])
    def test_says_that_tax_is_to_come(self, pending_order: Order, ada: Shopper, tax: str):
        offered(pending_order, {"tax": tax}, country="")
        label = {"inclusive": "incl. tax", "exclusive": "plus tax"}[tax]
        page = ada.get(f"/orders/{pending_order.pk}/").text
        assert sums(page)[label] == "worked out at payment"
        assert "Ship to" not in page

    @pytest.mark.parametrize("codes", [False, True])
    def test_keeps_room_in_my_orders_for_what_may_come(
        self, pending_order: Order, ada: Shopper, settings: Settings, codes: bool
    ):
        settings.PROMOTION_CODES = codes
        room = '<span class="order-parts"></span>'
        for _ in range(2):
            assert (room in ada.get(f"/?order={pending_order.pk}").text) == codes
            assert room not in ada.get("/").text
            arrives(pending_order, {})

    def test_of_what_is_not_sent_shows_the_phone_number(self, pending_order: Order, ada: Shopper):
        arrives(pending_order, {"customer_details": CUSTOMER})
        page = ada.get(f"/orders/{pending_order.pk}/").text
        assert re.search(rf"<h2>Phone</h2>\s*<p><bdi>{re.escape(PHONE)}</bdi></p>", page)
        assert "Ship to" not in page

    def test_by_its_link_is_brought_up_to_date_without_the_address(self, order: Order):
        receipts.make_link(order)
        ask = poll_url(Client().get(receipts.address_of(order)))
        arrives(order, sent_to())
        update = Client(headers={"HX-Request": "true"}).get(ask).text
        assert sums(update)["Delivery, Parcel"] == "$4.90"
        assert not re.search(f"Ship to|order-ship-to|Berlin|{re.escape(PHONE)}", update)

    @pytest.mark.parametrize(
        ("offer", "parts", "total", "shown"),
        [
            (None, {}, 2_999, {"Total": "$29.99"}),
            ({}, {}, 2_999, {"Subtotal": "$29.99", "Total": "$29.99"}),
            (
                {"codes": True},
                {"amount_discount": 500},
                2_499,
                {"Subtotal": "$29.99", "Discount": "−$5.00", "Total": "$24.99"},
            ),
            (
                {"codes": True},
                {"amount_discount": 2_999},
                0,
                {"Subtotal": "$29.99", "Discount": "−$29.99", "Total": "$0.00"},
            ),
            (
                {"tax": "inclusive"},
                {"amount_tax": 479},
                2_999,
                {"Subtotal": "$29.99", "Total": "$29.99", "incl. tax": "$4.79"},
            ),
            (
                DELIVERY | {"tax": "exclusive", "codes": True},
                {"amount_tax": 568, "amount_shipping": 490, "amount_discount": 500},
                3_557,
                {
                    "Subtotal": "$29.99",
                    "Discount": "−$5.00",
                    "Delivery, Parcel": "$4.90",
                    "plus tax": "$5.68",
                    "Total": "$35.57",
                },
            ),
            (
                {"shipping": [{"name": "Gift", "cents": 0}]},
                {},
                2_999,
                {"Subtotal": "$29.99", "Delivery, Gift": "free", "Total": "$29.99"},
            ),
        ],
    )
    def test_tells_what_the_total_is_made_of(
        self,
        pending_order: Order,
        ada: Shopper,
        offer: dict[str, Any] | None,
        parts: dict[str, int],
        total: int,
        shown: dict[str, str],
    ):
        if offer is not None:
            offered(pending_order, offer, country="")
        how = {} if total else {"payment_status": "no_payment_required", "payment_intent": None}
        arrives(pending_order, {"amount_total": total, "total_details": NO_PARTS | parts, **how})
        assert (pending_order.status, pending_order.received_cents) == ("PAID", total)
        assert sums(ada.get(f"/orders/{pending_order.pk}/").text) == shown
        panel = ada.get("/orders/").text
        assert shown["Total"] in panel
        assert ("order-parts" in panel) == bool(any(parts.values()))


def sums(text: str) -> dict[str, str]:
    (foot,) = re.findall("<tfoot>(.*?)</tfoot>", text, re.DOTALL)
    rows = re.findall("<th[^>]*>(.*?)</th><td>(.*?)</td>", foot)
    return {re.sub("<[^>]*>", "", label): amount for label, amount in rows}


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, ["Lindenstraße 12", "10969 Berlin", "Germany"]),
        (
            {"line2": "Hof", "state": "BE"},
            ["Lindenstraße 12", "Hof", "10969 Berlin", "BE", "Germany"],
        ),
        (
            {"country": "US", "state": "IL", "city": "Springfield", "postal_code": "62704"},
            ["Lindenstraße 12", "Springfield IL 62704", "United States"],
        ),
        ({"country": None, "city": None, "postal_code": None}, ["Lindenstraße 12"]),
        ({"country": "Atlantis"}, ["Lindenstraße 12", "10969 Berlin", "Atlantis"]),
    ],
)
def test_an_address_reads_as_on_a_parcel(changes: dict[str, Any], lines: list[str]):
    order = Order(shipping_name=NAME, ship_to={**ADDRESS, **changes})
    assert address_lines(order) == [NAME, *lines]
    assert address_lines(Order(shipping_name=NAME)) == []


def test_the_desk_shows_amounts_and_the_address(order: Order, ada: Shopper):
    arrives(order, sent_to())
    merchant = Client()
    merchant.force_login(User.objects.create_superuser("merchant"))
    page = merchant.get(f"/admin/checkout/order/{order.pk}/change/").text
    text = re.sub(r"<[^>]*>\s*", "|", page)
    for words in (NAME, "10969 Berlin", PHONE, "Parcel, Germany", "$29.99", "$4.90", "$34.89"):
        assert words in text
    assert "minor units" not in text
    assert "line1" not in text


class TestAllTheWay:
    """As the stand-in plays it: chosen in the cart, paid on Stripe's page, read on the receipt."""

    ALL: dict[str, Any] = {"code": "ALL"}
    KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, str]]] = {
        "delivery": (
            {},
            {},
            {"Subtotal": "$29.99", "Delivery, Parcel": "$4.90", "Total": "$34.89"},
        ),
        "a code": (
            {"PROMOTION_CODES": True},
            {"code": "TEN"},
            {
                "Subtotal": "$29.99",
                "Discount": "−$3.00",
                "Delivery, Parcel": "$4.90",
                "Total": "$31.89",
            },
        ),
        "a code for all": (
            {"PROMOTION_CODES": True},
            ALL,
            {
                "Subtotal": "$29.99",
                "Discount": "−$29.99",
                "Delivery, Parcel": "$4.90",
                "Total": "$4.90",
            },
        ),
        "tax on top": (
            {"TAX": "exclusive", "PROMOTION_CODES": True},
            {"code": "TEN"},
            {
                "Subtotal": "$29.99",
                "Discount": "−$3.00",
                "Delivery, Parcel": "$4.90",
                "plus tax": "$6.06",
                "Total": "$37.95",
            },
        ),
        "tax within": (
            {"TAX": "inclusive"},
            {},
            {
                "Subtotal": "$29.99",
                "Delivery, Parcel": "$4.90",
                "Total": "$34.89",
                "incl. tax": "$5.57",
            },
        ),
    }

    @pytest.fixture
    def ada(self, ada: Shopper, mouse: Product) -> Shopper:
        ada.puts(mouse, 1)
        return ada

    def buys(self, stripe: StandIn, ada: Shopper, settings: Settings, **changes: Any) -> str:
        for name, value in changes.items():
            setattr(settings, name, value)
        stripe.promotion_code("TEN", percent_off=10)
        stripe.promotion_code("ALL", percent_off=100)
        assert leads_to_payment(ada.buys())
        return ada.order.session_id or ""

    def hears(self, stripe: StandIn) -> None:
        for event in stripe.events:
            assert deliver(event).status_code == 200

    @pytest.mark.parametrize("is_delayed", [False, True])
    @pytest.mark.parametrize("kind", KINDS)
    def test_each_part_is_paid_told_and_given_back(
        self, stripe: StandIn, ada: Shopper, settings: Settings, kind: str, is_delayed: bool
    ):
        rate("Parcel", "DE", 490)
        changes, told, shown = self.KINDS[kind]
        session = self.buys(stripe, ada, settings, ASK_PHONE=True, **changes)
        if is_delayed:
            stripe.pay_later(session, phone=PHONE, **told)
            self.hears(stripe)
            assert (ada.order.status, ada.order.phone) == ("PROCESSING", PHONE)
            stripe.settle(session)
        else:
            stripe.pay(session, phone=PHONE, **told)
        self.hears(stripe)
        order, paid = ada.order, stripe.session(session)
        assert (order.status, order.review_reason) == ("PAID", "")
        assert order.received_cents == order.total_cents == paid["amount_total"]
        assert order.ship_to == paid["collected_information"]["shipping_details"]["address"]
        assert sums(ada.get(f"/orders/{order.pk}/").text) == shown
        stripe.refund(session)
        self.hears(stripe)
        assert (ada.order.status, ada.order.refunded_cents) == ("REFUNDED", order.total_cents)

    def test_what_a_code_makes_free_has_no_payment_and_is_shown_all_the_same(
        self, stripe: StandIn, ada: Shopper, settings: Settings
    ):
        Product.objects.update(needs_shipping=False)
        session = self.buys(stripe, ada, settings, PROMOTION_CODES=True)
        stripe.pay(session, **self.ALL)
        self.hears(stripe)
        self.hears(stripe)
        order = ada.order
        assert (order.status, order.review_reason, order.payment_intent) == ("PAID", "", "")
        assert (order.total_cents, order.received_cents, ada.cart) == (0, 0, {})
        receipts.make_link(order)
        merchant = Client()
        merchant.force_login(User.objects.create_superuser("merchant"))
        desk = merchant.get(f"/admin/checkout/order/{order.pk}/change/")
        assert desk.status_code == 200
        pages = [ada.get("/orders/"), ada.get(f"/orders/{order.pk}/")]
        for page in (*pages, Client().get(receipts.address_of(order))):
            assert "There was nothing to pay" in page.text
            assert "−$29.99" in page.text
        other = dict(event_about(order, "charge.refunded", payment_intent=None))
        assert deliver(other).status_code == 200
        assert ada.order.status == "PAID"

    def test_what_the_webhook_missed_is_fetched_with_its_address(
        self, stripe: StandIn, ada: Shopper, settings: Settings
    ):
        rate("Parcel", "DE", 490)
        stripe.pay(self.buys(stripe, ada, settings, ASK_PHONE=True), phone=PHONE)
        call_command("reconcile_orders", older_than=0, stdout=StringIO())
        assert (ada.order.status, ada.order.phone) == ("PAID", PHONE)
        assert address_lines(ada.order)[-2:] == ["12345 Example", "Germany"]

    def test_an_address_elsewhere_is_paid_and_to_be_looked_at(
        self, stripe: StandIn, ada: Shopper, settings: Settings
    ):
        rate("Parcel", "DE", 490)
        session = self.buys(stripe, ada, settings)
        stripe.pay(session)
        for event in stripe.events_of("checkout.session.completed"):
            thing = event["data"]["object"]
            thing["collected_information"]["shipping_details"]["address"]["country"] = "FR"
            deliver(event)
        assert (ada.order.status, (ada.order.ship_to or {})["country"]) == ("PAID", "FR")
        assert "in another country" in ada.order.review_reason

    def test_a_tax_that_fails_is_paid_and_to_be_looked_at(
        self, stripe: StandIn, ada: Shopper, settings: Settings
    ):
        session = self.buys(stripe, ada, settings, TAX="exclusive")
        stripe.configure(tax="failed")
        stripe.pay(session)
        self.hears(stripe)
        assert (ada.order.status, ada.order.tax_cents) == ("PAID", 0)
        assert "did not work out the tax" in ada.order.review_reason
