"""Two at the same moment: one acts in the middle of the other, and each thing happens once.

`meanwhile` lets the second act between two statements of the first, so that the order of the
two is the same in every run. Real processes at once are in tests/races.
"""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from checkout import gateway, ordering, outbox
from checkout.models import Order, StripeEvent
from checkout.purging import PurgeReport, purge
from storefront.models import CartLine, CartLineQuerySet, Product, Reservation
from tests.cast import Shopper, deliver, event_about, leads_to_payment, product, rate
from tests.locks import held_up
from tools.stripe_stand_in import StandIn

CREATE = "/v1/checkout/sessions"
Meanwhile = Callable[..., None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    def let(owner: object, name: str, act: Callable[[], object], when: Any = None) -> None:
        """Do `act` once, just before the first call of `owner.name` for which `when` holds."""
        real, acts = getattr(owner, name), [act]

        def interrupted(*args: Any, **options: Any) -> Any:
            if acts and (when is None or when(*args, **options)):
                acts.pop()()
            return real(*args, **options)

        monkeypatch.setattr(owner, name, interrupted)

    return let


def amounts_at_open_sessions(stripe: StandIn) -> list[int]:
    return [s["amount_total"] for s in stripe.sessions.values() if s["status"] == "open"]


def outcomes() -> list[str]:
    return list(StripeEvent.objects.order_by("id").values_list("outcome", flat=True))


def reconcile() -> str:
    out = StringIO()
    call_command("reconcile_orders", older_than=0, stdout=out)
    return out.getvalue()


class TestTwoTabs:
    def test_with_different_carts_leave_one_session_open(
        self, stripe: StandIn, ada: Shopper, mouse: Product, meanwhile: Meanwhile
    ):
        def buy_three_in_another_tab() -> None:
            ada.puts(mouse, 3)
            assert leads_to_payment(ada.buys())

        ada.puts(mouse, 2)
        meanwhile(gateway, "open_session", buy_three_in_another_tab)
        response = ada.is_refused(ada.buys())
        assert "in another tab" in response.text
        assert amounts_at_open_sessions(stripe) == [8_997]

    def test_that_order_at_once_leave_one_session_open(
        self, stripe: StandIn, ada: Shopper, meanwhile: Meanwhile
    ):
        mouse, parcel = product("Mouse"), rate("Parcel", "DE AT", 490)
        items = [{"product_id": mouse.pk, "quantity": 1}]
        ada.puts(mouse, 1)

        def buy_to_austria_in_another_tab() -> None:
            ada.buys_by_json({"items": items, "country": "AT", "delivery": parcel.pk})
            assert ada.order.session_id

        meanwhile(ordering, "place_order", buy_to_austria_in_another_tab)
        assert leads_to_payment(ada.buys())
        assert amounts_at_open_sessions(stripe) == [3_489]
        assert [order.country for order in ada.orders if order.is_offered] == ["DE"]

    def test_of_which_one_is_just_given_its_session_leave_one_session_open(
        self, stripe: StandIn, ada: Shopper, mouse: Product, meanwhile: Meanwhile
    ):
        ada.puts(mouse, 2)
        ada.buys()
        first, session = Order.objects.filter(pk=ada.order.pk), ada.order.session_id
        first.update(session_id=None)
        meanwhile(Order, "supersede", lambda: first.update(session_id=session))
        ada.puts(mouse, 3)
        assert leads_to_payment(ada.buys())
        assert amounts_at_open_sessions(stripe) == [8_997]


class TestTwoDeliveries:
    def test_of_one_payment_pay_once(
        self, pending_order: Order, ada: Shopper, meanwhile: Meanwhile
    ):
        meanwhile(Order, "move", lambda: deliver(event_about(pending_order)))
        assert deliver(event_about(pending_order)).status_code == 200
        assert outcomes() == ["applied", "no change"]
        assert ada.order.status == "PAID"

    def test_of_payment_and_expiry_leave_it_paid(
        self, pending_order: Order, ada: Shopper, meanwhile: Meanwhile
    ):
        meanwhile(Order, "move", lambda: deliver(event_about(pending_order)))
        deliver(event_about(pending_order, "checkout.session.expired", payment_status="unpaid"))
        assert ada.order.status == "PAID"
        assert outcomes() == ["applied", "no change"]

    def test_of_one_session_never_stored_are_no_misfit(
        self, pending_order: Order, ada: Shopper, meanwhile: Meanwhile
    ):
        Order.objects.update(session_id=None)
        meanwhile(Order, "move", lambda: deliver(event_about(pending_order)))
        deliver(event_about(pending_order))
        assert (ada.order.status, ada.order.review_reason) == ("PAID", "")

    def test_of_two_sessions_are_two_payments(
        self, pending_order: Order, ada: Shopper, meanwhile: Meanwhile
    ):
        Order.objects.update(session_id=None)
        meanwhile(Order, "move", lambda: deliver(event_about(pending_order, id="cs_quick")))
        deliver(event_about(pending_order, id="cs_slow", payment_intent="pi_slow"))
        assert (ada.order.status, ada.order.session_id) == ("PAID", "cs_quick")
        assert "Money arrived in cs_slow" in ada.order.review_reason

    def test_of_two_sessions_leave_the_order_its_own(
        self, pending_order: Order, ada: Shopper, meanwhile: Meanwhile
    ):
        Order.objects.update(session_id=None)
        debit = event_about(
            pending_order, id="cs_debit", payment_status="unpaid", payment_intent=None
        )
        meanwhile(Order, "move", lambda: deliver(debit))
        deliver(event_about(pending_order, id="cs_card"))
        assert (ada.order.status, ada.order.session_id) == ("REVIEW", "cs_debit")

    def test_of_payment_and_refund_are_brought_together_by_the_worker(
        self, stripe: StandIn, pending_order: Order, ada: Shopper, meanwhile: Meanwhile
    ):
        stripe.pay(pending_order.session_id or "")
        stripe.refund(pending_order.session_id or "")
        (paid,) = stripe.events_of("checkout.session.completed")
        (refunded,) = stripe.events_of("charge.refunded")
        meanwhile(Order, "move", lambda: deliver(refunded))
        deliver(paid)
        assert ada.order.status == "PAID"
        reconcile()
        assert ada.order.status == "REFUNDED"

    def test_a_line_lowered_while_its_order_is_paid_stops_no_payment(
        self, stripe: StandIn, ada: Shopper, mouse: Product
    ):
        ada.puts(mouse, 2)
        ada.buys()
        ada.puts(mouse, 3)

        tabs = [lambda: ada.puts(mouse, 1)]

        def lower(execute: Any, sql: str, *rest: Any) -> Any:
            if sql.startswith('UPDATE "storefront_cartline"') and tabs:
                tabs.pop()()
            return execute(sql, *rest)

        with connection.execute_wrapper(lower):
            assert deliver(event_about(ada.order)).status_code == 200
        assert (ada.order.status, ada.cart) == ("PAID", {"Mouse": 1})


class TestTwoClicks:
    def test_that_ask_in_two_attempts_lead_to_one_session(
        self, stripe: StandIn, ada: Shopper, mouse: Product, meanwhile: Meanwhile
    ):
        def click_of_the_next_attempt() -> None:
            Order.objects.update(attempt_at=timezone.now() - timedelta(minutes=6))
            pages.append(ada.buys()["Location"])

        pages: list[str] = []
        ada.puts(mouse, 1)
        meanwhile(Order, "keep_session", click_of_the_next_attempt)
        pages.append(ada.buys()["Location"])
        assert pages[0] == pages[1] == ada.order.session_url

    def test_that_fail_count_as_one_attempt(
        self, stripe: StandIn, ada: Shopper, mouse: Product, meanwhile: Meanwhile
    ):
        stripe.fault("POST", CREATE, status=500, times=6)
        ada.puts(mouse, 1)
        meanwhile(Order, "begin_next_attempt", ada.buys)
        ada.buys()
        assert ada.order.attempt == 2

    def test_one_of_which_comes_after_the_payment_are_two_orders(
        self, pending_order: Order, ada: Shopper, meanwhile: Meanwhile
    ):
        meanwhile(Order.objects, "create", lambda: None)
        looks = iter([False, False, True])
        paid = event_about(pending_order)
        meanwhile(Order.objects, "for_shopper", lambda: deliver(paid), lambda shopper: next(looks))
        assert leads_to_payment(ada.buys())
        assert sorted(pending_order.status for pending_order in ada.orders) == ["PAID", "PENDING"]


class TestTwoWhoGiveGoodsBack:
    def test_give_them_back_once(
        self, stripe: StandIn, ada: Shopper, mouse: Product, meanwhile: Meanwhile
    ):
        Product.objects.update(stock=3)
        ada.puts(mouse, 2)
        ada.buys()
        old = event_about(ada.order, "checkout.session.expired", payment_status="unpaid")
        ada.puts(mouse, 1)
        meanwhile(Reservation.objects, "filter", lambda: deliver(old), lambda **row: "pk" in row)
        ada.buys()
        mouse.refresh_from_db()
        assert mouse.stock == 2

    def test_take_none_from_a_shopper_who_has_come_back(
        self, stripe: StandIn, ada: Shopper, mouse: Product, meanwhile: Meanwhile
    ):
        Product.objects.update(stock=1)
        stripe.fault("POST", CREATE, drop=True, times=3)
        meanwhile(Order, "release_stock", died)
        ada.puts(mouse, 1)
        with pytest.raises(Died):
            ada.buys()
        stripe.clear_faults()
        assert (ada.order.session_id, Reservation.objects.count()) == (None, 1)
        meanwhile(Order, "lock", ada.buys)
        reconcile()
        mouse.refresh_from_db()
        assert ada.order.session_id
        assert (mouse.stock, Reservation.objects.count()) == (0, 1)


class Died(Exception):
    """What a process does that is killed."""


def died() -> None:
    raise Died


class TestForgetting:
    def test_leaves_a_cart_that_is_changed_at_that_moment(
        self, ada: Shopper, mouse: Product, meanwhile: Meanwhile
    ):
        ada.puts(mouse, 1)
        CartLine.objects.update(changed_at=timezone.now() - timedelta(days=91))
        meanwhile(CartLineQuerySet, "delete", lambda: ada.puts(mouse, 2))
        purge(timezone.now())
        assert ada.cart == {"Mouse": 2}

    def test_twice_forgets_each_thing_once(
        self, ada: Shopper, mouse: Product, meanwhile: Meanwhile
    ):
        ada.puts(mouse, 1)
        CartLine.objects.update(changed_at=timezone.now() - timedelta(days=91))
        reports: list[PurgeReport] = []
        meanwhile(CartLineQuerySet, "delete", lambda: reports.append(purge(timezone.now())))
        reports.append(purge(timezone.now()))
        assert [report.cart_lines for report in reports] == [1, 0]

    @pytest.mark.django_db(transaction=True)
    def test_leaves_an_order_that_is_paid_at_that_moment(self, stripe: StandIn, mouse: Product):
        ada = Shopper()
        ada.puts(mouse, 1)
        ada.buys()
        old = timezone.now() - timedelta(days=91)
        times = {"created_at": old, "attempt_at": old, "session_expires_at": old}
        Order.objects.update(status="EXPIRED", **times)
        with transaction.atomic():
            Order.objects.update(status="PAID", paid_at=timezone.now())
            forgetting = held_up(lambda: purge(timezone.now()))
        forgetting.join()
        assert ada.order.status == "PAID"


class TestTwoWorkers:
    def test_send_what_is_due_once(
        self, pending_order: Order, meanwhile: Meanwhile, mails: list[EmailMessage]
    ):
        deliver(event_about(pending_order))
        meanwhile(outbox, "_post", reconcile)
        reconcile()
        assert len(mails) == 1

    def test_that_have_both_read_it_send_it_once(
        self, pending_order: Order, meanwhile: Meanwhile, mails: list[EmailMessage]
    ):
        deliver(event_about(pending_order))
        meanwhile(outbox, "_envelope", reconcile)
        reconcile()
        assert len(mails) == 1


@pytest.mark.django_db(transaction=True)
class TestTwoRefunds:
    def test_wait_for_each_other(self, stripe: StandIn, mouse: Product):
        ada = Shopper()
        ada.puts(mouse, 1)
        ada.buys()
        deliver(event_about(ada.order))
        intent, now = ada.order.payment_intent, timezone.now()
        older = event_about(ada.order, "charge.refunded", payment_intent=intent, amount_refunded=1)
        with transaction.atomic():
            Order.objects.select_for_update().get()
            delivery = held_up(lambda: deliver(older))
            newer = {"charge_refunded_cents": 2, "charge_refunded_at": now + timedelta(hours=1)}
            Order.objects.update(refunded_cents=2, **newer)
        delivery.join()
        assert ada.order.refunded_cents == 2
