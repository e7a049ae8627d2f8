"""The books are what Stripe says: brought back after a restore, and compared each night."""

import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import Mock
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from checkout import receipts
from checkout.gateway import reads
from checkout.models import Heartbeat, Order, Refund, StripeEvent
from storefront.models import Product, Reservation
from tests.cast import Shopper, deliver, product, rate
from tests.log_capture import figure
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.tests.shop import order as session_of_another_shop

pytestmark = pytest.mark.django_db

DAY = 24 * 60 * 60
BROUGHT_BACK = "Brought back from Stripe"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("reconcile_orders", *arguments, stdout=out)
    return out.getvalue()


def recover(**ago: float) -> str:
    """What the command says that `restore` prints; of an hour ago unless told otherwise."""
    moment = timezone.now() - timedelta(**ago or {"hours": 1})
    return run("--since", moment.isoformat())


def compare() -> str:
    return run("--compare")


def bought(product: Product, quantity: int = 1) -> Order:
    shopper = Shopper()
    shopper.puts(product, quantity)
    shopper.buys()
    return shopper.order


def lose(order: Order) -> None:
    """As if a backup was restored that is older than the order."""
    StripeEvent.objects.filter(order=order).delete()
    Reservation.objects.filter(order=order.pk).delete()
    Product.objects.filter(stock__isnull=False).update(stock=10)
    Order.objects.filter(pk=order.pk).delete()


def tell(stripe: StandIn) -> None:
    """Deliver everything that happened, once more if need be."""
    for event in stripe.events:
        deliver(event)


@pytest.fixture
def scarce(mouse: Product) -> Product:
    mouse.stock = 10
    mouse.save()
    return mouse


def stock_of(product: Product) -> int | None:
    product.refresh_from_db()
    return product.stock


@pytest.fixture
def lost(stripe: StandIn, scarce: Product) -> Order:
    """Two mice were sold, and the shop knows nothing of it any more."""
    order = bought(scarce, 2)
    stripe.pay(order.session_id or "")
    tell(stripe)
    assert stock_of(scarce) == 8
    lose(order)
    return order


@pytest.fixture
def paid(stripe: StandIn, scarce: Product) -> Order:
    order = bought(scarce)
    stripe.pay(order.session_id or "")
    tell(stripe)
    order.refresh_from_db()
    return order


