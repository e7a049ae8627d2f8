"""The list of orders: its tabs, how an order is found, and what is done to several."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from checkout.models import Order, Refund
from merchant import finding
from storefront.models import Product
from storefront.ops.spelling import searchable
from tests.cast import Shopper, deliver, event_about
from tests.merchant.conftest import HOME, desk_of
from tools.stripe_stand_in import StandIn

LIST = "/admin/checkout/order/"
LINK = re.compile(r'<th class="field-reference">.*?>([\w-]+)</a>')


def shown(desk: Client, **query: str) -> list[str]:
    """The references that the list shows, in their order."""
    return LINK.findall(desk.get(LIST, query).text)


def an_order(**fields: Any) -> Order:
    known: dict[str, Any] = {"status": "PAID", "total_cents": 100, "currency": "usd"}
    known["paid_at"] = timezone.now()
    return Order.objects.create(shopper=uuid4(), **known | fields)


def called(name: str, **fields: Any) -> Order:
    return an_order(shipping_name=name, search_text=searchable(name), **fields)


UNPAID = {"paid_at": None}
STATES: dict[str, dict[str, Any]] = {
    "to ship": {},
    "shipped": {"shipped_at": timezone.now()},
    "download": {"needs_shipping": False},
    "pending": {"status": "PENDING"} | UNPAID,
    "processing": {"status": "PROCESSING"} | UNPAID,
    "failed": {"status": "FAILED"} | UNPAID,
    "expired": {"status": "EXPIRED"} | UNPAID,
    "review": {"status": "REVIEW", "review_reason": "Money arrived in cs_1, but.\n"},
    "settled": {"status": "REVIEW"},
    "refunded": {"status": "REFUNDED", "refunded_cents": 100},
    "in part": {"refunded_cents": 1, "shipped_at": timezone.now()},
}


class TestTheTabs:
    @pytest.mark.parametrize(
        ("tab", "holds"),
        [
            ("", {"to ship"}),
            ("to-ship", {"to ship"}),
            ("nonsense", {"to ship"}),
            ("paid", {"to ship", "shipped", "download", "in part"}),
            ("waiting", {"pending", "processing"}),
            ("look", {"review"}),
            ("refunded", {"refunded", "in part"}),
            ("unpaid", {"failed", "expired"}),
            ("all", {*STATES}),
        ],
    )
    def test_hold_what_they_say(self, desk: Client, tab: str, holds: set[str]):
        names = {an_order(**fields).reference: name for name, fields in STATES.items()}
        query = {"tab": tab} if tab else {}
        assert {names[reference] for reference in shown(desk, **query)} == holds

    def test_begin_with_what_waits_longest_and_else_with_the_newest(self, desk: Client):
        now = timezone.now()
        first, last = (
            an_order(paid_at=now + timedelta(days=n), created_at=now + timedelta(days=n))
            for n in (0, 1)
        )
        assert shown(desk) == [first.reference, last.reference]
        assert shown(desk, tab="paid") == [last.reference, first.reference]
        assert desk.get(LIST).text.count('class="day"') == 2

    def test_say_in_words_that_they_are_empty(self, desk: Client):
        assert "No order waits to be shipped." in desk.get(LIST).text
        assert "No order needs a look." in desk.get(LIST, {"tab": "look"}).text

    def test_cost_no_more_for_more_orders(self, desk: Client):
        counts = []
        for _ in range(2):
            an_order()
            desk.get(LIST)
            with CaptureQueriesContext(connection) as seen:
                desk.get(LIST)
            counts.append(len(seen))
        assert counts[0] == counts[1]

    def test_show_who_what_and_how_it_stands(self, desk: Client, order: Order):
        Order.objects.update(note="Ask <Ada>")
        text = desk.get(LIST).text
        for words in ("Ada Lovelace", "Graz", "2 × <bdi>Mouse</bdi>", "$59.98", "To ship", "noted"):
            assert words in text
        assert "Ask" not in text


class TestFinding:
    @pytest.mark.parametrize(
        "spelling",
        [
            *("{0}", "{0[0]}{0[1]}{0[2]}{0[3]}", "#{0}", "# {0}", "order {0}", "Order #{0}"),
            *(" {0} ", "ref. {0}", "ORDER-{0}", "{1}", "https://shop.example/orders/{1}/"),
        ],
    )
    def test_knows_a_reference_in_any_spelling(self, desk: Client, spelling: str):
        order = an_order(status="EXPIRED", paid_at=None)
        an_order()
        for text in (spelling, spelling.lower(), spelling.replace("{0}", "{2}")):
            name = text.format(order.reference, order.pk, order.reference.replace("-", " "))
            assert shown(desk, q=name) == [order.reference]

    def test_takes_the_digits_that_no_reference_has_for_letters(self, desk: Client):
        order = an_order(pk=UUID("00000000-0000-4000-8000-000000000000"))
        other = an_order(pk=UUID("74229dc120004000800000000000000f"))
        assert order.reference == "AAAA-AAAA"
        assert shown(desk, q=other.reference.replace("O", "0").replace("I", "1")) == [
            other.reference
        ]

    @pytest.mark.parametrize("words", ["ada@", "ADA@X", "ada@xa.example", "ada", "@xa.example"])
    @pytest.mark.parametrize("more", ["", " <", "mailto "])
    def test_knows_an_address_by_its_beginning_or_its_domain(
        self, desk: Client, words: str, more: str
    ):
        order = an_order(email="Ada@xa.example")
        an_order(email="bo@xb.example")
        if not more or "@" in words:
            assert shown(desk, q=f"{more}{words}") == [order.reference]

    @pytest.mark.parametrize("words", ["jör", "JÖRG@", "jo\u0308rg@exä", "@exämple", "exämple.de"])
    def test_knows_an_address_of_other_letters(self, desk: Client, words: str):
        order = an_order(email="Jörg@exämple.de")
        an_order(email="jürg@x.de")
        assert shown(desk, q=words) == [order.reference]

    @pytest.mark.parametrize(
        "words",
        [
            *("zoë", "ZOE", "zoe von", "Müll", "muller", "Zoë von Müller-Łuk", "müller, zoë"),
            *("von mull", "muller von"),
        ],
    )
    def test_knows_a_name_by_its_first_or_last_word(self, desk: Client, words: str):
        order = called("Zoë  von Müller-Łukasz")
        called("Bo Zo")
        assert shown(desk, q=words) == [order.reference]

    @pytest.mark.parametrize("words", ["oë", "üller", "zoë bo", "zoe%", "zo_"])
    def test_does_not_know_it_by_another_part(self, desk: Client, words: str):
        called("Zoë von Müller")
        assert shown(desk, q=words) == []

    @pytest.mark.parametrize("words", ["SW1A 1AA", "sw1a1aa", "sw1a", "SW1A-1", "GB-SW1A"])
    def test_knows_a_postcode_by_its_beginning(self, desk: Client, words: str):
        codes = ("SW1A 1AA", "EC1A 1BB")
        orders = [an_order(ship_to=HOME | {"postal_code": code}) for code in codes]
        if words != "GB-SW1A":
            assert shown(desk, q=words) == [orders[0].reference]

    @pytest.mark.parametrize("words", ["8010", "A-8010", "a-801"])
    def test_knows_a_postcode_of_digits(self, desk: Client, words: str):
        order = an_order(ship_to=HOME)
        an_order(ship_to=HOME | {"postal_code": None})
        assert shown(desk, q=words) == [order.reference]

    @pytest.mark.parametrize("name", ["session", "intent", "event", "refund", "dispute"])
    def test_knows_what_stripe_calls_it(
        self, desk: Client, order: Order, bo: Shopper, mouse: Product, name: str
    ):
        Refund.objects.create(order=order, refund_id="re_1x", amount_cents=1)
        Order.objects.update(dispute_id="du_1x", disputed_at=timezone.now())
        order.refresh_from_db()
        an_order()
        event = order.events.get()
        names = {
            "session": order.session_id,
            "intent": f"https://dashboard.stripe.com/test/payments/{order.payment_intent}",
            "event": event.event_id,
            "refund": "re_1x",
            "dispute": "du_1x",
        }
        assert shown(desk, q=f" {names[name]}") == [order.reference]

    def test_looks_in_all_tabs(self, desk: Client):
        order = called("Ada", status="REFUNDED")
        assert shown(desk, q="ada", tab="to-ship") == [order.reference]

    @pytest.mark.parametrize("words", ["grac", "x", "@", "K7M2-PQ4X-", "pi_x", "☃", "%", "\\", "'"])
    def test_says_what_it_looks_for_when_it_finds_nothing(self, desk: Client, words: str):
        called("Ada Lovelace", email="ada@example.com", ship_to=HOME)
        text = desk.get(LIST, {"q": words}).text
        assert "Nothing called" in text
        assert finding.WHAT in text

    def test_says_that_there_are_more_than_it_shows(
        self, desk: Client, monkeypatch: pytest.MonkeyPatch
    ):
        for module in ("merchant.finding", "merchant.orders"):
            monkeypatch.setattr(f"{module}.MOST", 2)
        for _ in range(3):
            called("Ada")
        page = desk.get(LIST, {"q": "ada"})
        assert "write more of the name" in page.text
        assert len(LINK.findall(page.text)) == 2

    def test_finds_the_messages_of_an_order_too(self, desk: Client, order: Order):
        desk = desk_of("view_message", name="other")
        for q, count in (("nobody", 0), (f"#{order.reference}", order.messages.count())):
            page = desk.get("/admin/checkout/message/", {"q": q})
            assert page.context["cl"].result_count == count

    def test_knows_the_names_that_the_last_release_wrote(self, desk: Client):
        order = an_order(shipping_name="Zoë")
        nameless = an_order(shipping_name="\u0301")
        assert shown(desk, q="zoe") == []
        assert [Order.objects.fold_again(5), Order.objects.fold_again(5)] == [2, 0]
        assert shown(desk, q="zoe") == [order.reference]
        assert nameless.reference not in shown(desk, q="\u0301")

    def test_knows_the_name_as_soon_as_it_is_paid(
        self, desk: Client, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 1)
        ada.buys()
        place = {"name": "Zoë Ü" + "ﷺ" * 250, "address": HOME}
        details = {"shipping_details": place}
        deliver(event_about(ada.order, collected_information=details))
        assert shown(desk, q="zoe") == [ada.order.reference]


class TestSeveralAtOnce:
    def test_are_shipped_from_the_list_and_lead_back_to_it(self, desk: Client):
        one, two = an_order(), an_order()
        said = {"order": [one.pk, two.pk], "index": "ship", "list": "tab=paid&p=1"}
        answer = desk.post("/admin/to-ship/", said)
        assert (answer.status_code, answer["Location"]) == (303, f"{LIST}?tab=paid&p=1")
        assert not Order.objects.filter(shipped_at=None).exists()

    def test_have_their_slips_printed(self, desk: Client):
        order = an_order()
        said = {"order": [order.pk], "index": "slips", "list": ""}
        assert "/slips/?order=" in desk.post("/admin/to-ship/", said)["Location"]

    def test_are_named_first(self, desk: Client):
        an_order()
        said = {"index": "ship", "list": "q=a\r\nX: y"}
        answer = desk.post("/admin/to-ship/", said)
        assert "\n" not in answer["Location"]
        assert "Tick the orders first." in desk.get(LIST).text

    def test_are_shipped_by_who_may(self, db: None):
        order = an_order()
        reader = desk_of("view_order")
        assert 'value="ship"' not in reader.get(LIST).text
        said = {"order": [order.pk], "index": "ship", "list": ""}
        assert reader.post("/admin/to-ship/", said).status_code == 403
