"""The year's money at the desk, and the files of it for a bookkeeper."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from checkout.models import Order, OrderItem, Refund
from merchant import exporting, money
from merchant.figures import by_span
from merchant.models import Parcel
from merchant.money import Sums
from storefront.models import Product
from tests.cast import product
from tests.merchant.conftest import HOME, desk_of

pytestmark = pytest.mark.django_db

NOON = datetime(2025, 3, 31, 12, tzinfo=UTC)
SPRING = "from=2025-03-01&to=2025-03-31"


def paid(total: int = 2_999, at: datetime = NOON, item: Any = None, **fields: Any) -> Order:
    known = {"status": "PAID", "currency": "usd", "country": "AT", "received_cents": total}
    known |= {"shopper": uuid4(), "paid_at": at, "created_at": at, "total_cents": total}
    order = Order.objects.create(**known | fields)
    names = {"name": "Mouse", "unit_price_cents": total, "quantity": 1} | (item or {})
    OrderItem.objects.create(order=order, **names)
    return order


def refunded(order: Order, cents: int, at: datetime = NOON, **fields: Any) -> Refund:
    Order.objects.filter(pk=order.pk).update(refunded_cents=cents)
    number = Refund.objects.count()
    return Refund.objects.create(
        order=order, refund_id=f"re_{number}", amount_cents=cents, made_at=at, **fields
    )


@pytest.fixture
def desk() -> Client:
    return desk_of("view_refund", "view_order")


def exported(desk: Client, asked: str) -> Any:
    return desk.get(f"/admin/export/{asked}")


def rows(
    desk: Client, kind: str, asked: str = SPRING, delimiter: str = ","
) -> list[dict[str, str]]:
    return read(exported(desk, f"{kind}.csv?{asked}"), delimiter)


def read(answer: Any, delimiter: str = ",") -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def sums(desk: Client, year: int = 2025) -> dict[str, Sums]:
    """What the page's tables say, by the currency and the name of each row."""
    context = desk.get(f"/admin/money/?year={year}").context
    found = {}
    for book in context["books"]:
        for each in [*book.months, *book.countries.values(), book.total]:
            found[f"{book.currency} {each.name}"] = each
    return found