class TestAnOrderThatTheBackupDoesNotHold:
    def test_is_brought_back_paid_and_its_goods_are_sold(self, lost: Order, scarce: Product):
        assert "1 orders brought back; 1 events replayed" in recover()
        order = Order.objects.get(pk=lost.pk)
        [item] = order.items.all()
        assert (order.status, order.total_cents, order.received_cents) == ("PAID", 5_998, 5_998)
        assert (item.product, item.quantity, item.unit_price_cents) == (scarce, 2, 2_999)
        assert (order.email, stock_of(scarce)) == ("ada@example.com", 8)
        assert order.review_reason.startswith(BROUGHT_BACK)
        assert not Reservation.objects.exists()

    def test_comes_back_once_however_often_it_is_asked_for(self, lost: Order, scarce: Product):
        recover()
        assert "brought back" not in recover()
        assert (Order.objects.count(), stock_of(scarce)) == (1, 8)

    def test_belongs_to_no_shopper_and_has_a_link_that_shows_it(self, lost: Order, bo: Shopper):
        recover()
        order = Order.objects.get(pk=lost.pk)
        assert order.shopper != lost.shopper
        assert order.reference in bo.get(receipts.address_of(order)).text

    def test_of_which_the_shop_has_heard_since_shows_that_too(self, stripe: StandIn, lost: Order):
        deliver(stripe.events_of("checkout.session.completed")[0])
        assert StripeEvent.objects.filter(outcome="unmatched").count() == 1
        recover()
        order = Order.objects.get(pk=lost.pk)
        assert order.status == "PAID"
        assert sorted(order.events.values_list("outcome", flat=True)) == ["applied", "unmatched"]

    def test_knows_its_refund_and_its_dispute(self, stripe: StandIn, lost: Order):
        stripe.refund(lost.session_id or "", 1_000)
        stripe.dispute(lost.session_id or "")
        recover()
        order = Order.objects.get(pk=lost.pk)
        assert (order.status, order.refunded_cents, bool(order.disputed_at)) == (
            "PAID",
            1_000,
            True,
        )

    def test_of_more_money_than_its_goods_cost_is_for_the_merchant(
        self, stripe: StandIn, lost: Order
    ):
        session = stripe.ledger.sessions[lost.session_id or ""]
        session["amount_total"] = 1
        stripe.ledger.events.clear()
        with pytest.raises(CommandError):
            recover()
        order = Order.objects.get(pk=lost.pk)
        assert order.status == "REVIEW"
        assert "the amount is not 5998" in order.review_reason

    def test_whose_goods_are_gone_is_for_the_merchant(self, lost: Order, scarce: Product):
        Product.objects.update(stock=1)
        recover()
        order = Order.objects.get(pk=lost.pk)
        assert (order.status, stock_of(scarce)) == ("REVIEW", 1)
        assert "when the goods were gone" in order.review_reason

    @pytest.mark.parametrize("verb", ["", "pay_later"])
    def test_that_waits_for_its_payment_reserves_its_goods_and_can_be_paid(
        self, stripe: StandIn, scarce: Product, verb: str
    ):
        order = bought(scarce, 2)
        session = order.session_id or ""
        if verb:
            stripe.pay_later(session)
        lose(order)
        recover()
        waiting = Order.objects.get(pk=order.pk)
        assert waiting.status == ("PROCESSING" if verb else "PENDING")
        assert (stock_of(scarce), Reservation.objects.get().quantity) == (8, 2)
        stripe.settle(session) if verb else stripe.pay(session)
        tell(stripe)
        waiting.refresh_from_db()
        assert (waiting.status, stock_of(scarce)) == ("PAID", 8)

    @pytest.mark.parametrize("is_newer", [True, False])
    def test_gets_the_session_that_was_paid(self, stripe: StandIn, lost: Order, is_newer: bool):
        sessions = stripe.ledger.sessions
        paid = sessions.pop(lost.session_id or "")
        still_open = paid | {"id": "cs_test_open", "status": "open", "payment_status": "unpaid"}
        for session in (paid, still_open) if is_newer else (still_open, paid):
            sessions[session["id"]] = session
        stripe.ledger.lines["cs_test_open"] = stripe.ledger.lines[paid["id"]]
        recover()
        order = Order.objects.get(pk=lost.pk)
        assert (order.status, order.session_id) == ("PAID", lost.session_id)

    def test_that_nobody_paid_is_no_loss(self, stripe: StandIn, scarce: Product):
        order = bought(scarce)
        stripe.expire(order.session_id or "")
        lose(order)
        assert "brought back" not in recover()
        assert not Order.objects.exists()
        assert set(StripeEvent.objects.values_list("outcome", flat=True)) == {"ignored"}

    def test_keeps_names_and_prices_of_products_that_are_gone(self, lost: Order, scarce: Product):
        Product.objects.all().delete()
        recover()
        item = Order.objects.get(pk=lost.pk, status="PAID").items.get()
        assert (item.product, item.name, item.unit_price_cents) == (None, "Mouse", 2_999)

    @pytest.mark.parametrize("namesakes", [0, 1])
    def test_finds_its_product_by_the_name_if_the_key_may_not_read_products(
        self, stripe: StandIn, lost: Order, scarce: Product, namesakes: int
    ):
        for _ in range(namesakes):
            product("Mouse", stock=10)
        stripe.fault("GET", f"/v1/checkout/sessions/{lost.session_id}/line_items", status=403)
        recover()
        item = Order.objects.get(pk=lost.pk, status="PAID").items.get()
        assert item.product == (None if namesakes else scarce)
        assert stock_of(scarce) == (10 if namesakes else 8)

    def test_finds_its_product_whatever_its_name_is_now(self, lost: Order, scarce: Product):
        Product.objects.update(name="Rat")
        recover()
        assert stock_of(scarce) == 8

    @pytest.mark.parametrize(
        "change",
        [
            {"metadata": {}},
            {"metadata": {"order_id": "7"}},
            {"metadata": {"order_id": str(uuid4())}},
            {"metadata": {"shop": str(uuid4())}},
            {"client_reference_id": None},
            {"mode": "subscription"},
        ],
    )
    def test_of_another_application_stays_away(
        self, stripe: StandIn, lost: Order, change: dict[str, Any]
    ):
        session = stripe.ledger.sessions[lost.session_id or ""]
        if "shop" in change.get("metadata", {}):
            change = {"metadata": session["metadata"] | change["metadata"]}
        session.update(change)
        stripe.ledger.events.clear()
        stripe.ledger.charges.clear()
        recover()
        assert not Order.objects.exists()

    def test_is_found_on_every_page(self, stripe: StandIn, scarce: Product, monkeypatch: Any):
        monkeypatch.setattr(reads, "PAGE_SIZE", 2)
        orders = [bought(scarce) for _ in range(5)]
        for order in orders:
            stripe.pay(order.session_id or "")
        for order in orders:
            lose(order)
        recover()
        assert Order.objects.filter(status="PAID").count() == 5


