"""Each mail: when it is written, what it says, and that mail programs can show it."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from checkout import outbox, telling
from checkout.models import Message, Order, OrderItem
from merchant.letters import COLUMNS, LARGEST_HTML, Goods, Letter, Lines, Words, one_line
from merchant.models import Parcel
from merchant.samples import sample
from merchant.shipping import add_parcel, ship, undo
from storefront.models import Product
from tests.cast import Shopper, deliver, event_about, product
from tests.merchant.conftest import desk_of
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db

Kind = Message.Kind
MERCHANTS = [kind for kind in Kind if kind.startswith("merchant_")]
SHOPPERS = [kind for kind in Kind if kind not in MERCHANTS]
CLASSES = {"page", "card", "ink", "quiet", "line"}


@pytest.fixture(autouse=True)
def merchant(settings: Settings) -> None:
    settings.MERCHANT_MAIL, settings.LOW_STOCK = "desk@shop.example", 3
    settings.SHOP_LINKS = {"Imprint": "https://shop.example/imprint"}


@pytest.fixture
def paid(pending_order: Order) -> Order:
    deliver(event_about(pending_order))
    return Order.objects.get(pk=pending_order.pk)


def written(kind: Kind) -> Message:
    return Message.objects.get(kind=kind)


def kinds() -> Counter[str]:
    return Counter(Message.objects.values_list("kind", flat=True))


def deliver_all(stripe: StandIn) -> None:
    for event in stripe.events:
        deliver(event)


def text_of(kind: Kind) -> str:
    return " ".join(outbox.mail_of(written(kind)).text.split())


class TestTheShopper:
    @pytest.mark.once
    def test_reads_what_was_bought_what_it_cost_and_where_it_goes(self, paid: Order):
        Order.objects.update(
            total_cents=3_368,
            received_cents=3_368,
            shipping_cents=490,
            discount_cents=121,
            tax_cents=300,
            offer={"shipping": [{"name": "Parcel", "cents": 490, "least": 2, "most": 4}]},
            shipping_name="Ada Lovelace",
            ship_to={"line1": "Herrengasse 1", "postal_code": "8010", "city": "Graz"}
            | {"country": "AT"},
        )
        Product.objects.update(after_payment="Your code: https://licence.example/1")
        mail = outbox.mail_of(written(Kind.ORDER_CONFIRMED))
        for words in (
            *(paid.reference, "1 × Mouse", "$29.99", "$4.90", "-$1.21", "$3.00", "$33.68"),
            *("Parcel, usually 2 to 4 working days", "Ada Lovelace", "8010 Graz", "Austria"),
            *("https://licence.example/1", "/receipts/", "Just answer this mail", "Imprint"),
        ):
            assert words in mail.text
            assert words in mail.html.replace("&#x27;", "'")

    def test_is_asked_to_wait_for_the_bank_and_then_told_what_came_of_it(
        self, stripe: StandIn, pending_order: Order
    ):
        stripe.pay_later(pending_order.session_id or "")
        deliver_all(stripe)
        assert "We wait for your bank" in text_of(Kind.ORDER_PROCESSING)
        assert written(Kind.ORDER_PROCESSING).to == Order.objects.get().email
        stripe.settle(pending_order.session_id or "")
        deliver_all(stripe)
        assert kinds()["order_confirmed"] == 1

    def test_is_told_when_the_bank_has_not_paid(self, stripe: StandIn, pending_order: Order):
        stripe.pay_later(pending_order.session_id or "")
        stripe.fail(pending_order.session_id or "")
        deliver_all(stripe)
        assert "Nothing was charged" in text_of(Kind.PAYMENT_FAILED)
        assert written(Kind.PAYMENT_FAILED).to

    @pytest.mark.parametrize("verb", ["expire", "decline"])
    def test_is_told_nothing_of_what_was_never_paid(
        self, stripe: StandIn, pending_order: Order, verb: str
    ):
        getattr(stripe, verb)(pending_order.session_id or "")
        deliver_all(stripe)
        assert not Message.objects.exists()

    def test_does_not_wait_for_the_bank_any_more_when_that_could_be_sent(
        self, stripe: StandIn, pending_order: Order, mails: list[EmailMessage]
    ):
        stripe.pay_later(pending_order.session_id or "")
        stripe.settle(pending_order.session_id or "")
        deliver_all(stripe)
        outbox.send_due(timezone.now())
        assert written(Kind.ORDER_PROCESSING).state == "failed"
        assert [mail.to for mail in mails if "confirmed" in mail.subject] == [[mails[0].to[0]]]

    @pytest.mark.parametrize(
        ("amount", "words"),
        [(None, "all of order"), (1_000, "back to you: with that, $10.00 of $29.99")],
    )
    def test_is_told_what_went_back(
        self, stripe: StandIn, pending_order: Order, amount: int | None, words: str
    ):
        stripe.pay(pending_order.session_id or "")
        stripe.refund(pending_order.session_id or "", amount)
        deliver_all(stripe)
        assert kinds()["order_refunded"] == 1
        assert words in text_of(Kind.ORDER_REFUNDED)
        assert f"We paid {'$10.00' if amount else '$29.99'} " in text_of(Kind.ORDER_REFUNDED)

    def test_is_told_of_a_refund_when_it_has_succeeded_and_of_no_other(self, paid: Order):
        refund = {"id": "re_1", "amount": 500, "currency": "usd", "payment_intent": "pi_1"}
        Order.objects.update(payment_intent="pi_1")
        for status in ("pending", "requires_action", "failed", "canceled", "pending"):
            self._says(refund | {"status": status, "id": f"re_{status}"})
        assert kinds()["order_refunded"] == 0
        self._says(refund | {"status": "pending"})
        self._says(refund | {"status": "succeeded"})
        self._says(refund | {"status": "succeeded"})
        assert kinds()["order_refunded"] == 1

    def _says(self, refund: dict[str, Any]) -> None:
        event = {
            "id": f"evt_{Message.objects.count()}_{timezone.now().timestamp()}",
            "object": "event",
            "type": "refund.updated",
            "created": int(timezone.now().timestamp()),
            "data": {"object": refund},
        }
        assert deliver(event).status_code == 200

    def test_reads_of_each_parcel_and_how_to_follow_it(self, paid: Order):
        parcel = Parcel(carrier="DHL", number="0034", url="https://dhl.example/0034")
        ship(paid, parcel, timezone.now())
        add_parcel(paid, Parcel(), "1", timezone.now())
        first, second = Message.objects.filter(kind=Kind.ORDER_SHIPPED).order_by("id")
        text = outbox.mail_of(first).text
        for words in ("DHL", "0034", "https://dhl.example/0034", "1 × Mouse"):
            assert words in text
        assert "DHL" not in outbox.mail_of(second).text

    def test_reads_of_no_parcel_that_was_taken_back_in_time(
        self, paid: Order, mails: list[EmailMessage]
    ):
        ship(paid, Parcel(), timezone.now())
        undo(paid, timezone.now())
        outbox.send_due(timezone.now())
        assert not [mail for mail in mails if "on its way" in mail.subject]
        assert (written(Kind.ORDER_SHIPPED).state, written(Kind.ORDER_SHIPPED).tries) == (
            "failed",
            0,
        )

    def test_reads_times_by_the_shops_clock_and_that_a_demo_charges_nothing(
        self, paid: Order, settings: Settings
    ):
        settings.SHOP_TIME_ZONE = "Asia/Tokyo"
        Order.objects.update(paid_at=datetime(2025, 1, 31, 20, tzinfo=UTC))
        text = text_of(Kind.ORDER_CONFIRMED)
        assert ("Feb" in text, "Jan" in text, "demo shop" in text) == (True, False, False)
        Message.objects.update(is_demo=True)
        assert "demo shop: nothing was charged" in text_of(Kind.ORDER_CONFIRMED)


class TestTheMerchant:
    def test_without_an_address_is_told_nothing(self, settings: Settings, pending_order: Order):
        settings.MERCHANT_MAIL = ""
        deliver(event_about(pending_order))
        assert kinds() == {"order_confirmed": 1}

    def test_reads_of_a_new_order_and_where_it_is_at_the_desk(self, paid: Order):
        text = text_of(Kind.NEW_ORDER)
        for words in ("ada@example.com", "1 × Mouse", f"/admin/checkout/order/{paid.pk}/change/"):
            assert words in text
        assert written(Kind.NEW_ORDER).to == "desk@shop.example"

    def test_reads_what_needs_a_look_once_for_each_reason(self, pending_order: Order):
        for number in range(3):
            deliver(event_about(pending_order, currency="eur") | {"id": f"evt_{number}"})
        assert kinds() == {"merchant_review": 1}
        assert "the currency is not usd" in text_of(Kind.REVIEW)

    def test_reads_of_a_dispute_and_until_when_to_answer(
        self, stripe: StandIn, pending_order: Order
    ):
        stripe.pay(pending_order.session_id or "")
        dispute = stripe.dispute(pending_order.session_id or "")
        deliver_all(stripe)
        about = written(Kind.DISPUTE).about or {}
        assert about["due_by"].startswith(
            time_at(dispute["evidence_details"]["due_by"]).date().isoformat()
        )
        assert "without an answer the money is lost" in text_of(Kind.DISPUTE)
        Message.objects.filter(kind=Kind.DISPUTE).update(about=about | {"cents": 500})
        assert "asks $5.00 back" in text_of(Kind.DISPUTE)

    def test_reads_of_a_dispute_that_came_before_its_payment(
        self, stripe: StandIn, pending_order: Order
    ):
        stripe.pay(pending_order.session_id or "")
        stripe.dispute(pending_order.session_id or "")
        for event in reversed(stripe.events):
            deliver(event)
        assert (written(Kind.DISPUTE).about or {})["due_by"]

    def test_reads_of_a_refund_that_failed(self, stripe: StandIn, pending_order: Order):
        stripe.pay(pending_order.session_id or "")
        refund = stripe.refund(pending_order.session_id or "", 1_000)
        stripe.fail_refund(refund["id"])
        deliver_all(stripe)
        assert kinds()["merchant_refund_failed"] == 1
        assert "$10.00" in text_of(Kind.REFUND_FAILED)

    @pytest.mark.parametrize(
        ("stock", "buys", "told"),
        [(5, [1], 0), (5, [2], 0), (5, [3], 1), (5, [3, 1], 1), (2, [1], 1)],
    )
    def test_reads_once_that_little_is_left(
        self, stripe: StandIn, ada: Shopper, stock: int, buys: list[int], told: int
    ):
        tea = product("Tea", 100, stock=stock)
        for quantity in buys:
            ada.puts(tea, quantity)
            ada.buys()
            deliver(event_about(ada.order))
        assert kinds()["merchant_low_stock"] == told
        if told:
            about = written(Kind.LOW_STOCK).about or {}
            assert (about["product"], about["name"]) == (tea.pk, "Tea")
            assert about["left"] == stock - buys[0] < 3

    def test_reads_nothing_of_what_is_only_reserved(self, stripe: StandIn, ada: Shopper):
        tea = product("Tea", 100, stock=4)
        ada.puts(tea, 1)
        ada.buys()
        other = Shopper()
        other.puts(tea, 2)
        other.buys()
        deliver(event_about(ada.order))
        assert not kinds()["merchant_low_stock"]
        deliver(event_about(other.order))
        assert kinds()["merchant_low_stock"] == 1

    def test_reads_once_a_day_that_books_differ(self):
        now = timezone.now()
        for moment in (now, now, now + timedelta(days=1)):
            telling.books_differ("books and Stripe differ in 2: order A is odd; order B is", moment)
        assert kinds() == {"merchant_books_differ": 2}
        assert "order B is" in outbox.mail_of(Message.objects.latest("id")).text


def time_at(seconds: int) -> Any:
    return timezone.datetime.fromtimestamp(seconds, tz=timezone.get_default_timezone())  # type: ignore[attr-defined]


class Elements(HTMLParser):
    """Every element with its attributes, and the depth of tables."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.tables = self.deepest = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self.tables += tag == "table"
        self.deepest = max(self.deepest, self.tables)

    def handle_endtag(self, tag: str) -> None:
        self.tables -= tag == "table"