class TestAYear:
    @pytest.mark.parametrize("turn", [1, -1])
    def test_adds_up_months_and_countries(
        self, desk: Client, monkeypatch: pytest.MonkeyPatch, turn: int
    ):
        """PostgreSQL reads long months in parallel, and then gives them in any order."""
        monkeypatch.setattr(money, "by_span", lambda *asked: by_span(*asked)[::turn])
        paid(3_500, shipping_cents=400, tax_cents=100)
        paid(1_000, NOON - timedelta(days=31), country="DE")
        back = paid(2_000, NOON - timedelta(days=31), status="REFUNDED")
        refunded(back, 2_000)
        text = desk.get("/admin/money/?year=2025").text
        found = sums(desk)
        march, february, year = (found[f"usd {n}"] for n in ("March", "February", "All year"))
        assert (march.orders, march.sold, march.delivery, march.tax) == (1, 3_500, 400, 100)
        assert (march.refunded, march.net) == (2_000, 1_500)
        assert (february.sold, february.net, year.net) == (3_000, 3_000, 4_500)
        assert (found["usd Austria"].sold, found["usd Austria"].net) == (5_500, 3_500)
        assert found["usd Germany"].sold == 1_000
        for amount in ("$35.00", "$4.00", "$15.00", "$45.00", "Germany"):
            assert f">{amount}<" in text
        assert ">January<" not in text  # the shop sold nothing yet
        assert text.count(">not known<") == 5  # of no month that sold nothing

    @pytest.mark.parametrize(("zone", "month"), [("UTC", "January"), ("Asia/Tokyo", "February")])
    def test_goes_by_the_shops_days(self, settings: Settings, desk: Client, zone: str, month: str):
        settings.SHOP_TIME_ZONE = zone
        paid(at=datetime(2025, 1, 31, 20, tzinfo=UTC))
        assert sums(desk)[f"usd {month}"].orders == 1

    def test_has_each_moment_in_one_month(self, settings: Settings, desk: Client):
        settings.TIME_ZONE = "UTC"
        for moment in (
            *("2024-12-31T23:59:59.999999", "2025-01-01T00:00", "2025-01-31T23:59:59.999999"),
            *("2025-02-01T00:00", "2025-12-31T23:59:59.999999", "2026-01-01T00:00"),
        ):
            at = datetime.fromisoformat(f"{moment}+00:00")
            refunded(paid(1_000, at), 100, at)
        found = {name: (each.orders, each.refunded) for name, each in sums(desk).items()}
        expected = {
            "January": (2, 200),
            "February": (1, 100),
            "March": (0, 0),
            "December": (1, 100),
        }
        expected["All year"] = (4, 400)
        assert {name: found[f"usd {name}"] for name in expected} == expected

    def test_keeps_currencies_apart(self, desk: Client):
        paid(2_999)
        paid(500, currency="jpy", country="JP")
        text = desk.get("/admin/money/?year=2025").text
        assert (sums(desk)["usd All year"].sold, sums(desk)["jpy All year"].sold) == (2_999, 500)
        assert "¥500" in text
        assert "<h2>JPY</h2>" in text

    def test_knows_fees_in_the_currency_that_stripe_settles_in(self, desk: Client):
        paid(fee_cents=100, net_cents=1, settlement_currency="usd")
        paid(fee_cents=50, net_cents=1, settlement_currency="eur", country="DE")
        paid()
        march = sums(desk)["usd March"]
        assert march.fees == {"usd": 100, "eur": 50}
        text = desk.get("/admin/money/?year=2025").text
        assert "Of 1 order Stripe’s fee is not known" in text
        assert "$1.00 + €0.50" in text or "€0.50 + $1.00" in text

    def test_counts_no_money_that_needs_a_look(self, desk: Client):
        refunded(paid(status="REVIEW", review_reason="Money arrived, but…"), 1_000)
        paid(status="REVIEW", at=datetime(2026, 1, 1, tzinfo=UTC))
        refunded(paid(status="REFUNDED", refunded_from="REVIEW"), 2_999)
        page = desk.get("/admin/money/?year=2025")
        assert page.context["books"] == []
        assert "Not counted: 1 order whose money needs a look first." in page.text
        paid(100)  # of the same kind, by which the others are looked for
        year = sums(desk)["usd All year"]
        assert (year.orders, year.sold, year.refunded) == (1, 100, 0)

    def test_takes_a_refund_that_failed_back_when_it_failed(self, desk: Client):
        refunded(paid(), 1_000, failed_at=NOON + timedelta(days=31))
        Order.objects.update(refunded_cents=0)
        assert (sums(desk)["usd March"].refunded, sums(desk)["usd May"].refunded) == (1_000, -1_000)
        assert sums(desk)["usd All year"].refunded == 0

    def test_counts_what_stripe_told_of_the_charge_alone(self, desk: Client):
        order = paid(charge_refunded_cents=900, charge_refunded_at=NOON)
        refunded(order, 500, NOON - timedelta(days=31))
        Order.objects.update(refunded_cents=900)
        # One whose own refund failed: only what Stripe told of the charge went back.
        refunded(paid(charge_refunded_at=NOON), 300, failed_at=NOON)
        assert (sums(desk)["usd March"].refunded, sums(desk)["usd February"].refunded) == (700, 500)

    def test_leads_to_all_years_since_the_first(self, desk: Client):
        paid(at=NOON.replace(year=2023))
        years = desk.get("/admin/money/").context["years"]
        assert list(years) == list(range(timezone.localdate().year, 2022, -1))

    def test_of_nothing_says_so(self, desk: Client):
        assert "Nothing was paid in 2025." in desk.get("/admin/money/?year=2025").text

    @pytest.mark.parametrize("year", ["abc", "1999", "3000", "-1", "²", "9" * 5_000, "\0"])
    def test_that_is_none_is_told_in_words(self, desk: Client, year: str):
        answer = desk.get("/admin/money/", {"year": year})
        assert answer.status_code == 400
        assert "is no year of this shop" in answer.text