class TestAnOrderThatTheBackupHolds:
    def test_hears_of_everything_since_in_the_order_in_which_it_happened(
        self, stripe: StandIn, scarce: Product, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(reads, "PAGE_SIZE", 2)
        order = bought(scarce)
        refund = (stripe.pay(order.session_id or ""), stripe.refund(order.session_id or ""))[1]
        stripe.fail_refund(refund["id"])
        recover()
        order.refresh_from_db()
        assert (order.status, order.refunded_cents) == ("PAID", 0)
        happened = [e["id"] for e in stripe.events]
        heard = StripeEvent.objects.order_by("id").values_list("event_id", flat=True)
        assert list(heard) == [id for id in happened if id in set(heard)]

    def test_hears_of_what_had_happened_before_and_was_delivered_after_it(
        self, stripe: StandIn, paid: Order
    ):
        stripe.refund(paid.session_id or "")
        for event in stripe.ledger.events:
            event["created"] -= 2 * DAY
        recover()
        paid.refresh_from_db()
        assert paid.status == "REFUNDED"

    def test_hears_of_what_stripe_has_delivered_already(self, stripe: StandIn, scarce: Product):
        order = bought(scarce)
        stripe.pay(order.session_id or "")
        assert "nothing to change" in run("--older-than", "60")
        recover()
        order.refresh_from_db()
        assert order.status == "PAID"


class TestABackupOlderThanStripesEvents:
    """Stripe keeps events for 30 days, and all else for ever."""

    def test_gets_payments_refunds_and_disputes_by_their_lists(self, stripe: StandIn, lost: Order):
        stripe.refund(lost.session_id or "", 1_000)
        stripe.dispute(lost.session_id or "")
        ledger = stripe.ledger
        ledger.events.clear()
        for table in (ledger.sessions, ledger.charges, ledger.refunds, ledger.disputes):
            for thing in table.values():
                thing["created"] -= 40 * DAY
        assert "1 payment, 59.98; 1 refund, 10.00; 1 dispute" in recover(days=41)
        order = Order.objects.get(pk=lost.pk)
        assert (order.status, order.refunded_cents, bool(order.disputed_at)) == (
            "PAID",
            1_000,
            True,
        )


class TestTheMoment:
    @pytest.mark.parametrize(
        "text",
        ["", "yesterday", "2026-11-01", "2026-11-01T10:00:00", "1764000000", "2026-13-01T1Z"],
    )
    def test_without_its_zone_is_refused(self, stripe: StandIn, text: str):
        with pytest.raises(CommandError, match=r"the moment of the backup with its zone, such as"):
            run("--since", text)

    def test_that_is_still_to_come_is_refused(self, stripe: StandIn):
        with pytest.raises(CommandError, match="still to come"):
            recover(hours=-1)

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "20200101T000000Z"])
    def test_may_be_long_ago(self, stripe: StandIn, lost: Order, text: str):
        assert "1 orders brought back" in run("--since", text)

    def test_goes_with_no_other_mode(self, stripe: StandIn):
        with pytest.raises(CommandError, match="Choose one"):
            run("--since", "2026-11-01T10:00:00Z", "--every", "60")

    def test_means_nothing_to_a_demo_shop(self):
        assert recover() == compare() == "Demo shop: Stripe is not asked.\n"


class TestALostPaymentWithMoreThanItsGoods:
    """Its session tells what it was offered."""

    @pytest.mark.parametrize("tax", ["off", "inclusive", "exclusive"])
    @pytest.mark.parametrize("is_paid", [True, False])
    def test_fits_when_it_is_brought_back(
        self, stripe: StandIn, scarce: Product, settings: Settings, tax: str, is_paid: bool
    ):
        rate("Parcel", "DE", 490)
        settings.TAX, settings.PROMOTION_CODES = tax, True
        was = bought(scarce)
        stripe.promotion_code("TEN", percent_off=10)
        if is_paid:
            stripe.pay(was.session_id or "", code="TEN")
        lose(was)
        recover()
        order = Order.objects.get(pk=was.pk)
        offer, same = was.offer or {}, {"name": "Delivery"}
        assert order.offer == offer | {"shipping": [offer["shipping"][0] | same]}
        assert (order.country, order.needs_shipping) == ("DE", True)
        if not is_paid:
            assert order.total_cents == 2_999 + 490
            stripe.pay(was.session_id or "", code="TEN")
            tell(stripe)
            order.refresh_from_db()
        parts = (order.status, order.discount_cents, order.shipping_cents)
        assert parts == ("PAID", 300, 490)
        assert (order.tax_cents > 0) is (tax != "off")

    @pytest.mark.parametrize("is_sent", [True, False])
    def test_has_no_offer_if_there_was_none(self, stripe: StandIn, scarce: Product, is_sent: bool):
        Product.objects.update(needs_shipping=is_sent)
        was = bought(scarce)
        lose(was)
        recover()
        order = Order.objects.get(pk=was.pk)
        assert (order.offer, order.total_cents) == (None, 2_999)
        assert order.needs_shipping is is_sent


