"""The merchant ships what is paid for, and the shopper reads of it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from checkout import receipts
from checkout.models import Order
from merchant.forms import ParcelForm
from merchant.models import Parcel
from merchant.shipping import UNDO_WITHIN, NotShipped, orders_to_ship, ship, undo
from storefront.models import Product
from tests.cast import Shopper, one_by_one, poll_url, product
from tests.log_capture import Log
from tests.merchant.conftest import buy, desk_of

LIST = "/admin/to-ship/"
DHL = {"carrier": "DHL", "number": "0034 04", "url": ""}


def page_of(order: Order, more: str = "shipment/") -> str:
    return f"/admin/checkout/order/{order.pk}/{more}"


def shipped(desk: Client, order: Order, **said: str) -> Any:
    """Mark the order as shipped, and return the page that this leads to."""
    return desk.post(page_of(order), DHL | said, follow=True)


def others(number: int, **fields: Any) -> list[Order]:
    """More orders that are paid, each a minute later than the last."""
    now = timezone.now()
    known: dict[str, Any] = {"status": "PAID", "total_cents": 100, "currency": "usd"}
    return Order.objects.bulk_create(
        Order(shopper=uuid4(), paid_at=now + timedelta(minutes=n), **known | fields)
        for n in range(number)
    )


class TestTheList:
    @pytest.mark.once
    def test_holds_what_to_pack_and_where_it_goes(self, desk: Client, order: Order):
        Order.objects.update(offer={"shipping": [{"name": "Parcel", "cents": 490}]})
        text = desk.get(LIST).text
        for words in ("2 ×", "Mouse", "Ada Lovelace", "8010 Graz", "Austria", "Parcel", "$59.98"):
            assert words in text
        assert order.reference in text

    def test_leaves_out_what_is_not_to_be_shipped(self, desk: Client, order: Order):
        others: list[dict[str, Any]] = [
            {"status": "PENDING", "paid_at": None},
            {"status": "REFUNDED"},
            {"status": "REVIEW"},
            {"needs_shipping": False},
            {"shipped_at": timezone.now()},
        ]
        for otherwise in one_by_one(others):
            assert "No order waits to be shipped." not in desk.get(LIST).text
            Order.objects.update(**otherwise)
            assert "No order waits to be shipped." in desk.get(LIST).text, otherwise

    def test_begins_with_the_order_that_waits_longest(self, desk: Client, order: Order):
        Order.objects.update(created_at=timezone.now() + timedelta(days=1))
        rows = [order, *others(30)]
        pages = [desk.get(LIST, {"page": page}).context["shown"] for page in (1, 2)]
        assert [[*page] for page in pages] == [rows[:25], rows[25:]]

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"review_reason": "Another <country>."}, "Another &lt;country&gt;."),
            ({"disputed_at": timezone.now()}, "disputes the payment"),
            ({"refunded_cents": 1_000}, "$10.00 of $59.98 went back"),
        ],
    )
    def test_warns_of_what_should_be_looked_at_first(
        self, desk: Client, order: Order, fields: dict[str, Any], words: str
    ):
        assert 'class="warning"' not in desk.get(LIST).text
        Order.objects.update(**fields)
        assert words in desk.get(LIST).text

    @pytest.mark.once
    def test_tells_what_of_the_order_needs_no_parcel(self, desk: Client, order: Order):
        assert "needs no delivery" not in desk.get(LIST).text
        Product.objects.update(needs_shipping=False)
        assert "needs no delivery" in desk.get(LIST).text

    @pytest.mark.once
    def test_is_where_the_desk_leads(self, desk: Client, order: Order):
        text = desk.get("/admin/").text
        assert f'<a href="{LIST}">To ship</a> <span class="number">1</span>' in text

    def test_costs_no_more_for_more_orders(self, desk: Client, order: Order):
        desk.get(LIST)
        with CaptureQueriesContext(connection) as few:
            desk.get(LIST)
        others(10)
        with CaptureQueriesContext(connection) as many:
            desk.get(LIST)
        assert len(many) == len(few)


class TestShipping:
    def test_makes_a_parcel_and_leaves_the_payment_alone(self, desk: Client, order: Order):
        answer = shipped(desk, order)
        assert f"Order {order.reference} is marked as shipped." in answer.text
        parcel = Parcel.objects.get()
        assert (parcel.order, parcel.carrier, parcel.number) == (order, "DHL", "0034 04")
        order.refresh_from_db()
        assert (order.status, order.shipped_at) == ("PAID", parcel.shipped_at)
        assert LogEntry.objects.get().change_message == "Marked as shipped."

    @pytest.mark.once
    def test_needs_no_number(self, desk: Client, order: Order):
        shipped(desk, order, carrier="", number="")
        assert str(Parcel.objects.get()) == "without a number"

    @pytest.mark.once
    def test_leads_back_to_the_list_from_there(self, desk: Client, order: Order):
        answer = desk.post(page_of(order), DHL | {"to-ship": "yes"})
        assert (answer.status_code, answer["Location"]) == (303, LIST)

    def test_happens_once_however_often_it_is_pressed(self, desk: Client, order: Order):
        shipped(desk, order)
        answer = shipped(desk_of("change_order", name="other"), order, number="0099")
        assert "was marked as shipped already, on " in answer.text
        assert [parcel.number for parcel in Parcel.objects.all()] == ["0034 04"]

    def test_is_won_by_one_of_two_who_have_seen_it_wait(self, order: Order):
        stale = Order.objects.get(pk=order.pk)
        ship(order, Parcel(), timezone.now())
        with pytest.raises(NotShipped):
            ship(stale, Parcel(), timezone.now())
        assert Parcel.objects.count() == 1

    @pytest.mark.parametrize(
        ("otherwise", "words"),
        [
            ({"status": "REFUNDED"}, "is not to be shipped: refunded"),
            ({"status": "PENDING", "paid_at": None}, "is not to be shipped: waiting for payment"),
            ({"needs_shipping": False}, "needs no delivery"),
        ],
    )
    def test_is_refused_for_what_is_not_to_be_shipped(
        self, desk: Client, order: Order, otherwise: dict[str, Any], words: str
    ):
        Order.objects.update(**otherwise)
        assert words in shipped(desk, order).text
        assert not Parcel.objects.exists()
        assert not Order.objects.filter(shipped_at__isnull=False).exists()

    def test_of_several_at_once_needs_no_numbers(self, desk: Client, order: Order):
        one, two, gone = others(3)
        shipped(desk, gone)
        ticked = [order.pk, one.pk, gone.pk]
        text = desk.post(LIST, {"order": ticked, "ship": ""}, follow=True).text
        assert "Marked as shipped: " in text
        assert f"Order {gone.reference} was marked as shipped already" in text
        assert list(orders_to_ship()) == [two]
        assert Parcel.objects.count() == 3

    @pytest.mark.once
    def test_of_nothing_ticked_says_so(self, desk: Client, order: Order):
        assert "Tick the orders first." in desk.post(LIST, {"ship": ""}, follow=True).text

    @pytest.mark.once
    @pytest.mark.parametrize("ids", [["x"], ["x' OR 1=1"], ["7f1d0e0c"]])
    def test_of_what_is_no_order_is_not_found(self, desk: Client, ids: list[str]):
        assert desk.post(LIST, {"order": ids, "ship": ""}).status_code == 404


class TestTheLink:
    REFUSED = "A link begins with https://"

    @pytest.mark.once
    def test_is_refused_in_words_unless_it_is_https(self, desk: Client, order: Order):
        for url in (
            "http://dhl.example/0034",
            "javascript:alert(1)",
            "data:text/html,x",
            "//dhl.example/0034",
            "dhl.example/0034",
            "ftp://dhl.example",
            "https://",
            "https:dhl.example",
            "https:///0034",
            'https://dhl.example/"><script>" x',
        ):
            answer = shipped(desk, order, url=url)
            assert answer.status_code == 422, url
            for words in (self.REFUSED, "Nothing is changed so far"):
                assert words in answer.text
            assert 'value="0034 04"' in answer.text
            assert not Parcel.objects.exists()

    @pytest.mark.once
    @pytest.mark.parametrize(
        ("said", "kept"),
        [
            ({"url": " https://a.example/x?y=1 "}, ("0034 04", "https://a.example/x?y=1")),
            ({"url": "HTTPS://a.example/X"}, ("0034 04", "https://a.example/X")),
            ({"number": "https://a.example/7"}, ("", "https://a.example/7")),
        ],
    )
    def test_may_be_typed(
        self, desk: Client, order: Order, said: dict[str, str], kept: tuple[str, str]
    ):
        shipped(desk, order, **said)
        parcel = Parcel.objects.get()
        assert (parcel.number, parcel.url) == kept

    @pytest.mark.once
    def test_is_refused_where_a_number_is_asked_too(self, desk: Client, order: Order):
        answer = shipped(desk, order, number="http://a.example/7")
        assert (answer.status_code, self.REFUSED in answer.text) == (422, True)

    @pytest.mark.once
    @pytest.mark.parametrize("carrier", ["DHL", "dhl", " Dhl "])
    def test_is_made_of_carrier_and_number(
        self, desk: Client, order: Order, settings: Settings, carrier: str
    ):
        settings.TRACKING_URLS = {"DHL": "https://dhl.example/?code={number}&x=1"}
        text = desk.get(LIST).text
        assert '<option value="DHL">' in text
        assert 'name="carrier" value="DHL"' in text  # there is no other
        shipped(desk, order, carrier=carrier, number="0034/ü &")
        parcel = Parcel.objects.get()
        assert parcel.carrier == "DHL"
        assert parcel.url == "https://dhl.example/?code=0034%2F%C3%BC%26&x=1"

    @pytest.mark.once
    @pytest.mark.parametrize("said", [{"carrier": "Post"}, {"number": ""}])
    def test_is_not_made_up(
        self, desk: Client, order: Order, settings: Settings, said: dict[str, str]
    ):
        settings.TRACKING_URLS = {"DHL": "https://dhl.example/{number}"}
        shipped(desk, order, **said)
        assert Parcel.objects.get().url == ""

    def test_is_https_in_the_database(self, order: Order):
        with pytest.raises(IntegrityError), transaction.atomic():
            Parcel.objects.create(order=order, url="http://dhl.example")


class TestAfterwards:
    @pytest.fixture
    def parcel(self, desk: Client, order: Order) -> Parcel:
        shipped(desk, order)
        return Parcel.objects.get()

    def test_it_can_be_undone_for_a_while(self, desk: Client, order: Order, parcel: Parcel):
        assert "Undo" in desk.get(page_of(order)).text
        answer = desk.post(page_of(order, "shipment/undoing/"), follow=True)
        assert "waits to be shipped again" in answer.text
        assert list(orders_to_ship()) == [order]
        assert not Parcel.objects.exists()

    def test_it_can_be_undone_no_more_later(self, desk: Client, order: Order, parcel: Parcel):
        Order.objects.update(shipped_at=timezone.now() - UNDO_WITHIN)
        assert "Undo" not in desk.get(page_of(order)).text
        answer = desk.post(page_of(order, "shipment/undoing/"), follow=True)
        assert "last 10 minutes can be undone" in answer.text
        assert not orders_to_ship().exists()
        assert Parcel.objects.exists()

    def test_a_number_can_be_changed(
        self, desk: Client, order: Order, parcel: Parcel, settings: Settings
    ):
        settings.TRACKING_URLS = {"DHL": "https://dhl.example/{number}"}
        page = page_of(order, f"parcels/{parcel.pk}/")
        assert 'value="0034 04"' in desk.get(page).text
        for number in ("0035", "0036"):
            form = desk.get(page).context["form"]
            desk.post(page, DHL | {"url": form["url"].value(), "number": number})
            parcel.refresh_from_db()
            assert parcel.url == f"https://dhl.example/{number}"

    def test_a_change_is_checked_too(self, desk: Client, order: Order, parcel: Parcel):
        page = page_of(order, f"parcels/{parcel.pk}/")
        assert desk.post(page, DHL | {"url": "http://a.example"}).status_code == 422
        parcel.refresh_from_db()
        assert parcel.url == ""

    def test_a_change_brings_nothing_back_that_was_undone(
        self, desk: Client, order: Order, parcel: Parcel
    ):
        desk.post(page_of(order, "shipment/undoing/"))
        page = page_of(order, f"parcels/{parcel.pk}/")
        assert desk.post(page, DHL).status_code == 404

    def test_a_change_brings_nothing_back_that_is_undone_at_that_moment(
        self, desk: Client, order: Order, parcel: Parcel, monkeypatch: pytest.MonkeyPatch
    ):
        is_valid = ParcelForm.is_valid

        def undone_meanwhile(form: ParcelForm) -> bool:
            undo(order, timezone.now())
            return is_valid(form)

        monkeypatch.setattr(ParcelForm, "is_valid", undone_meanwhile)
        assert desk.post(page_of(order, f"parcels/{parcel.pk}/"), DHL).status_code == 303
        assert not Parcel.objects.exists()

    def test_a_second_parcel_can_be_added_once(self, desk: Client, order: Order, parcel: Parcel):
        more = DHL | {"number": "0099", "shown": "1"}
        texts = [desk.post(page_of(order, "parcels/"), more, follow=True).text for _ in range(2)]
        assert "has one more parcel" in texts[0]
        assert "was added meanwhile" in texts[1]
        assert [parcel.number for parcel in Parcel.objects.all()] == ["0034 04", "0099"]

    def test_no_parcel_is_added_before(self, desk: Client, order: Order):
        answer = desk.post(page_of(order, "parcels/"), DHL | {"shown": "0"}, follow=True)
        assert "is not shipped yet" in answer.text
        assert not Parcel.objects.exists()

    def test_a_parcel_of_another_order_is_not_found(
        self, desk: Client, order: Order, parcel: Parcel
    ):
        assert desk.get(page_of(others(1)[0], f"parcels/{parcel.pk}/")).status_code == 404


@pytest.mark.once
class TestWhoMay:
    READS = (LIST, "{order}shipment/", "{order}slip/", "/admin/to-ship/slips/?order={pk}")
    WRITES = ("{order}shipment/", "{order}shipment/undoing/", "{order}parcels/")

    @pytest.mark.parametrize(
        ("permissions", "reads", "writes"),
        [
            ([], 403, 403),
            (["change_product"], 403, 403),
            (["view_order"], 200, 403),
            (["change_order"], 200, 303),
        ],
    )
    def test_is_who_may_change_orders(
        self, order: Order, permissions: list[str], reads: int, writes: int
    ):
        desk = desk_of(*permissions)
        at = {"order": page_of(order, ""), "pk": order.pk}
        assert {desk.get(path.format(**at)).status_code for path in self.READS} == {reads}
        assert {desk.post(path.format(**at), DHL).status_code for path in self.WRITES} == {writes}
        ticked = {"order": str(order.pk), "ship": ""}
        assert desk.post(LIST, ticked).status_code == writes
        assert Parcel.objects.exists() == (writes == 303)

    def test_sees_no_button_without(self, order: Order):
        desk = desk_of("view_order")
        for path in (LIST, page_of(order), page_of(order, "change/")):
            assert "Mark as shipped" not in desk.get(path).text

    def test_others_are_asked_to_log_in(self, ada: Shopper, order: Order):
        for path in (LIST, page_of(order), page_of(order, "slip/")):
            answer = ada.get(path)
            assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")
        assert ada.browser.post(page_of(order), DHL).status_code == 302
        assert not Parcel.objects.exists()

    def test_a_form_from_elsewhere_does_nothing(self, desk: Client, order: Order):
        desk.handler.enforce_csrf_checks = True
        assert desk.post(page_of(order), DHL).status_code == 403
        assert not Parcel.objects.exists()


@pytest.mark.once
class TestTheShopper:
    LINK = "https://dhl.example/0034"

    def reads(self, shopper: Shopper, order: Order) -> list[str]:
        """What the order's page, My Orders and the private link say."""
        receipts.make_link(order)
        paths = (order.get_absolute_url(), "/orders/", receipts.address_of(order))
        return [shopper.get(path).text for path in paths]

    def test_reads_when_it_was_shipped_and_follows_it(
        self, desk: Client, ada: Shopper, order: Order
    ):
        assert not [text for text in self.reads(ada, order) if "Shipped" in text]
        shipped(desk, order, url=self.LINK)
        for text in self.reads(ada, order):
            assert "Shipped <time" in text
            assert f'href="{self.LINK}" rel="noreferrer"><bdi>DHL 0034 04</bdi>' in text

    def test_reads_it_without_a_number_too(self, desk: Client, ada: Shopper, order: Order):
        shipped(desk, order, carrier="", number="")
        for text in self.reads(ada, order):
            assert "Shipped <time" in text
            assert "without a number" not in text

    def test_reads_it_of_an_order_that_has_no_parcel(self, ada: Shopper, order: Order):
        Order.objects.update(shipped_at=timezone.now())
        assert all("Shipped <time" in text for text in self.reads(ada, order))

    def test_learns_of_it_while_another_order_waits(self, desk: Client, ada: Shopper, order: Order):
        ada.puts(product("Lamp"), 1)
        ada.buys()
        poll = poll_url(ada.get("/orders/"))
        assert ada.asks_by_htmx(poll).status_code == 204
        shipped(desk, order)
        assert "Shipped" in ada.asks_by_htmx(poll).text

    def test_sees_no_parcel_of_anybody_else(
        self, desk: Client, ada: Shopper, bo: Shopper, order: Order, mouse: Product
    ):
        shipped(desk, buy(bo, mouse), number="of Bo")
        shipped(desk, order)
        assert not [text for text in self.reads(ada, order) if "of Bo" in text]

    def test_costs_one_query_more_and_only_then(self, desk: Client, ada: Shopper, order: Order):
        counts = []
        for _ in range(2):
            ada.get("/orders/")  # renders what is kept
            with CaptureQueriesContext(connection) as seen:
                ada.get("/orders/")
            counts.append(len(seen))
            shipped(desk, order)
        assert counts[1] == counts[0] + 1


@pytest.mark.once
def test_no_line_of_the_log_tells_where_it_goes(desk: Client, order: Order, log: Log):
    shipped(desk, order)
    desk.get(LIST)
    desk.get(f"/admin/to-ship/slips/?order={order.pk}")
    for word in ("Lovelace", "Herrengasse", "Graz", DHL["number"]):  # no id has its space
        assert word not in log.text