class TestOrders:
    def test_have_a_row_each(self, desk: Client):
        order = paid(
            3_499,
            item={"unit_price_cents": 1_500, "quantity": 2},
            shipping_cents=499,
            tax_cents=559,
            offer={"shipping": [], "codes": False, "tax": "inclusive"},
            email="ada@example.com",
            payment_intent="pi_1",
            shipping_name="Ada Lovelace",
            ship_to=HOME,
            shipped_at=NOON + timedelta(hours=1),
            fee_cents=120,
            net_cents=3_379,
            settlement_currency="eur",
        )
        Parcel.objects.create(order=order, carrier="DHL", number="0034")
        refunded(order, 500, NOON + timedelta(days=2))
        refunded(order, 500, NOON + timedelta(days=3), failed_at=NOON + timedelta(days=4))
        [row] = rows(desk, "orders")
        assert list(row) == list(exporting.ORDERS)
        assert row == {
            "reference": order.reference,
            "date": "2025-03-31 12:00:00",
            "paid at": "2025-03-31 12:00:00",
            "status": "PAID",
            "country": "AT",
            "e-mail": "ada@example.com",
            "items gross": "30.00",
            "discount": "0.00",
            "shipping": "4.99",
            "tax": "5.59",
            "tax behaviour": "inclusive",
            "total": "34.99",
            "refunded": "5.00",
            "refunded at": "2025-04-02 12:00:00",
            "currency": "USD",
            "fee": "1.20",
            "net to you": "33.79",
            "settlement currency": "EUR",
            "payment intent": "pi_1",
            "name": "Ada Lovelace",
            "address": "Herrengasse 1, 8010 Graz, Austria",
            "shipped at": "2025-03-31 13:00:00",
            "tracking": "DHL 0034",
        }

    def test_are_those_paid_in_these_days_of_the_shop(self, settings: Settings, desk: Client):
        settings.TIME_ZONE = "Europe/Vienna"
        moments = ["2025-02-28T22:59:59", "2025-02-28T23:00:00", "2025-03-31T21:59:59"]
        moments += ["2025-03-31T22:00:00"]
        for moment in moments:
            paid(at=datetime.fromisoformat(f"{moment}+00:00"))
        paid(status="EXPIRED", paid_at=None)
        days = [row["paid at"] for row in rows(desk, "orders")]
        assert days == ["2025-03-01 00:00:00", "2025-03-31 23:59:59"]

    @pytest.mark.parametrize(
        ("currency", "cents", "amount"),
        [("usd", 5, "0.05"), ("jpy", 500, "500"), ("kwd", 2_990, "2.990"), ("isk", 500, "5.00")],
    )
    def test_have_amounts_with_the_digits_of_their_currency(
        self, desk: Client, currency: str, cents: int, amount: str
    ):
        paid(cents, currency=currency, fee_cents=20, net_cents=-2, settlement_currency="eur")
        [row] = rows(desk, "orders")
        assert (row["total"], row["fee"], row["net to you"]) == (amount, "0.20", "-0.02")
        assert rows(desk, "lines")[0]["sum"] == amount

    def test_are_this_years_unless_told(self, desk: Client):
        paid(at=timezone.now())
        paid()
        answer = exported(desk, "orders.csv")
        today = timezone.localdate()
        name = f"orders-{today.year}-01-01-{today}.csv"
        assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
        assert len(b"".join(answer.streaming_content).splitlines()) == 2

    def test_are_there_once_on_however_many_pages_and_while_others_pay(
        self, desk: Client, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(exporting, "PAGE", 2)
        orders = [paid() for _ in range(5)] + [paid(at=NOON - timedelta(hours=1))]
        answer = exported(desk, f"orders.csv?{SPRING}")
        stream: Iterator[bytes] = iter(answer.streaming_content)
        read = next(stream) + next(stream)
        Order.objects.filter(pk=orders[0].pk).update(refunded_cents=1)
        late = paid(at=NOON + timedelta(hours=1))
        text = (read + b"".join(stream)).decode("utf-8-sig")
        found = [row["reference"] for row in csv.DictReader(io.StringIO(text))]
        assert sorted(found) == sorted(order.reference for order in [*orders, late])

    def test_ask_no_more_for_each_order(self, desk: Client):
        counts = []
        for kind in [*exporting.FILES] * 2:
            refunded(paid(), 1)
            with CaptureQueriesContext(connection) as captured:
                rows(desk, kind)
            counts.append(len(captured))
        assert counts[:3] == counts[3:]


class TestTickedOrders:
    def test_are_exported_alone_whether_paid_or_not(self, desk: Client):
        ticked = [paid(), paid(status="EXPIRED", paid_at=None, created_at=NOON + timedelta(1))]
        paid()
        assert "Export these" in desk.get("/admin/checkout/order/?tab=all").text
        said = {"order": [order.pk for order in ticked], "index": "export", "list": "tab=all"}
        answer = desk.post("/admin/to-ship/", said)
        assert "orders-ticked-" in answer["Content-Disposition"]
        found = read(answer)
        assert tuple(found[0]) == exporting.ORDERS
        assert [row["reference"] for row in found] == [order.reference for order in ticked]
        assert [row["paid at"] for row in found] == ["2025-03-31 12:00:00", ""]

    def test_are_exported_by_who_may(self):
        packer = desk_of("view_order", "change_order", "view_orderitem")
        said = {"order": [paid().pk], "index": "export", "list": ""}
        assert "Export these" not in packer.get("/admin/checkout/order/").text
        assert packer.post("/admin/to-ship/", said).status_code == 403


class TestTexts:
    @pytest.mark.parametrize("mark", ["=", "+", "-", "@", "\t", "\r"])
    def test_are_run_by_no_spreadsheet(self, desk: Client, mark: str):
        formula = f"{mark}cmd|' /C calc'!A0"
        paid(shipping_name=formula, email=formula, item={"name": formula})
        assert {rows(desk, "orders")[0][column] for column in ("name", "e-mail")} == {f"'{formula}"}
        assert rows(desk, "lines")[0]["product"] == f"'{formula}"

    def test_may_have_every_mark(self, desk: Client):
        words = 'Ada "Countess", Lovelace; née\nByron 🦆'
        paid(shipping_name=words)
        assert rows(desk, "orders")[0]["name"] == words

    @pytest.mark.parametrize(
        ("sep", "delimiter", "amount"),
        [(",", ",", "29.99"), (";", ";", "29.99"), (";,", ";", "29,99")],
    )
    def test_stand_apart_as_the_spreadsheet_wants_it(
        self, desk: Client, sep: str, delimiter: str, amount: str
    ):
        paid()
        asked = f"{SPRING}&sep={sep.replace(';', '%3B')}"
        assert rows(desk, "orders", asked, delimiter)[0]["total"] == amount

    def test_are_for_excel_too(self, desk: Client):
        answer = exported(desk, f"orders.csv?{SPRING}")
        assert b"".join(answer.streaming_content).startswith(b"\xef\xbb\xbfreference,")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert "no-store" in answer["Cache-Control"]


class TestLines:
    def test_say_what_was_bought(self, desk: Client, mouse: Product):
        kind = product("Mouse", 100, variant_of=mouse, variant="M, black")
        item = {"name": kind.full_name, "product": kind, "unit_price_cents": 700, "quantity": 2}
        order = paid(item=item)
        OrderItem.objects.create(order=order, name="Gone", unit_price_cents=5, quantity=1)
        first, second = rows(desk, "lines")
        assert list(first) == list(exporting.LINES)
        assert (first["product"], first["variant"], first["quantity"]) == ("Mouse", "M, black", "2")
        assert (first["unit"], first["sum"], first["currency"]) == ("7.00", "14.00", "USD")
        assert (second["product"], second["variant"]) == ("Gone", "")
        assert first["order"] == second["order"] == order.reference


class TestRefunds:
    def test_go_by_their_own_dates_with_a_row_for_what_came_back(self, desk: Client):
        early = paid(at=NOON - timedelta(days=200), payment_intent="pi_1")
        refund = refunded(early, 1_000, NOON - timedelta(days=2), failed_at=NOON)
        told = paid(charge_refunded_at=NOON - timedelta(days=1), refunded_cents=250)
        refunded(early, 700, NOON - timedelta(days=90))
        first, second, third = found = rows(desk, "refunds")
        assert list(first) == list(exporting.REFUNDS)
        assert [row["amount"] for row in found] == ["10.00", "2.50", "-10.00"]
        assert [row["what"] for row in found] == ["refund", "refund", "refund failed"]
        assert [row["refund"] for row in found] == [refund.refund_id, "", refund.refund_id]
        assert (second["order"], first["payment intent"]) == (told.reference, "pi_1")
        assert third["date"] == "2025-03-31 12:00:00"


class TestDaysThatCannotBeRead:
    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            ({"from": "01.03.2025"}, "That is no day: write year, month and day"),
            ({"to": "2025-02-30"}, "That is no day"),
            ({"from": ""}, "Say the day"),
            ({"from": "1999-12-31"}, "2000 or later"),
            ({"to": "9999-12-31"}, "2999 or earlier"),
            ({"from": "2025-03-02", "to": "2025-03-01"}, "That is before the first day."),
            ({"sep": "|"}, "by , or by ; alone"),
            ({"sep": ""}, "required"),
            ({"from": "\0"}, "no day"),
        ],
    )
    def test_are_told_in_words_and_stay(self, desk: Client, asked: dict[str, str], words: str):
        answer = desk.get("/admin/export/orders.csv", {"to": "2025-03-31"} | asked)
        assert answer.status_code == 400
        assert words in answer.text
        for name, typed in asked.items():
            if name != "sep" and typed.isprintable():
                assert f'name="{name}" value="{typed}"' in answer.text or not typed

    @pytest.mark.parametrize("kind", ["products", "Orders", "x"])
    def test_of_no_such_file_are_not_found(self, desk: Client, kind: str):
        assert desk.get(f"/admin/export/{kind}.csv").status_code == 404


