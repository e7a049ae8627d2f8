"""No payment is lost, doubled or invented, whatever happens and in whatever order.

A state machine plays shoppers, merchant, Stripe, the network and power cuts against the shop.
`make prove` runs it for long; STEPS and SEED in the environment say how long, and from where.
"""

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from checkout import events, outbox, reconciling
from checkout.management.commands.reconcile_orders import Command
from checkout.models import Order, StripeEvent
from storefront.admin import _restock
from storefront.models import CartLine, Hold, Product
from tests.cast import SECRET, Shopper
from tests.proof.crashes import POINTS, Crashes
from tests.proof.stage import API, new_stand_in, set_for
from tests.proof.witness import Witness, stock_of
from tests.stripe_stand_in.shapes import Json

IS_LONG = bool(os.environ.get("PROVE"))
STEPS = int(os.environ.get("STEPS", 100_000 if IS_LONG else 2_000))
STEPS_PER_EXAMPLE = 60
EXAMPLES_PER_RUN = 200 if IS_LONG else 40

SECOND, MINUTE, HOUR, DAY = 1, 60, 60 * 60, 24 * 60 * 60
STRIPE_KEEPS_EVENTS = 30 * DAY
PAUSES = [SECOND, MINUTE, 6 * MINUTE, 36 * MINUTE, 7 * HOUR, DAY, 3 * DAY]
CREATE, SESSION, EVENTS = (
    "/v1/checkout/sessions",
    "/v1/checkout/sessions/cs_",
    "/v1/events",
)
CALLS = [("POST", CREATE), ("POST", SESSION), ("GET", SESSION), ("GET", EVENTS)]
BEFORE = [{"status": status} for status in (400, 401, 402, 409, 429, 500)] + [{"drop": True}]
AFTER = [{"status": 500, "after": True}, {"drop": True, "after": True}]
ENDINGS = ["reconciled", "in order", "in reverse", "shuffled", "twice"]

nth = st.integers(0, 20)
people = st.sampled_from(["ada", "bo", "cy"])
goods = st.sampled_from(["mouse", "laptop", "sticker"])


class Figures:
    """What was run so far, in all examples."""

    steps = examples = crashes = 0
    moves: Counter[tuple[str, str]] = Counter()