@pytest.mark.once
@pytest.mark.parametrize("kind", Kind)
class TestEveryKind:
    @pytest.fixture
    def mail(self, kind: Kind) -> Iterator[outbox.Mail]:
        with sample(kind) as message:
            yield outbox.mail_of(message)

    def test_reads_well_as_text(self, mail: outbox.Mail, kind: Kind):
        assert mail.subject == " ".join(mail.subject.split())
        assert len(mail.subject) < 80
        for line in mail.text.splitlines():
            assert len(line) <= COLUMNS or line.startswith("http")
            assert line == line.rstrip() or line == "-- "
        assert not re.search(r"\n\n\n|[<>{}]|None", mail.text)

    def test_needs_nothing_that_mail_programs_lack(self, mail: outbox.Mail, kind: Kind):
        elements = Elements(mail.html)
        tags = Counter(tag for tag, _ in elements.found)
        assert not tags.keys() & {"img", "script", "link", "form", "iframe", "svg", "input"}
        assert elements.deepest <= 1
        assert "max-width:600px" in mail.html
        assert len(mail.html.encode()) < 102_000
        assert not re.search(r"oklch|light-dark|var\(|flex|grid|url\(|@import", mail.html)

    def test_has_its_styles_at_each_element_and_classes_for_the_dark_alone(
        self, mail: outbox.Mail, kind: Kind
    ):
        names = {
            name
            for _, attrs in Elements(mail.html).found
            for name in (attrs.get("class") or "").split()
        }
        assert names <= CLASSES
        for tag, attrs in Elements(mail.html).found:
            if attrs.get("class"):
                assert attrs.get("style"), tag
        [style] = re.findall(r"<style>(.*?)</style>", mail.html, re.DOTALL)
        for name in CLASSES - {"line"}:
            assert f".{name}" in style
        assert "prefers-color-scheme: dark" in style
        assert "[data-ogsc]" in style

    def test_says_its_language_and_takes_both_colour_schemes(self, mail: outbox.Mail, kind: Kind):
        elements = Elements(mail.html).found
        assert ("html", {"lang": "en"}) in elements
        metas = {
            attrs.get("name"): attrs.get("content") for tag, attrs in elements if tag == "meta"
        }
        assert metas["color-scheme"] == metas["supported-color-schemes"] == "light dark"
        assert mail.subject in mail.html.replace("&#x27;", "'")

    def test_leads_to_the_shop_by_whole_addresses(self, mail: outbox.Mail, kind: Kind):
        links = [attrs["href"] for tag, attrs in Elements(mail.html).found if tag == "a"]
        assert links
        assert all(str(link).startswith(("https://", "http://testserver")) for link in links)
        assert all(str(link) in mail.text for link in links)
        if kind in SHOPPERS and kind != Kind.PAYMENT_FAILED:
            assert any("/receipts/" in str(link) for link in links)
        if kind in MERCHANTS:
            assert any("/admin/" in str(link) for link in links)