class TestAnExportThatBreaks:
    def test_at_its_start_is_no_file(self, desk: Client, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(exporting, "_pages_of_orders", broken)
        assert desk.get(f"/admin/export/orders.csv?{SPRING}").status_code == 503

    def test_on_its_way_says_so_and_ends_as_a_broken_one(
        self, desk: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ):
        monkeypatch.setattr(exporting, "PAGE", 1)
        for _ in range(3):
            paid()
        stream = iter(exported(desk, f"lines.csv?{SPRING}").streaming_content)
        read = [next(stream), next(stream), next(stream)]
        monkeypatch.setattr(exporting, "_by_order", broken)
        read.append(next(stream))
        with pytest.raises(OperationalError):
            next(stream)
        assert read[-1].decode() == f"\n{exporting.BROKEN}\n"
        assert "An export broke off" in caplog.text


def broken(*_: object, **__: object) -> Any:
    raise OperationalError("the database went away")


@pytest.mark.parametrize("path", ["/admin/money/", "/admin/export/orders.csv"])
def test_is_seen_by_nobody_without_the_permission(path: str):
    assert desk_of("view_order", "change_order", "view_orderitem").get(path).status_code == 403
    assert Client().get(path).status_code == 302
    # A file of orders names people as well.
    sums_alone = desk_of("view_refund", name="auditor").get(path).status_code
    assert sums_alone == (200 if path == "/admin/money/" else 403)


def test_the_form_asks_for_last_month_and_leads_to_each_file(desk: Client):
    text = desk.get("/admin/money/").text
    last = timezone.localdate().replace(day=1) - timedelta(days=1)
    assert f'name="from" value="{last:%Y-%m}-01"' in text
    assert f'name="to" value="{last}"' in text
    for kind in exporting.FILES:
        assert f'action="/admin/export/{kind}.csv"' in text
