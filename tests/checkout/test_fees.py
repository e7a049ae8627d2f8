"""What Stripe kept of a payment: asked for by the worker, later, and for the books alone."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout import fees
from checkout.gateway import reads
from checkout.models import Heartbeat, Order
from storefront.models import Product
from tests.cast import Shopper, deliver
from tests.checkout.test_reconciling import reconcile
from tools.stripe_stand_in import StandIn

pytestmark = pytest.mark.django_db

PAYMENTS = "/v1/payment_intents"
A_DAY = timedelta(days=1)


def pay(stripe: StandIn, order: Order, **changes: Any) -> Order:
    """Let it be paid some minutes ago."""
    stripe.pay(order.session_id or "")
    return heard(stripe, order, **changes)


def heard(stripe: StandIn, order: Order, **changes: Any) -> Order:
    for event in stripe.events:
        deliver(event)
    ago = {"paid_at": timezone.now() - timedelta(minutes=5)}
    Order.objects.filter(pk=order.pk, paid_at__isnull=False).update(**ago | changes)
    order.refresh_from_db()
    return order


def asked(stripe: StandIn) -> int:
    return sum(request.path.startswith(PAYMENTS) for request in stripe.requests)


def known(order: Order) -> tuple[Any, ...]:
    order.refresh_from_db()
    return order.fee_cents, order.net_cents, order.settlement_currency


@pytest.fixture
def paid(stripe: StandIn, pending_order: Order) -> Order:
    return pay(stripe, pending_order)


def balance_of(stripe: StandIn, order: Order) -> dict[str, Any]:
    charge = next(
        c for c in stripe.ledger.charges.values() if c["payment_intent"] == order.payment_intent
    )
    return stripe.ledger.balance_transactions[charge["balance_transaction"]]


class TestAPaidOrder:
    def test_gets_its_fee_once(self, stripe: StandIn, paid: Order):
        assert "fees of 1 payments noted" in reconcile()
        assert known(paid) == (116, 2_883, "usd")
        assert "fees" not in reconcile()
        assert asked(stripe) == 1

    def test_keeps_the_currency_that_stripe_settles_in(self, stripe: StandIn, paid: Order):
        balance_of(stripe, paid).update(currency="eur", fee=105, net=-2)
        reconcile()
        assert known(paid) == (105, -2, "eur")

    @pytest.mark.parametrize("odd", [{"net": "2883"}, {"currency": None}, {"fee": None}])
    def test_takes_no_odd_answer_for_its_fee(
        self, stripe: StandIn, paid: Order, odd: dict[str, Any]
    ):
        balance_of(stripe, paid).update(odd)
        reconcile()
        assert (asked(stripe), known(paid)) == (1, (None, None, ""))

    def test_has_a_fee_too_when_it_went_back(self, stripe: StandIn, paid: Order):
        stripe.refund(paid.session_id or "")
        heard(stripe, paid)
        reconcile()
        assert (paid.status, known(paid)[0]) == ("REFUNDED", 116)

    def test_of_another_worker_stays_as_that_one_left_it(
        self, stripe: StandIn, paid: Order, monkeypatch
    ):
        told = reads.balance_transaction

        def slower(payment_intent: str) -> Any:
            Order.objects.update(fee_cents=1, net_cents=2, settlement_currency="chf")
            return told(payment_intent)

        monkeypatch.setattr(reads, "balance_transaction", slower)
        assert fees.fetch(timezone.now()) == 0
        assert known(paid) == (1, 2, "chf")


class TestNobodyIsAsked:
    @pytest.mark.parametrize(
        "changes",
        [
            {"paid_at": timezone.now() + timedelta(hours=1)},
            {"payment_intent": ""},  # it cost nothing
            {"fee_cents": 0},
        ],
    )
    def test_about_some(self, stripe: StandIn, pending_order: Order, changes: dict[str, Any]):
        pay(stripe, pending_order, **changes)
        reconcile()
        assert asked(stripe) == 0

    @pytest.mark.parametrize("session", ["cs_demo_1", "cs_live_1", None])
    def test_about_orders_of_another_mode_which_never_have_one(
        self, stripe: StandIn, paid: Order, session: str | None
    ):
        Order.objects.update(session_id=session)
        reconcile()
        assert (asked(stripe), known(paid)) == (0, (None, None, fees.NO_CURRENCY))
        assert not fees.orders_in_turn(timezone.now())

    def test_about_an_order_that_is_not_paid(self, stripe: StandIn, pending_order: Order):
        stripe.pay_later(pending_order.session_id or "")
        heard(stripe, pending_order)
        reconcile()
        assert (pending_order.status, asked(stripe)) == ("PROCESSING", 0)
        stripe.settle(pending_order.session_id or "")
        heard(stripe, pending_order, asked_at=None)
        reconcile()
        assert known(pending_order)[0] == 116

    def test_in_the_demo(self, ada: Shopper, mouse: Product):
        ada.puts(mouse, 1)
        ada.buys()
        Order.objects.update(paid_at=timezone.now() - A_DAY)
        reconcile()
        assert known(ada.order) == (None, None, "")


class TestAFeeThatIsNotThereYet:
    @pytest.fixture
    def charge(self, stripe: StandIn, paid: Order) -> dict[str, Any]:
        [charge] = stripe.ledger.charges.values()
        charge["balance_transaction"] = None
        return charge

    def test_is_asked_for_again_after_an_hour(
        self, stripe: StandIn, paid: Order, charge: dict[str, Any]
    ):
        balance = next(iter(stripe.ledger.balance_transactions))
        for _ in range(3):
            reconcile()
        assert (asked(stripe), known(paid)) == (1, (None, None, ""))
        charge["balance_transaction"] = balance
        Order.objects.update(asked_at=timezone.now() - fees.AGAIN)
        reconcile()
        assert known(paid)[0] == 116

    @pytest.mark.parametrize("days", [29, 31])
    def test_is_given_up_after_a_month(
        self, stripe: StandIn, paid: Order, charge: dict[str, Any], days: int
    ):
        Order.objects.update(paid_at=timezone.now() - days * A_DAY)
        reconcile()
        assert known(paid)[2] == (fees.NO_CURRENCY if days > 30 else "")

    def test_keeps_no_other_waiting(
        self, stripe: StandIn, paid: Order, charge: dict[str, Any], mouse: Product, monkeypatch
    ):
        monkeypatch.setattr(fees, "MOST", 1)
        other = Shopper()
        other.puts(mouse, 1)
        other.buys()
        pay(stripe, other.order, paid_at=timezone.now() - A_DAY)
        reconcile()
        assert known(other.order)[0] is None  # the newest comes first
        reconcile()
        assert known(other.order)[0] == 116


class TestWhatStripeWillNotTell:
    def test_is_left_for_a_day_with_one_quiet_line(
        self, stripe: StandIn, paid: Order, caplog: pytest.LogCaptureFixture
    ):
        stripe.fault("GET", PAYMENTS, status=403, times=9)
        with caplog.at_level("INFO"):
            said = [reconcile() for _ in range(3)]
        lines = [r for r in caplog.records if "may not read Stripe's fees" in r.getMessage()]
        assert [line.levelname for line in lines] == ["INFO"]
        assert not any("refused" in words for words in said)
        assert asked(stripe) == 1
        stripe.clear_faults()
        Heartbeat.objects.filter(name="no fees").update(at=timezone.now() - A_DAY)
        reconcile()
        assert known(paid)[0] == 116

    def test_of_a_payment_it_does_not_know_is_asked_once(self, stripe: StandIn, paid: Order):
        Order.objects.update(payment_intent="pi_of_another_account")
        for _ in range(2):
            reconcile()
        assert (asked(stripe), known(paid)) == (1, (None, None, fees.NO_CURRENCY))

    @pytest.mark.parametrize("status", [400, 500])
    def test_now_may_come_later(self, stripe: StandIn, paid: Order, status: int):
        stripe.fault("GET", PAYMENTS, status=status, times=9)
        reconcile()
        assert known(paid) == (None, None, "")
        stripe.clear_faults()
        Order.objects.update(asked_at=None)
        reconcile()
        assert known(paid)[0] == 116