@pytest.mark.once
class TestOddNames:
    @pytest.fixture
    def odd(self, paid: Order, settings: Settings) -> Order:
        settings.SHOP_NAME = 'Tom & "Jerry" <b>'
        Product.objects.update(after_payment="<script>alert(1)</script>")
        OrderItem.objects.update(name="A\r\nBcc: x@y.example <i>\u202ename " + "x" * 80)
        Order.objects.update(
            shipping_name="Ada\r\nLovelace<b>" + "y" * 200,
            ship_to={"line1": "z" * 10_000, "city": "A\nB", "country": "AT"},
        )
        return Order.objects.get()

    def test_are_harmless(self, odd: Order, mails: list[EmailMessage]):
        outbox.send_due(timezone.now())
        assert len(mails) == 2
        for mail in mails:
            message = mail.message()
            assert message["Bcc"] is None
            [(html, _)] = mail.alternatives  # type: ignore[attr-defined]
            assert not re.search(r"<script|<i>|</?b>", html)
            assert max(map(len, str(mail.body).splitlines())) < 200

    def test_are_cut_where_they_do_not_end(self):
        assert len(one_line("x" * 10_000)) < 210
        assert one_line("a\x00b\r\nc") == "a b c"


class TestAMailOfAHundredLines:
    def letter(self, count: int, text: str) -> Letter:
        rows = [(f"1 × {'ü' * 118}{number}", "$1,000.00") for number in range(count)]
        return Letter("s", "t", [Goods(rows, (), ("Total", "$1")), Words(text), Lines(["x" * 300])])

    @pytest.mark.parametrize(
        ("count", "text"), [(100, "short"), (100, "x " * 40_000), (3, "y" * 90_000)]
    )
    def test_is_not_clipped(self, count: int, text: str):
        mail = self.letter(count, text).mail()
        assert len(mail.html.encode()) <= LARGEST_HTML
        assert "Total" in mail.html
        assert mail.text.count("$1,000.00") == count

    def test_says_what_it_leaves_out(self):
        mail = self.letter(100, "x " * 40_000).mail()
        assert "and 80 more: see the order" in mail.html