@pytest.mark.parametrize("path", ["/v1/checkout/sessions", "/v1/events"])
def test_a_recovery_that_stripe_interrupts_says_so_and_goes_on_when_it_is_run_again(
    stripe: StandIn, lost: Order, path: str
):
    stripe.fault("GET", path, status=500, times=9)
    with pytest.raises(CommandError, match="Run it again: nothing is done twice"):
        recover()
    stripe.clear_faults()
    recover()
    assert Order.objects.get(pk=lost.pk).status == "PAID"


class TestBooksThatAgreeWithStripe:
    def test_say_so_with_their_sums(self, stripe: StandIn, paid: Order, scarce: Product):
        other = bought(scarce, 3)
        stripe.pay(other.session_id or "")
        stripe.refund(paid.session_id or "", 100)
        stripe.dispute(other.session_id or "")
        tell(stripe)
        agree = "books and Stripe agree: 2 payments, 119.96; 1 refund, 1.00; 1 dispute\n"
        assert compare() == agree

    def test_go_by_what_was_received_with_delivery_codes_and_tax(
        self, stripe: StandIn, scarce: Product, settings: Settings
    ):
        rate("Parcel", "DE", 490)
        settings.TAX, settings.PROMOTION_CODES = "exclusive", True
        stripe.promotion_code("ALL", percent_off=100)
        for code in ("", "ALL"):
            stripe.pay(bought(scarce).session_id or "", code=code)
        tell(stripe)
        paid = [order.received_cents for order in Order.objects.order_by("received_cents")]
        # 19 % on top, and with the code that of the delivery alone.
        assert paid == [583, 4_152]
        assert "agree: 2 payments, 47.35\n" in compare()

    def test_say_so_when_nothing_was_sold(self, stripe: StandIn):
        assert compare() == "books and Stripe agree: 0 payments, 0.00\n"

    def test_take_a_second_payment_of_an_order_for_known(
        self, stripe: StandIn, paid: Order, scarce: Product
    ):
        other = bought(scarce)
        thing = stripe.pay(other.session_id or "")
        Order.objects.filter(pk=other.pk).update(session_id="cs_test_other")
        tell(stripe)
        assert Order.objects.get(pk=other.pk).status == "REVIEW"
        assert "agree: 2 payments, 59.98" in compare(), thing

    def test_know_a_bank_debit_whose_charge_is_older(self, stripe: StandIn, scarce: Product):
        order = bought(scarce)
        stripe.pay_later(order.session_id or "")
        for charge in stripe.ledger.charges.values():
            charge["created"] -= 5 * DAY
        stripe.settle(order.session_id or "")
        tell(stripe)
        assert "agree: 0 payments" in compare()

    def test_know_nothing_of_other_applications(self, stripe: StandIn, paid: Order):
        of_another_shop = {"order_id": str(uuid4()), "shop": str(uuid4())}
        for metadata in ({"number": "7"}, {"order_id": "A-7"}, of_another_shop):
            theirs = session_of_another_shop(payment_intent_data={"metadata": metadata})
            id = stripe.ledger.open_session(theirs, "")["id"]
            stripe.pay(id)
            stripe.refund(id)
        assert "agree: 1 payment, 29.99\n" in compare()

    def test_have_yesterdays_currency_beside_todays(
        self, stripe: StandIn, paid: Order, scarce: Product, settings: Any
    ):
        settings.CURRENCY = "jpy"
        other = bought(scarce)
        stripe.pay(other.session_id or "")
        tell(stripe)
        assert "2 payments, " in (line := compare())
        assert "2,999" in line
        assert "29.99 USD" in line


def forget_refund(order: Order) -> None:
    Refund.objects.all().delete()
    Order.objects.update(refunded_cents=0)