class TheShop(RuleBasedStateMachine):
    """Everybody acts at random; the witness looks after every event and every step."""

    def __init__(self) -> None:
        super().__init__()
        self.stand_in = new_stand_in(SECRET)
        self.books, self.postman = self.stand_in.books, self.stand_in.postman
        self.crashes = Crashes()
        self.witness = Witness(self.stand_in)
        self.is_mail_down = False
        self.totals_seen: dict[str, str] = {}
        self.undo = ExitStack()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Look at each event by itself: a run of the reconciler brings many."""
        mail = {StripeEvent.FollowUp.ORDER_PAID: self._mail}
        with (
            mock.patch.object(events, "receive", self._watched(events.receive)),
            mock.patch.object(reconciling, "_tell_parked", self._watched(reconciling._tell_parked)),
            mock.patch.dict(outbox.DO, mail),
        ):
            yield

    def _watched(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            result = step(*args, **options)
            self.look()
            return result

        return watched

    def _mail(self, order: Order) -> None:
        if self.is_mail_down:
            raise OSError("no route to the mail server")
        self.witness.follow_up_happened(order)

    @initialize(
        stocks=st.tuples(*[st.sampled_from([3, None, 0, 1, 10])] * 3),
        ending=st.sampled_from(ENDINGS),
        chance=st.integers(0, 2**16),
    )
    def begins(self, stocks: tuple[int | None, ...], ending: str, chance: int) -> None:
        Figures.examples += 1
        for setting in (set_for(self.stand_in), self._watching(), self.crashes.installed()):
            self.undo.enter_context(setting)
        for model in (StripeEvent, Order, CartLine, Hold, Product):
            model.objects.all().delete()
        self.ending, self.chance = ending, random.Random(chance)
        prices = {"mouse": 2_999, "laptop": 99_999, "sticker": 100}
        self.goods = {
            name: Product.objects.create(name=name, price_cents=prices[name], stock=stock)
            for name, stock in zip(prices, stocks, strict=True)
        }
        for product in self.goods.values():
            self.witness.merchant_counted(product)
        self.people = {name: Shopper() for name in ("ada", "bo", "cy")}
        for name, shopper in self.people.items():
            shopper.puts(self.goods["mouse"], 0)
            self.totals_seen[name] = "0"

    # Shoppers

    @rule(who=people, what=goods, quantity=st.sampled_from([1, 2, 3, 0, 11]))
    def puts(self, who: str, what: str, quantity: int) -> None:
        shopper, product = self.people[who], self.goods[what]
        answer = shopper.puts(product, quantity, htmx=True)
        if answer.status_code == 200:
            self.witness.shopper_put(shopper.id, product, quantity)
        self.totals_seen[who] = self.total_of(who)

    @rule(who=people, has_looked=st.sampled_from([True, True, True, False]))
    def buys(self, who: str, has_looked: bool) -> None:
        if has_looked:
            self.totals_seen[who] = self.total_of(who)
        with self.crashes.survived():
            answer = self.people[who].buys(total_cents=self.totals_seen[who])
            assert answer.status_code in (303, 422, 503, 502)
            if answer.status_code == 303:
                self.is_led_to_pay(answer["Location"])

    @rule(who=people, what=goods, quantity=st.sampled_from([1, 2, 3]))
    def buys_by_json(self, who: str, what: str, quantity: int) -> None:
        items = [{"product_id": self.goods[what].pk, "quantity": quantity}]
        with self.crashes.survived():
            answer = self.people[who].buys_by_json({"items": items})
            assert answer.status_code in (200, 400, 503, 502)
            if answer.status_code == 200:
                self.is_led_to_pay(answer.json()["url"])

    def total_of(self, who: str) -> str:
        lines = CartLine.objects.filter(shopper=self.people[who].id, product__is_on_sale=True)
        return str(
            sum(
                quantity * price
                for quantity, price in lines.values_list("quantity", "product__price_cents")
            )
        )

    def is_led_to_pay(self, url: str) -> None:
        order = Order.objects.get(session_url=url)
        session = self.books.sessions[order.session_id or ""]
        assert session["amount_total"] == order.total_cents

    @rule(who=people, which=nth, sign=st.sampled_from(["order", "canceled"]))
    def comes_back(self, who: str, which: int, sign: str) -> None:
        """A redirect tells nothing, so it changes nothing."""
        orders = list(self.witness.orders)
        query = f"?{sign}={orders[which % len(orders)]}" if orders else ""
        before = Order.objects.order_by("pk").values_list("pk", "status")
        states = list(before)
        assert self.people[who].get(f"/{query}").status_code == 200
        assert list(before.all()) == states

    # The merchant

    @rule(what=goods, cents=st.sampled_from([2_999, 100, 99_999, 1]))
    def prices(self, what: str, cents: int) -> None:
        Product.objects.filter(pk=self.goods[what].pk).update(price_cents=cents)

    @rule(what=goods, stock=st.sampled_from([2, 0, None, 1, 5]))
    def counts(self, what: str, stock: int | None) -> None:
        Product.objects.filter(pk=self.goods[what].pk).update(stock=stock)
        self.witness.merchant_counted(self.goods[what])

    @rule(what=goods, more=st.integers(-2, 5), sold_meanwhile=st.integers(0, 2))
    def restocks(self, what: str, more: int, sold_meanwhile: int) -> None:
        """By the desk's form, which may have been opened before the last sales."""
        product = self.goods[what]
        now = stock_of(product)
        seen = None if now is None else now + sold_meanwhile
        product.stock = None if seen is None else max(seen + more, 0)
        _restock(product, seen)
        self.witness.merchant_counted(product)

    @rule(what=goods, is_on_sale=st.booleans())
    def offers(self, what: str, is_on_sale: bool) -> None:
        Product.objects.filter(pk=self.goods[what].pk).update(is_on_sale=is_on_sale)
        self.goods[what].is_on_sale = is_on_sale

    # At Stripe's

    def sessions(self, **state: str) -> list[str]:
        return [
            session["id"]
            for session in self.books.sessions.values()
            if all(session[name] == value for name, value in state.items())
        ]

    def charged(self, *, is_disputed: bool) -> list[str]:
        """Sessions with money that came."""
        return [
            session["id"]
            for session in self.books.sessions.values()
            if (charge := self.charge_of(session))
            and charge["status"] == "succeeded"
            and charge["disputed"] == is_disputed
        ]

    def charge_of(self, session: Json) -> Json | None:
        intent = self.books.payment_intents.get(session["payment_intent"] or "")
        return self.books.charges[intent["latest_charge"]] if intent else None

    def open_sessions(self) -> list[str]:
        return self.sessions(status="open")

    def waiting_for_a_bank(self) -> list[str]:
        return [id for id in self.books.sessions if self.books.is_awaiting_bank(id)]

    def refundable(self) -> list[str]:
        return [
            id
            for id in self.charged(is_disputed=False)
            if (charge := self.charge_of(self.books.sessions[id]))
            and charge["amount_refunded"] < charge["amount"]
        ]

    def refunds(self) -> list[str]:
        return [id for id, refund in self.books.refunds.items() if refund["status"] != "failed"]

    def disputed(self) -> list[str]:
        ids = {
            dispute["payment_intent"]
            for dispute in self.books.disputes.values()
            if dispute["status"] == "needs_response"
        }
        return [s["id"] for s in self.books.sessions.values() if s["payment_intent"] in ids]

    @precondition(open_sessions)
    @rule(which=nth)
    def pays(self, which: int) -> None:
        self.stand_in.pay(latest(self.open_sessions(), which))

    @precondition(open_sessions)
    @rule(which=nth)
    def pays_later(self, which: int) -> None:
        self.stand_in.pay_later(latest(self.open_sessions(), which))

    @precondition(open_sessions)
    @rule(which=nth)
    def is_declined(self, which: int) -> None:
        self.stand_in.decline(latest(self.open_sessions(), which))

    @precondition(open_sessions)
    @rule(which=nth)
    def session_ends(self, which: int) -> None:
        self.stand_in.expire(latest(self.open_sessions(), which))

    @precondition(waiting_for_a_bank)
    @rule(which=nth)
    def bank_settles(self, which: int) -> None:
        self.stand_in.settle(latest(self.waiting_for_a_bank(), which))

    @precondition(waiting_for_a_bank)
    @rule(which=nth)
    def bank_fails(self, which: int) -> None:
        self.stand_in.fail(latest(self.waiting_for_a_bank(), which))

    @precondition(refundable)
    @rule(which=nth, cents=st.sampled_from([None, 60, 1, 2_000]))
    def merchant_refunds(self, which: int, cents: int | None) -> None:
        id = latest(self.refundable(), which)
        charge = self.charge_of(self.books.sessions[id]) or {}
        left = charge["amount"] - charge["amount_refunded"]
        self.stand_in.refund(id, min(cents, left) if cents else None)

    @precondition(refunds)
    @rule(which=nth)
    def refund_fails(self, which: int) -> None:
        self.stand_in.fail_refund(latest(self.refunds(), which))

    @precondition(lambda self: self.charged(is_disputed=False))
    @rule(which=nth)
    def shopper_disputes(self, which: int) -> None:
        self.stand_in.dispute(latest(self.charged(is_disputed=False), which))

    @precondition(disputed)
    @rule(which=nth, is_won=st.booleans())
    def dispute_closes(self, which: int, is_won: bool) -> None:
        self.stand_in.close_dispute(latest(self.disputed(), which), won=is_won)

    # The network

    def undelivered(self) -> list[str]:
        return [e["id"] for e in self.books.events if e["id"] in self.postman.undelivered]

    @precondition(lambda self: self.books.events)
    @rule(which=nth)
    def brings_any_event(self, which: int) -> None:
        ids = [event["id"] for event in self.books.events if event["type"] in self.enabled]
        if ids:
            self.deliver(latest(ids, which))

    @property
    def enabled(self) -> tuple[str, ...]:
        return self.postman.enabled_events

    @precondition(undelivered)
    @rule(which=nth)
    def brings_an_event_at_last(self, which: int) -> None:
        self.deliver(latest(self.undelivered(), which))

    @precondition(undelivered)
    @rule(chance=st.integers(0, 100))
    def brings_what_is_left(self, chance: int) -> None:
        ids = self.undelivered()
        if chance:
            random.Random(chance).shuffle(ids)
        for id in ids:
            self.deliver(id)

    @precondition(lambda self: self.books.events)
    @rule(which=nth)
    def brings_the_same_fact_in_another_event(self, which: int) -> None:
        event = latest(self.books.events, which)
        copies = StripeEvent.objects.filter(event_id__startswith=event["id"]).count()
        with self.crashes.survived():
            assert self.stand_in.send(event | {"id": f"{event['id']}_{copies}"}) == 200

    def deliver(self, id: str) -> None:
        with self.crashes.survived():
            assert self.stand_in.deliver(id) == 200
            assert StripeEvent.objects.filter(event_id=id).count() == 1

    def losable(self) -> list[Json]:
        """News of sessions that the shop will ask about by itself: it waits for them."""
        waiting = {
            order.session_id
            for order in self.witness.orders.values()
            if order.status in ("PENDING", "PROCESSING")
        }
        return [
            event
            for event in self.books.events
            if event["id"] in self.postman.undelivered
            and event["type"].startswith("checkout.session.")
            and event["data"]["object"]["id"] in waiting
            and len(
                self.sessions(client_reference_id=event["data"]["object"]["client_reference_id"])
            )
            == 1
        ]

    @precondition(losable)
    @rule(which=nth)
    def loses_an_event_for_good(self, which: int) -> None:
        """Somebody answered 200 in the shop's place, so Stripe won't tell again."""
        self.postman._delivered(latest(self.losable(), which))

    @rule(
        call=st.sampled_from(CALLS),
        fault=st.sampled_from(BEFORE + AFTER),
        times=st.sampled_from([1, 3, 6]),
    )
    def stripe_has_trouble(self, call: tuple[str, str], fault: dict[str, Any], times: int) -> None:
        method, path = call
        self.stand_in.fault(method, path, times=times, **fault)

    @rule()
    def stripe_is_well_again(self) -> None:
        self.stand_in.clear_faults()

    # Time, crashes and mending

    @rule(point=st.sampled_from(POINTS), after=st.sampled_from([0, 0, 1, 2, 5]))
    def will_crash(self, point: str, after: int) -> None:
        self.crashes.order(point, after)

    @rule(is_down=st.booleans())
    def mail_server(self, is_down: bool) -> None:
        self.is_mail_down = is_down

    @rule(seconds=st.sampled_from(PAUSES))
    def time_passes(self, seconds: int) -> None:
        if self.stand_in.clock.skipped + seconds < STRIPE_KEEPS_EVENTS - 2 * DAY:
            self.stand_in.advance(seconds)

    @rule(minutes=st.sampled_from([0, 5, 60]), times=st.sampled_from([1, 2]))
    def reconciles(self, minutes: int, times: int) -> None:
        for _ in range(times):
            with self.crashes.survived():
                self.reconcile(minutes)

    def reconcile(self, minutes: int = 0) -> None:
        out = StringIO()
        call_command(Command(stdout=out), older_than=minutes)
        assert out.getvalue().endswith(".\n")

    @invariant()
    def nothing_is_lost_doubled_or_invented(self) -> None:
        Figures.steps += 1
        if self.witness.expected:
            self.look()

    def look(self) -> None:
        """Look, unless nothing was written since."""
        self.witness.note_charges()
        if self.crashes.has_written:
            self.crashes.has_written = False
            self.witness.look()

    # The end

    def teardown(self) -> None:
        Figures.crashes += len(self.crashes.happened)
        Figures.moves += self.witness.moves
        with self.undo:
            if sys.exception() is None and self.witness.expected:
                self.ends_well()

    def ends_well(self) -> None:
        """Everything is delivered and reconciled, and nothing goes wrong any more."""
        self.crashes.cancel()
        self.stand_in.clear_faults()
        self.is_mail_down = False
        self.brings_the_rest()
        self.stand_in.advance(2 * HOUR)
        self.brings_the_rest()
        for _ in range(2):
            self.reconcile()
        self.stand_in.advance(DAY)
        self.reconcile()
        self.witness.look()
        unsure = StripeEvent.objects.filter(
            follow_up_done_at=None, follow_up_claimed_at__isnull=False
        )
        self.witness.look_at_the_end(unsure.count())

    def brings_the_rest(self) -> None:
        ids = self.undelivered()
        if self.ending == "reconciled":
            return
        if self.ending == "in reverse":
            ids.reverse()
        elif self.ending == "shuffled":
            self.chance.shuffle(ids)
        for id in ids * (2 if self.ending == "twice" else 1):
            self.deliver(id)


