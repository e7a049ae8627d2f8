"""The first page of the desk: what is to be done, what was sold, and what is wrong."""

import re
from datetime import datetime, time, timedelta
from html import unescape
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from checkout import reconciling
from checkout.models import Heartbeat, Message, Order, OrderItem, Refund, StripeEvent
from storefront.models import Product, ShippingRate
from tests.cast import Shopper, deliver, event_about, picture_of
from tests.merchant.conftest import desk_of
from tools.signed_events import signed
from tools.stripe_stand_in import StandIn

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOBODYS = "whsec_of_nobody"


def words(desk: Client, address: str = "/admin/") -> str:
    """What the page says, without its marks."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", desk.get(address).text)).split())


def cards(desk: Client) -> dict[str, str]:
    found = re.findall(r'<li class="card[^"]*">(.*?)</li>', desk.get("/admin/").text, re.DOTALL)
    plain = [" ".join(unescape(re.sub(r"<[^>]+>", " ", card)).split()) for card in found]
    titles = [re.findall(r"<h2><a[^>]*>([^<]+)", card)[0] for card in found]
    return dict(zip(titles, plain, strict=True))


def figures(desk: Client) -> dict[str, list[str]]:
    table = desk.get("/admin/").text.partition('class="rows figures"')[2].partition("</table>")[0]
    rows = re.findall(r'<tr>\s*<th scope="row">([^<]+)</th>(.*?)</tr>', table, re.DOTALL)
    cells = {name: re.findall(r"<td[^>]*>(.*?)</td>", row) for name, row in rows}
    return {name: [re.sub(r"<[^>]+>", "", cell) for cell in row] for name, row in cells.items()}


def alarm(desk: Client) -> str:
    """What stands in red above a page, but for the worker that no test has."""
    text = desk.get("/admin/checkout/order/").text
    lines = re.findall(r'<ul class="messagelist alarms">(.*?)</ul>', text, re.DOTALL)
    found = re.findall(r'<li class="error">([^<]*)', "".join(lines))
    return unescape(" ".join(line.strip() for line in found if "No worker" not in line))


def sold(at: datetime, cents: int = 1_000, **fields: Any) -> Order:
    known = {"status": "PAID", "currency": "usd", "shipped_at": at, "paid_at": at}
    known |= {"created_at": at, "total_cents": cents, "received_cents": cents}
    return Order.objects.create(shopper=uuid4(), session_id=f"cs_{uuid4().hex}", **known | fields)


@pytest.fixture
def merchant(admin_client: Client) -> Client:
    return admin_client


class TestWhatIsToBeDone:
    def test_is_nothing_when_nothing_is(self, merchant: Client):
        order = sold(timezone.now())
        assert cards(merchant) == {}
        assert "Nothing to do. The last order came today." in words(merchant)
        Order.objects.filter(pk=order.pk).update(paid_at=timezone.now() - 3 * DAY)
        assert re.search(r"The last order came on \w+day\.", words(merchant))

    def test_is_to_ship_what_is_paid(self, merchant: Client, order: Order):
        Order.objects.update(paid_at=timezone.now() - 2 * DAY - HOUR)
        assert cards(merchant)["To ship"] == "To ship 1 oldest: 2 days Ship them"

    def test_is_to_look_at_what_does_not_fit(self, merchant: Client):
        order = sold(timezone.now(), 13_997, review_reason="Goods gone.\nMore.\n")
        said = f"Needs a look 1 {order.reference}, $139.97: Goods gone. Open it"
        assert cards(merchant) == {"Needs a look": said}
        assert f'href="/admin/checkout/order/{order.pk}/change/"' in merchant.get("/admin/").text

    def test_is_to_answer_a_dispute_in_time(
        self, merchant: Client, stripe: StandIn, order: Order, settings: Settings
    ):
        settings.TIME_ZONE = "Europe/Vienna"
        dispute = {
            "id": "dp_1",
            "status": "needs_response",
            "payment_intent": f"pi_{order.pk.hex}",
            "amount": 1,
            "currency": "usd",
            "evidence_details": {"due_by": 1_796_238_000},
        }
        deliver(_event("charge.dispute.created", dispute))
        assert "answer by 2 Dec, 20:00" in cards(merchant)["Disputes"]
        deliver(_event("charge.dispute.closed", dispute | {"status": "won"}))
        assert "Disputes" not in cards(merchant)

    @pytest.mark.parametrize(
        ("least", "left", "said"), [(3, 2, True), (3, 3, False), (0, 0, True), (0, 1, False)]
    )
    def test_is_to_restock_what_runs_low(
        self,
        merchant: Client,
        settings: Settings,
        mouse: Product,
        least: int,
        left: int,
        said: bool,
    ):
        settings.LOW_STOCK = least
        Product.objects.update(stock=left)
        assert ("Low stock" in cards(merchant)) == said
        if said:
            assert f"Mouse: {left}" in cards(merchant)["Low stock"]
            Product.objects.update(is_on_sale=False)
            assert cards(merchant) == {}

    def test_is_to_see_the_messages_that_did_not_arrive(self, merchant: Client):
        refused = _message("a/1", due_at=None, tries=1)
        _message("b/1", claimed_at=timezone.now(), error="who knows")
        _message("c/1", due_at=None)  # it was no longer true
        assert "1 unsure, 1 refused" in cards(merchant)["Messages"]
        Message.objects.filter(claimed_at__isnull=False).update(due_at=None)
        merchant.post(f"/admin/checkout/message/{refused.pk}/again/")
        assert "unsure" not in cards(merchant).get("Messages", "")
        assert "refused" not in cards(merchant).get("Messages", "")

    def test_is_to_let_mails_leave(self, merchant: Client):
        _message("a/1")
        assert "MAIL_URL is not set" in cards(merchant)["Messages"]

    def test_is_to_mend_the_books(self, merchant: Client):
        Heartbeat.beat(Heartbeat.Name.BOOKS, note="books and Stripe differ in 1")
        assert "books and Stripe differ in 1." in cards(merchant)["Books"]

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("permissions", "shown"),
        [
            ([], set()),
            (["view_order"], {"To ship", "Needs a look"}),
            (["view_product"], {"Low stock"}),
            (["view_message"], {"Messages"}),
        ],
    )
    def test_is_for_who_may_see_it(
        self, order: Order, permissions: list[str], shown: set[str], settings: Settings
    ):
        Order.objects.update(review_reason="Goods gone.\n")
        Product.objects.update(stock=0)
        Message.objects.update(claimed_at=timezone.now(), error="who knows")
        desk = desk_of(*permissions)
        assert set(cards(desk)) == shown
        assert figures(desk) == {}
        assert (order.reference in words(desk)) == ("To ship" in shown)


class TestWhatWasSold:
    def test_goes_by_the_days_of_the_shop(self, merchant: Client, settings: Settings):
        settings.TIME_ZONE = "Pacific/Auckland"
        zone = ZoneInfo(settings.TIME_ZONE)
        midnight = datetime.combine(datetime.now(zone).date(), time.min, tzinfo=zone)
        sold(midnight, 1_000)
        sold(midnight - timedelta(microseconds=1), 500)
        shown = figures(merchant)
        assert shown["Today"] == ["1", "$10.00", "$10.00", "$0.00", "$10.00"]
        assert shown["Yesterday"] == ["1", "$5.00", "$5.00", "$0.00", "$5.00"]

    def test_stands_beside_what_was_sold_before(self, merchant: Client):
        now = timezone.now()
        for days in (0, 6, 7, 29, 30, 59, 60):
            sold(now - days * DAY, 1_000)
        sold(now, 2_000)
        shown = figures(merchant)
        assert shown["7 days"][:2] == ["3 (+2)", "$40.00 (+300 %)"]
        assert shown["30 days"][:3] == ["5 (+3)", "$60.00 (+200 %)", "$12.00"]

    def test_is_less_what_went_back(self, merchant: Client):
        now = timezone.now()
        order = sold(now - 3 * DAY, 5_000)
        Refund.objects.create(order=order, refund_id="re_1", amount_cents=1_500, made_at=now)
        Refund.objects.create(
            order=order, refund_id="re_2", amount_cents=900, made_at=now, failed_at=now
        )
        shown = figures(merchant)
        assert shown["Today"][3:] == ["$15.00", "-$15.00"]
        assert shown["7 days"][3:] == ["$15.00", "$35.00"]

    @pytest.mark.parametrize(
        "fields",
        [
            {"status": "REVIEW"},
            {"status": "REFUNDED", "refunded_from": "REVIEW"},
            {"currency": "eur"},
            {"status": "PENDING", "paid_at": None},
        ],
    )
    def test_is_only_what_was_paid_in_the_shops_money_and_fits(
        self, merchant: Client, fields: dict[str, Any]
    ):
        now = timezone.now()
        sold(now)
        other = sold(now, **fields)
        if other.paid_at:
            Refund.objects.create(order=other, refund_id="re_1", amount_cents=400, made_at=now)
        assert figures(merchant)["Today"] == ["1", "$10.00", "$10.00", "$0.00", "$10.00"]

    def test_of_a_product_is_only_what_fits(self, merchant: Client, mouse: Product):
        for quantity, status, refunded_from in (
            (1, "REFUNDED", "PAID"),
            (20, "REVIEW", ""),
            (300, "REFUNDED", "REVIEW"),
        ):
            order = sold(timezone.now(), status=status, refunded_from=refunded_from)
            OrderItem.objects.create(
                order=order, product=mouse, name="Mouse", unit_price_cents=1, quantity=quantity
            )
        assert re.search(
            r">Mouse</bdi></a> <span class=\"number\">1<", merchant.get("/admin/").text
        )
        products = merchant.get("/admin/storefront/product/").text
        assert re.findall(r'class="field-sold[^"]*">(.*?)</td>', products) == ["1"]

    def test_is_drawn_and_written(self, merchant: Client, mouse: Product):
        now = timezone.now()
        for days, cents in ((0, 4_000), (1, 1_000)):
            order = sold(now - days * DAY, cents)
            OrderItem.objects.create(
                order=order, product=mouse, name="Mouse", unit_price_cents=1_000, quantity=2
            )
        text = merchant.get("/admin/").text
        bars = re.findall(r'<rect x="(\d+)" y="(\d+)" width="8" height="(\d+)">', text)
        assert [bars[0], *bars[-2:]] == [
            ("0", "100", "0"),
            ("280", "75", "25"),
            ("290", "0", "100"),
        ]
        assert f"{timezone.localtime(now):%-d %b}: 1 order, $40.00</title>" in text
        assert text.count('<th scope="row"><time') == 30
        assert re.search(r">Mouse</bdi></a> <span class=\"number\">4<", text)

    def test_shows_the_newest_ten(self, merchant: Client, mouse: Product):
        now = timezone.now()
        orders = [
            sold(now - n * HOUR, shipping_name=f"Ada {n}", ship_to={"city": "Graz"})
            for n in range(11)
        ]
        text = words(merchant)
        assert [order.reference in text for order in orders] == [True] * 10 + [False]
        assert "Ada 3 , Graz" in text


class TestWhatIsWrong:
    """It stands above every page."""

    @pytest.fixture
    def desk(self, merchant: Client, stripe: StandIn) -> Client:
        return merchant

    def refuse(self, order: Order, **options: Any) -> None:
        body, headers = signed(event_about(order), NOBODYS)
        header = options.get("header", headers["Stripe-Signature"])
        assert deliver(body, header=header).status_code == 400

    def test_is_nothing_while_stripe_is_heard(self, desk: Client, pending_order: Order):
        deliver(event_about(pending_order))
        assert alarm(desk) == ""
        assert "Stripe called 0 s ago" in words(desk)

    def test_is_a_refused_webhook_until_one_is_taken(self, desk: Client, pending_order: Order):
        self.refuse(pending_order)
        assert "A webhook was refused 0 s ago, as the signature does not fit" in alarm(desk)
        Heartbeat.objects.update(at=timezone.now() - HOUR)
        deliver(event_about(pending_order))
        assert alarm(desk) == ""

    def test_is_nothing_that_does_not_even_look_like_stripes(
        self, desk: Client, pending_order: Order
    ):
        self.refuse(pending_order, header="")
        assert alarm(desk) == ""

    def test_is_written_down_no_more_often_than_needed(self, desk: Client, pending_order: Order):
        self.refuse(pending_order)
        Heartbeat.objects.update(note="the first")
        self.refuse(pending_order)
        assert "the first" in alarm(desk)

    def test_is_that_the_worker_has_to_ask_for_payments(
        self, desk: Client, stripe: StandIn, pending_order: Order
    ):
        stripe.pay(pending_order.session_id or "")
        reconciling.reconcile(timezone.now(), older_than=timedelta())
        assert Order.objects.get().status == "PAID"
        assert StripeEvent.objects.newest_heard() is None
        assert "the worker had to ask for the last payment" in alarm(desk)
        assert "Stripe has not called yet" in words(desk)

    @pytest.mark.parametrize(("hours", "is_said"), [(1, False), (2, True), (72, False)])
    def test_is_silence_while_an_order_waits(
        self, desk: Client, pending_order: Order, hours: int, is_said: bool
    ):
        Order.objects.update(created_at=timezone.now() - hours * HOUR)
        assert ("Stripe is silent" in alarm(desk)) == is_said

    @pytest.mark.once
    def test_is_that_no_secret_is_set(self, desk: Client, settings: Settings):
        settings.STRIPE_WEBHOOK_SECRET = ""
        assert "STRIPE_WEBHOOK_SECRET is not set" in alarm(desk)

    @pytest.mark.once
    @pytest.mark.parametrize(("is_live", "is_said"), [(True, True), (False, False)])
    def test_is_debug_where_money_moves(
        self, desk: Client, settings: Settings, is_live: bool, is_said: bool
    ):
        settings.DEBUG, settings.STRIPE_LIVE_MODE, settings.IS_PUBLIC = True, is_live, False
        assert ("DEBUG is on" in alarm(desk)) == is_said

    @pytest.mark.once
    def test_is_that_mails_are_put_off(self, desk: Client, mails: list[Any]):
        _message("a/1", tries=1, error="the server is away")
        assert alarm(desk) == "Mails are put off, and tried again: the server is away."
        assert alarm(desk_of("view_order")) == ""


@pytest.mark.once
class TestAShopThatHasSoldNothing:
    def steps(self, desk: Client) -> dict[str, bool]:
        text = desk.get("/admin/").text.partition('class="steps"')[2].partition("</ul>")[0]
        rows = re.findall(r'<li( class="done")?>\s*(?:<a[^>]*>)?([^<]+)', text)
        return {name.strip(): bool(done) for done, name in rows}

    def test_reads_what_it_still_needs(self, merchant: Client, settings: Settings):
        settings.SHOP_NAME, settings.SHOP_LINKS = "", {}
        Product.objects.all().delete()
        before = self.steps(merchant)
        assert len(before) == 8
        assert {name for name, done in before.items() if done} <= {
            "Delivery, and the countries you send to"
        }
        assert "Newest orders" not in words(merchant)

    def test_ticks_off_what_it_has(
        self, merchant: Client, stripe: StandIn, settings: Settings, mouse: Product
    ):
        settings.SHOP_NAME, settings.SHOP_ACCENT = "Tea & Co", "#123456"
        settings.SHOP_LINKS = {"Imprint": "https://tea.example/"}
        assert not self.steps(merchant)["Delivery, and the countries you send to"]
        picture_of(mouse)
        ShippingRate.objects.create(name="Parcel", countries="*", amount_cents=0)
        missing = [name for name, done in self.steps(merchant).items() if not done]
        assert missing == ["Stripe’s webhook was heard", "A test order", "Live keys"]
        assert 'value="http://testserver/stripe/webhook/"' in merchant.get("/admin/").text

    def test_reads_less_once_it_was_tried_and_nothing_once_it_is_open(
        self, merchant: Client, stripe: StandIn, settings: Settings, order: Order
    ):
        left = self.steps(merchant)
        assert "Live keys" in left
        assert not any(left.values())
        settings.STRIPE_LIVE_MODE = True
        Order.objects.update(session_id="cs_live_1")
        assert self.steps(merchant) == {}

    def test_tells_it_to_nobody_who_can_do_nothing_about_it(self, db: None):
        assert self.steps(desk_of("view_order")) == {}


def test_the_desk_shows_how_the_shop_beats(merchant: Client, ada: Shopper):
    sold(timezone.now())
    assert "Worker: not seen yet" in words(merchant)
    Heartbeat.beat(Heartbeat.Name.ROUND, timezone.now() - timedelta(seconds=40))
    Heartbeat.beat(Heartbeat.Name.BACKUP, timezone.now() - DAY - HOUR)
    assert re.search(r"Worker: 4\d s ago · Backup: 1\sday ago", words(merchant))


def _message(key: str, **fields: Any) -> Message:
    known = {"kind": "merchant_new_order", "to": "merchant@shop.example"}
    return Message.objects.create(key=key, **known | fields)


def _event(kind: str, thing: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"evt_{uuid4().hex}",
        "type": kind,
        "created": int(timezone.now().timestamp()),
        "data": {"object": thing},
    }