class TestReadingThemAtTheDesk:
    @pytest.fixture
    def desk(self, db: None) -> Client:
        return desk_of("view_message", "change_message", "view_order")

    @pytest.mark.once
    @pytest.mark.parametrize("kind", Kind)
    def test_each_kind_is_a_page_that_can_do_nothing(self, desk: Client, kind: Kind):
        answer = desk.get(f"/admin/checkout/message/kinds/{kind}/")
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("sandbox; style-src 'unsafe-inline'")
        assert "default-src 'none'" in policy
        assert not Message.objects.exists()
        assert not Order.objects.exists()
        text = desk.get(f"/admin/checkout/message/kinds/{kind}/?part=text")
        assert text.headers["Content-Type"].startswith("text/plain")
        assert "unsafe-inline" not in text.headers["Content-Security-Policy"]

    @pytest.mark.once
    def test_the_list_names_them_all(self, desk: Client):
        text = desk.get("/admin/checkout/message/kinds/").text
        assert all(f"/kinds/{kind}/" in text for kind in Kind)
        assert desk.get("/admin/checkout/message/kinds/nonsense/").status_code == 404

    def test_one_that_was_written_is_shown_as_it_is_and_makes_no_link(
        self, desk: Client, paid: Order
    ):
        pk = written(Kind.ORDER_CONFIRMED).pk
        assert paid.reference in desk.get(f"/admin/checkout/message/{pk}/mail/").text
        assert Order.objects.get().link_nonce == ""
        for page in (f"order/{paid.pk}/change/", f"message/{pk}/change/", "message/?state=waiting"):
            text = desk.get(f"/admin/checkout/{page}").text
            assert "waiting" in text
            assert f"/admin/checkout/message/{pk}/again/" not in text

    def test_send_again_is_one_press_on_the_order(
        self, desk: Client, paid: Order, mails: list[EmailMessage]
    ):
        outbox.send_due(timezone.now())
        message = written(Kind.ORDER_CONFIRMED)
        again = f"/admin/checkout/message/{message.pk}/again/"
        assert again in desk.get(f"/admin/checkout/order/{paid.pk}/change/").text
        assert [desk.post(again).status_code, desk.post(again).status_code] == [303, 303]
        outbox.send_due(timezone.now())
        assert [mail.to for mail in mails].count(["ada@example.com"]) == 2
        assert desk.get(again).status_code == 405

    def test_says_on_the_order_who_cannot_be_reached(
        self, desk: Client, paid: Order, mails: list[EmailMessage]
    ):
        Message.objects.filter(kind=Kind.ORDER_CONFIRMED).update(to="ada at example")
        outbox.send_due(timezone.now())
        for reader, reads in ((desk, True), (desk_of("view_order", name="packer"), False)):
            text = unescape(reader.get(f"/admin/checkout/order/{paid.pk}/change/").text)
            assert ("can't be reached by mail" in text) is reads
            assert ("Send the last mail again" in text) is reads

    def test_says_what_waits_without_a_way_to_mail_and_what_is_unsure(
        self, desk: Client, paid: Order
    ):
        text = desk.get("/admin/checkout/message/").text
        assert "no mail is sent: 2 messages wait here" in text
        Message.objects.update(claimed_at=timezone.now(), error="who knows")
        assert "Of 2 messages nobody knows" in desk.get("/admin/checkout/message/").text

    @pytest.mark.once
    @pytest.mark.parametrize(
        "page", ["kinds/", "kinds/order_confirmed/", "{}/mail/", "{}/change/", "{}/again/", ""]
    )
    def test_is_for_who_may(self, paid: Order, page: str):
        page = page.format(written(Kind.ORDER_CONFIRMED).pk)
        other = desk_of("view_order", name="other")
        method = other.post if "again" in page else other.get
        assert method(f"/admin/checkout/message/{page}").status_code == 403