DIFFERENCES: dict[str, tuple[Callable[[Order], object], str]] = {
    "a payment of an order that is not there": (
        lambda order: order.delete(),
        "29.99 came in for order {id} ({intent}), not in the books",
    ),
    "a payment of an order that waits for it": (
        lambda order: Order.objects.update(status="PENDING", paid_at=None, payment_intent=""),
        "29.99 came in for order {id} ({intent}), not in the books",
    ),
    "another amount": (
        lambda order: Order.objects.update(received_cents=1),
        "order {name} has paid 0.01, and Stripe 29.99",
    ),
    "another currency": (
        lambda order: Order.objects.update(currency="eur"),
        "order {name} has paid 29.99 EUR, and Stripe 29.99",
    ),
    "a lost refund": (forget_refund, "order {name} has refunded 0.00, and Stripe 1.00"),
    "an invented refund": (
        lambda order: Order.objects.update(refunded_cents=2_999),
        "order {name} has refunded 29.99, and Stripe 1.00",
    ),
    "a lost dispute": (
        lambda order: Order.objects.update(dispute_id="", disputed_at=None),
        "order {name} has disputed no, and Stripe yes",
    ),
    "a dispute that ended otherwise": (
        lambda order: Order.objects.update(dispute_result="won"),
        "order {name} has dispute won, and Stripe open",
    ),
    "an invented payment": (
        lambda order: Order.objects.update(payment_intent="pi_invented"),
        "order {name} is paid, and Stripe knows no payment pi_invented",
    ),
}


class TestBooksThatDifferFromStripe:
    @pytest.fixture(autouse=True)
    def what_happened(self, stripe: StandIn, paid: Order) -> None:
        stripe.refund(paid.session_id or "", 100)
        stripe.dispute(paid.session_id or "")
        tell(stripe)

    @pytest.mark.parametrize("difference", DIFFERENCES)
    def test_end_the_command_with_a_failure_that_says_where(self, paid: Order, difference: str):
        assert "agree" in compare()
        tamper, words = DIFFERENCES[difference]
        pk, name, intent = paid.pk, paid.reference, paid.payment_intent
        tamper(paid)
        with pytest.raises(CommandError) as failure:
            compare()
        assert str(failure.value).startswith("books and Stripe differ in ")
        assert words.format(id=pk, name=name, intent=intent) in str(failure.value)

    def test_are_named_on_the_desk_and_in_the_metrics_until_they_agree(
        self, paid: Order, settings: Any
    ):
        settings.METRICS_TOKEN = "t"
        merchant = Client()
        merchant.force_login(User.objects.create_superuser("merchant"))

        def seen() -> tuple[bool, float]:
            desk = merchant.get("/admin/checkout/order/").text
            metrics = Client().get("/metrics", headers={"Authorization": "Bearer t"}).text
            return "Books and Stripe differ" in desk, figure(metrics, "shop_books_differ")

        compare()
        assert seen() == (False, 0)
        Order.objects.update(received_cents=1)
        with pytest.raises(CommandError):
            compare()
        assert seen() == (True, 1)
        Order.objects.update(received_cents=2_999)
        compare()
        assert seen() == (False, 0)

    def test_are_no_hurry_of_news_that_is_on_its_way(self, paid: Order):
        Heartbeat.beat("books", timezone.now() - timedelta(days=2))
        Order.objects.update(refunded_cents=0, dispute_id="", disputed_at=None)
        assert "agree: 0 payments" in run("--older-than", "5")


class TestEachDay:
    def test_the_books_are_compared_once(self, stripe: StandIn, paid: Order):
        assert "books" not in run("--older-than", "0")
        Heartbeat.objects.filter(name="books").update(at=timezone.now() - timedelta(hours=25))
        assert "books and Stripe agree: 1 payment, 29.99" in run("--older-than", "0")
        assert "books" not in run("--older-than", "0")

    def test_a_difference_is_an_error_in_the_log_of_the_worker(
        self, stripe: StandIn, paid: Order, monkeypatch: Any, caplog: pytest.LogCaptureFixture
    ):
        Heartbeat.beat("books", timezone.now() - timedelta(hours=25))
        Order.objects.update(received_cents=1)
        monkeypatch.setattr(time, "sleep", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run("--every", "60", "--older-than", "0")
        [line] = [r for r in caplog.records if "books and Stripe differ" in r.getMessage()]
        assert line.levelname == "ERROR"

    @pytest.mark.parametrize(("status", "is_tried_again"), [(500, True), (403, False)])
    def test_the_next_round_tries_again_unless_the_key_may_not_ask(
        self, stripe: StandIn, paid: Order, status: int, is_tried_again: bool
    ):
        Heartbeat.beat("books", timezone.now() - timedelta(hours=25))
        stripe.fault("GET", "/v1/charges", status=status, times=9)
        run("--older-than", "0")
        stripe.clear_faults()
        assert ("books and Stripe agree" in run("--older-than", "0")) == is_tried_again