def latest[T](things: list[T], which: int) -> T:
    """One of them, counted from the last."""
    return things[-1 - which % len(things)]


@pytest.fixture
def real_mode(settings: Settings) -> None:
    settings.STRIPE_PUBLISHABLE_KEY = "pk_test_shop"
    settings.STRIPE_SECRET_KEY = "sk_test_shop"
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    settings.STRIPE_API_BASE = API
    settings.STRIPE_KEY_PRESENT, settings.STRIPE_DEMO_MODE = True, False


PROFILE = settings(
    max_examples=EXAMPLES_PER_RUN,
    stateful_step_count=STEPS_PER_EXAMPLE,
    deadline=None,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


def test_no_payment_is_lost_doubled_or_invented(
    transactional_db: None, real_mode: None, capsys: pytest.CaptureFixture[str]
) -> None:
    first = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))
    began, outcome, number = time.monotonic(), "1 violation", first
    try:
        while Figures.steps < STEPS:
            seed(number)(TheShop)
            run_state_machine_as_test(TheShop, settings=PROFILE)
            number += 1
        outcome = "0 violations"
    finally:
        with capsys.disabled():
            print(
                f"\nstate machine: {Figures.steps:,} steps in {Figures.examples:,} examples, "
                f"{Figures.crashes:,} crashes, seeds {first} to {number}, {outcome}, "
                f"{time.monotonic() - began:.0f} s"
            )
