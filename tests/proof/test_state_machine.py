"""No payment is lost, doubled or invented, whatever happens and in whatever order.

A state machine plays shoppers, merchant, Stripe, the network and power cuts against the shop.
`make prove` runs it for long; STEPS and SEED in the environment say how long, and from where.
"""

import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.conf import settings as shop_settings
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db.models import Model
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

from checkout import doctor, events, outbox, rebuilding, reconciling
from checkout.management.commands.reconcile_orders import Command
from checkout.models import Heartbeat, Message, Order, OrderItem, Refund, StripeEvent
from merchant import refunding
from merchant.models import KEY_LIVES, Parcel, RefundRequest
from merchant.refunding import NotRefunded
from merchant.shipping import NotShipped, ship
from storefront.cart import cart_of
from storefront.delivery import Choice
from storefront.models import CartLine, Product, Reservation, ShippingRate
from storefront.ops.mailing import Down
from storefront.stock import recount
from tests.cast import Shopper, chooses, leads_to_payment, rate
from tests.proof.crashes import (
    BUYING,
    RECEIVING,
    RECONCILING,
    RECOVERING,
    REFUNDING,
    Crashes,
    Death,
    deaths,
)
from tests.proof.offering import CODES, COUNTRIES, OFFERS, WRONG, Offering, stripe_reckons
from tests.proof.possible import Possible
from tests.proof.stage import API, new_stand_in, set_for
from tests.proof.witness import Witness, stock_of
from tools.stripe_stand_in import Refusal
from tools.stripe_stand_in.webhooks import SECRET

IS_LONG = bool(os.environ.get("PROVE"))
STEPS = int(os.environ.get("STEPS", 100_000 if IS_LONG else 500))
STEPS_PER_EXAMPLE = 60
EXAMPLES_PER_RUN = 200 if IS_LONG else 10

SECOND, MINUTE, HOUR, DAY = 1, 60, 60 * 60, 24 * 60 * 60
STRIPE_KEEPS_EVENTS = 30 * DAY
TABLES: tuple[type[Model], ...] = (
    *(ShippingRate, Product, Order, OrderItem, Refund, StripeEvent, Message),
    *(CartLine, Reservation, Parcel, RefundRequest),
)
PAUSES = [SECOND, SECOND, MINUTE, 6 * MINUTE, 36 * MINUTE, 7 * HOUR, 3 * DAY]
CREATE, SESSION, EVENTS = "/v1/checkout/sessions", "/v1/checkout/sessions/cs_", "/v1/events"
REFUNDS = "/v1/refunds"
BEFORE = [{"status": status} for status in (500, 400, 401, 402, 409, 429)] + [{"drop": True}]
AFTER = [{"status": 500, "after": True}, {"drop": True, "after": True}]

people = st.sampled_from(["ada", "bo", "cy"])
goods = st.sampled_from(["mouse", "laptop", "sticker"])
goals = st.sampled_from(["pay", "stay", "", "pay", "pay_later"])
nth = st.integers(0, 20)
sending = st.sampled_from(["sent", "sent in reverse", "not sent", "not sent"])


def troubles_of(*calls: tuple[str, str]) -> st.SearchStrategy[list[Any]]:
    faults = st.sampled_from(AFTER) | st.sampled_from(BEFORE)
    some = st.lists(
        st.tuples(st.sampled_from(calls), faults, st.sampled_from([3, 3, 1])),
        min_size=1,
        max_size=2,
    )
    return st.sampled_from([False, False, True]).flatmap(
        lambda is_there: some if is_there else st.just([])
    )


in_buying = troubles_of(("POST", CREATE), ("POST", CREATE), ("POST", SESSION), ("GET", SESSION))
in_refunding = troubles_of(("POST", REFUNDS))
in_reconciling = troubles_of(("GET", SESSION), ("GET", EVENTS), ("GET", REFUNDS))
in_recovering = troubles_of(("GET", CREATE), ("GET", SESSION), ("GET", EVENTS), ("GET", "/v1"))
Troubles = list[tuple[tuple[str, str], dict[str, Any], int]]


class Figures:
    """What was run so far, in all examples."""

    runs = steps = examples = crashes = restores = 0
    moves: Counter[tuple[str, str]] = Counter()

    @classmethod
    def words(cls) -> str:
        moves = cls.moves.most_common()
        return ", ".join(f"{before} to {after} {n:,}" for (before, after), n in moves)


class TheShop(RuleBasedStateMachine):
    """All act at random; the witness looks after every event and every step."""

    def __init__(self) -> None:
        super().__init__()
        self.stand_in = new_stand_in(SECRET)
        self.ledger, self.dispatcher = self.stand_in.ledger, self.stand_in.dispatcher
        self.possible = Possible(self.stand_in)
        self.crashes = Crashes()
        self.witness = Witness(self.stand_in)
        self.is_mail_down = False
        self.people: dict[str, Shopper] = {}
        self.goods: dict[str, Product] = {}
        self.totals_seen: dict[str, str] = {}
        self.choices: defaultdict[str, Choice] = defaultdict(Choice)
        self.returns: set[UUID] = set()
        self.backup: tuple[datetime, dict[type[Model], list[Any]], dict[str, Any]] | None = None
        self.undo = ExitStack()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        """Look at each event by itself: a run of the reconciler brings many.

        The doctor, who moves no money, waits for its probe by the clock of the wall.
        """
        with (
            mock.patch.object(events, "receive", self._watched(events.receive)),
            mock.patch.object(
                reconciling, "_apply_deferred", self._watched(reconciling._apply_deferred)
            ),
            mock.patch.object(rebuilding, "rebuild", self._watched(rebuilding.rebuild)),
            mock.patch.object(outbox, "_post", self._mail),
            mock.patch.object(outbox, "STALE_AFTER", timedelta(days=1_000)),
            mock.patch.object(outbox, "_is_down", new=False),
            mock.patch.object(doctor, "ask_stripe"),
        ):
            yield

    def _watched(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            result = step(*args, **options)
            self.look()
            return result

        return watched

    def _mail(self, message: Message, *_mail: Any) -> None:
        if self.is_mail_down:
            raise Down("no route to the mail server")
        if message.order and message.kind == Message.Kind.ORDER_CONFIRMED:
            self.witness.was_confirmed(message.order)

    @initialize(
        stocks=st.tuples(*[st.sampled_from([3, None, 10, 1, 0])] * 3),
        visits=st.lists(st.tuples(people, goods, st.integers(1, 3), goals), min_size=2, max_size=4),
        ending=st.sampled_from(["reconciled", "in order", "in reverse", "shuffled", "twice"]),
        chance=st.integers(0, 2**16),
        offering=st.sampled_from(OFFERS),
    )
    def begins(
        self,
        stocks: tuple[int | None, ...],
        visits: list[tuple[str, str, int, str]],
        ending: str,
        chance: int,
        offering: Offering,
    ) -> None:
        Figures.examples += 1
        for setting in (
            *(set_for(self.stand_in), self._watching(), self.crashes.installed()),
            mock.patch.object(shop_settings, "PROMOTION_CODES", offering.has_codes),
            mock.patch.object(shop_settings, "TAX", offering.tax),
        ):
            self.undo.enter_context(setting)
        # It counts how often an address buys in an hour, and thousands do here.
        cache.clear()
        Heartbeat.objects.all().delete()
        for model in reversed(TABLES):
            model._base_manager.all().delete()
        self.ending, self.chance = ending, random.Random(chance)
        prices = {"mouse": 2_999, "laptop": 99_999, "sticker": 100}
        for (name, cents), stock in zip(prices.items(), stocks, strict=True):
            self.goods[name] = Product.objects.create(
                name=name, price_cents=cents, stock=stock, needs_shipping=name != "sticker"
            )
            self.witness.merchant_counted(self.goods[name])
        for position, way in enumerate(offering.ways):
            rate(*way, position=position, free_from_cents=6_000)
        for code, percent in CODES.items():
            self.stand_in.promotion_code(code, percent_off=percent)
        for name in ("ada", "bo", "cy"):
            self.people[name] = Shopper()
            self.puts(name, "mouse", 0)
        for name, what, quantity, goal in visits:
            self.puts(name, what, quantity)
            if goal:
                self.buys(name, has_looked=True, goal=goal, troubles=[], death=None)

    # Shoppers

    @rule(name=people, what=goods, quantity=st.sampled_from([1, 2, 3, 0, 11]))
    def puts(self, name: str, what: str, quantity: int) -> None:
        shopper, product = self.people[name], self.goods[what]
        answer = shopper.puts(product, quantity)
        # A refusal leads to the top of the page.
        if "#" in answer["Location"]:
            self.witness.shopper_put(shopper, product, quantity)
        self.totals_seen[name] = self.total_of(name)

    @rule(
        name=people,
        has_looked=st.sampled_from([True, True, True, False]),
        goal=goals,
        troubles=in_buying,
        death=deaths(BUYING, often="opening a session"),
    )
    def buys(
        self, name: str, has_looked: bool, goal: str, troubles: Troubles, death: Death | None
    ) -> None:
        if has_looked:
            self.totals_seen[name] = self.total_of(name)
        with self.stripe_in(troubles), self.crashes.survived(death):
            answer = self.people[name].buys(total_cents=self.totals_seen[name])
            assert answer.status_code == 303
            if leads_to_payment(answer):
                self.goes_on(answer["Location"], goal)

    @rule(
        name=people,
        what=goods,
        quantity=st.sampled_from([1, 2, 3]),
        goal=goals,
        troubles=in_buying,
        death=deaths(BUYING, often="opening a session"),
        says=st.booleans(),
    )
    def buys_by_json(
        self,
        name: str,
        what: str,
        quantity: int,
        goal: str,
        troubles: Troubles,
        death: Death | None,
        says: bool,
    ) -> None:
        asked: dict[str, Any] = {
            "items": [{"product_id": self.goods[what].pk, "quantity": quantity}]
        }
        if says:
            choice = self.choices[name]
            asked |= {"country": choice.country, "delivery": choice.rate}
        with self.stripe_in(troubles), self.crashes.survived(death):
            answer = self.people[name].buys_by_json(asked)
            assert answer.status_code in (200, 400, 503, 502)
            if answer.status_code == 200:
                self.goes_on(answer.json()["url"], goal)

    @rule(name=people, country=st.sampled_from(COUNTRIES), which=nth)
    def chooses(self, name: str, country: str, which: int) -> None:
        """Where to, and by which of the rates, be they possible or not."""
        ways = list(ShippingRate.objects.all())
        way = ways[which % len(ways)] if ways and which else None
        chooses(self.people[name], country, way)
        self.choices[name] = Choice(country, way.pk if way else 0)
        self.totals_seen[name] = self.total_of(name)

    def total_of(self, name: str) -> str:
        """What stands above Buy."""
        shopper = self.people[name].id
        lines = CartLine.objects.filter(shopper=shopper, product__is_on_sale=True)
        prices = lines.values_list("quantity", "product__price_cents")
        delivery = cart_of(shopper, choice=self.choices[name]).delivery
        goods = sum(quantity * cents for quantity, cents in prices)
        return str(goods + (delivery.cents if delivery else 0))

    def goes_on(self, url: str, goal: str) -> None:
        """The shopper is at Stripe's page now."""
        order = Order.objects.get(session_url=url)
        session = self.ledger.sessions[order.session_id or ""]
        if session["status"] == "open":  # else a code may have made it less
            delivery = session["total_details"]["amount_shipping"]
            assert session["amount_subtotal"] + delivery == order.total_cents
        if goal.startswith("pay") and session["id"] in self.possible.payments():
            getattr(self.stand_in, goal)(session["id"])

    @contextmanager
    def stripe_in(self, troubles: Troubles) -> Iterator[None]:
        for (method, path), fault, times in troubles:
            self.stand_in.fault(method, path, times=times, **fault)
        yield
        self.stand_in.clear_faults()

    @rule(name=people, which=nth, sign=st.sampled_from(["order", "canceled"]))
    def comes_back(self, name: str, which: int, sign: str) -> None:
        """A redirect proves nothing, so it changes nothing but that one's own order knows of it."""
        orders = [str(UUID(order)) for order in self.witness.orders] or [""]
        before = all_but_returns()
        answer = self.people[name].get(f"/?{sign}={latest(orders, which)}")
        assert answer.status_code == 200
        assert all_but_returns() == before, "A redirect changed something."
        strangers = Order.objects.exclude(returned_at=None).exclude(pk__in=self.returns)
        for order in strangers:
            is_own = (sign, order.shopper) == ("order", self.people[name].id)
            assert is_own, "A redirect of a stranger's counts."
            self.returns.add(order.pk)

    # The merchant

    @rule(
        what=goods,
        change=st.sampled_from([{"price_cents": cents} for cents in (100, 2_999, 99_999, 1)])
        | st.sampled_from([{"stock": stock} for stock in (5, 2, 0, None)])
        | st.sampled_from([{"is_on_sale": True}, {"is_on_sale": True}, {"is_on_sale": False}])
        | st.tuples(st.integers(-2, 5), st.integers(0, 2)),
    )
    def merchant_edits(self, what: str, change: dict[str, Any] | tuple[int, int]) -> None:
        product = self.goods[what]
        if isinstance(change, tuple):
            self.restock(product, *change)
        else:
            Product.objects.filter(pk=product.pk).update(**change)
        self.witness.merchant_counted(product)

    @precondition(lambda self: ShippingRate.objects.exists())
    @rule(
        which=nth,
        change=st.sampled_from([{"amount_cents": cents} for cents in (0, 490, 1_290)])
        | st.sampled_from([{"is_on": True}, {"is_on": True}, {"is_on": False}])
        | st.sampled_from([{"free_from_cents": cents} for cents in (None, 3_000)]),
    )
    def merchant_edits_delivery(self, which: int, change: dict[str, Any]) -> None:
        way = latest(list(ShippingRate.objects.all()), which)
        ShippingRate.objects.filter(pk=way.pk).update(**change)

    @precondition(lambda self: self.witness.orders)
    @rule(which=nth)
    def merchant_ships(self, which: int) -> None:
        """What waits for it, and in vain what doesn't."""
        order = latest(list(Order.objects.order_by("created_at", "pk")), which)
        waits = order.status == "PAID" and order.needs_shipping and not order.shipped_at
        with nullcontext() if waits else pytest.raises(NotShipped):
            ship(order, Parcel(carrier="DHL"), self.moment())
        assert Order.objects.get(pk=order.pk).status == order.status, "Shipping moved a payment."

    @precondition(lambda self: self.refundable())
    @rule(
        which=nth,
        cents=st.sampled_from([None, 60, 1, 2_000]),
        pieces=st.integers(0, 2),
        troubles=in_refunding,
        death=deaths(REFUNDING, RECEIVING, often="refunding"),
    )
    def merchant_asks_for_a_refund(
        self, which: int, cents: int | None, pieces: int, troubles: Troubles, death: Death | None
    ) -> None:
        """By the desk: it waits for the event, which may come or not."""
        order = latest(self.refundable(), which)
        left = order.received_cents - order.refunded_cents
        pk, now = UUID(int=self.chance.getrandbits(128), version=4), self.moment()
        request = RefundRequest(
            id=pk,
            amount_cents=min(cents or left, left),
            key=f"refund-{pk}",
            asked_at=now,
            restock=self.pieces_of(order, pieces),
        )
        with self.stripe_in(troubles), self.crashes.survived(death), suppress(NotRefunded):
            refunding.store(request, order, order.refunded_cents)
            refunding.ask(request, now, is_first=True)
        assert Order.objects.get(pk=order.pk).status == order.status, "Asking moved a payment."

    @precondition(lambda self: RefundRequest.objects.filter(closed_at=None).exists())
    @rule(which=nth, troubles=in_refunding, death=deaths(REFUNDING, often="refunding"))
    def merchant_asks_again(self, which: int, troubles: Troubles, death: Death | None) -> None:
        waiting = RefundRequest.objects.filter(closed_at=None).select_related("order")
        waiting = waiting.order_by("asked_at", "pk")
        request = latest(list(waiting), which)
        calls = len(self.stand_in.requests)
        with self.stripe_in(troubles), self.crashes.survived(death), suppress(NotRefunded):
            refunding.ask(request, self.moment())
        is_old = request.asked_at <= self.moment() - KEY_LIVES
        assert not is_old or len(self.stand_in.requests) == calls, "An old key was repeated."

    def refundable(self) -> list[Order]:
        """Orders of which something is left, whatever else was asked for."""
        orders = Order.objects.filter(received_cents__gt=0).order_by("created_at", "pk")
        return [order for order in orders if not refunding.why_not(order)]

    def pieces_of(self, order: Order, most: int) -> dict[str, int]:
        requests = list(RefundRequest.objects.filter(order=order))
        counted = refunding._restockable(order, requests)
        return {str(item.pk): min(most, left) for item, left in counted if most}

    def restock(self, product: Product, more: int, sold_meanwhile: int) -> None:
        """By the desk's form, which may have been opened before the last sales."""
        now = stock_of(product)
        seen = None if now is None else now + sold_meanwhile
        product.stock = None if seen is None else max(seen + more, 0)
        recount(product, seen)

    # At Stripe's

    def happens(self, verb: str, id: str, sending: str, *arguments: Any, **options: Any) -> None:
        known = set(self.possible.deliveries())
        getattr(self.stand_in, verb)(id, *arguments, **options)
        ids = [id for id in self.possible.deliveries() if id not in known]
        if sending == "sent in reverse":
            ids.reverse()
        for id in ids if sending != "not sent" else ():
            self.deliver(id)

    @precondition(lambda self: self.possible.payments())
    @rule(which=nth, how=st.sampled_from(["decline", "expire"]), sending=sending)
    def session_goes_on(self, which: int, how: str, sending: str) -> None:
        self.happens(how, latest(self.possible.payments(), which), sending)

    @precondition(lambda self: self.possible.payments())
    @rule(
        which=nth,
        how=st.sampled_from(["pay", "pay", "pay_later"]),
        sending=sending,
        code=st.sampled_from(["", *CODES]),
        wrong=st.sampled_from(["", "", ""]) | st.sampled_from([*WRONG]),
    )
    def shopper_pays(self, which: int, how: str, sending: str, code: str, wrong: str) -> None:
        id = latest(self.possible.payments(), which)
        takes_codes = self.ledger.sessions[id]["allow_promotion_codes"]
        # Of a debit that differs nobody hears until it is paid.
        with stripe_reckons(wrong if how == "pay" else ""):
            try:
                self.happens(how, id, sending, code=code if takes_codes else "")
            except Refusal as refusal:
                # Too little is left, or nothing to pay later.
                if refusal.param not in ("code", "session"):
                    raise

    @precondition(lambda self: self.possible.bank_decisions())
    @rule(which=nth, how=st.sampled_from(["settle", "fail"]), sending=sending)
    def bank_decides(self, which: int, how: str, sending: str) -> None:
        self.happens(how, latest(self.possible.bank_decisions(), which), sending)

    @precondition(lambda self: self.possible.refunds())
    @rule(which=nth, cents=st.sampled_from([None, 60, 1, 2_000]), sending=sending)
    def merchant_refunds(self, which: int, cents: int | None, sending: str) -> None:
        id = latest(self.possible.refunds(), which)
        amount = min(cents, self.possible.left_of(id)) if cents else None
        self.happens("refund", id, sending, amount)

    @precondition(lambda self: self.possible.refund_failures())
    @rule(which=nth, sending=sending)
    def refund_fails(self, which: int, sending: str) -> None:
        self.happens("fail_refund", latest(self.possible.refund_failures(), which), sending)

    @precondition(lambda self: self.possible.disputes())
    @rule(which=nth, sending=sending)
    def shopper_disputes(self, which: int, sending: str) -> None:
        self.happens("dispute", latest(self.possible.disputes(), which), sending)

    @precondition(lambda self: self.possible.dispute_ends())
    @rule(which=nth, sending=sending, is_won=st.booleans())
    def dispute_ends(self, which: int, sending: str, is_won: bool) -> None:
        id = latest(self.possible.dispute_ends(), which)
        self.happens("close_dispute", id, sending, won=is_won)

    # The network

    @precondition(lambda self: self.possible.deliveries())
    @rule(which=nth, death=deaths(RECEIVING))
    def any_event_comes(self, which: int, death: Death | None) -> None:
        self.deliver(latest(self.possible.deliveries(), which), death)

    @precondition(lambda self: self.possible.first_deliveries())
    @rule(which=nth, death=deaths(RECEIVING))
    def event_comes(self, which: int, death: Death | None) -> None:
        self.deliver(latest(self.possible.first_deliveries(), which), death)

    @precondition(lambda self: self.possible.first_deliveries())
    @rule(chance=st.integers(0, 100))
    def all_events_come(self, chance: int) -> None:
        ids = self.possible.first_deliveries()
        if chance:
            random.Random(chance).shuffle(ids)
        for id in ids:
            self.deliver(id)

    @precondition(lambda self: self.possible.deliveries())
    @rule(which=nth, death=deaths(RECEIVING))
    def another_event_says_the_same(self, which: int, death: Death | None) -> None:
        event = self.ledger.event(latest(self.possible.deliveries(), which))
        copies = StripeEvent.objects.filter(event_id__startswith=event["id"]).count()
        copy = event | {"id": f"{event['id']}_{copies}"}
        self.witness.stripe_sent_a_copy(copy)
        with self.crashes.survived(death):
            assert self.stand_in.send(copy) == 200

    def deliver(self, id: str, death: Death | None = None) -> None:
        with self.crashes.survived(death):
            assert self.stand_in.deliver(id) == 200
            assert StripeEvent.objects.filter(event_id=id).count() == 1

    def waiting(self) -> set[str]:
        orders = self.witness.orders.values()
        return {o.session_id or "" for o in orders if o.status in ("PENDING", "PROCESSING")}

    @precondition(lambda self: self.possible.losses(self.waiting()))
    @rule(which=nth)
    def event_is_lost(self, which: int) -> None:
        """Something answered 200 in the shop's place, so Stripe won't send it again."""
        id = latest(self.possible.losses(self.waiting()), which)
        self.witness.event_was_lost(id)
        self.dispatcher._delivered(self.ledger.event(id), self.dispatcher.main)

    # Time and reconciling

    @rule(seconds=st.sampled_from(PAUSES))
    def time_passes(self, seconds: int) -> None:
        if self.stand_in.clock.skipped + seconds < STRIPE_KEEPS_EVENTS - 2 * DAY:
            self.stand_in.advance(seconds)

    @rule(
        minutes=st.sampled_from([0, 5, 60]),
        times=st.sampled_from([1, 2]),
        is_mail_down=st.sampled_from([False, False, True]),
        troubles=in_reconciling,
        death=deaths(RECONCILING, RECEIVING),
    )
    def reconciles(
        self,
        minutes: int,
        times: int,
        is_mail_down: bool,
        troubles: Troubles,
        death: Death | None,
    ) -> None:
        self.is_mail_down = is_mail_down
        for _ in range(times):
            with self.stripe_in(troubles), self.crashes.survived(death):
                self.reconcile(minutes)

    def reconcile(self, minutes: int = 0) -> None:
        out = StringIO()
        # It compares the books with Stripe once a day, and not all news may have come.
        with suppress(CommandError):
            call_command(Command(stdout=out), older_than=minutes)
        assert ".\n" in out.getvalue()

    # Backups

    @precondition(lambda self: self.has_heard_of_all_but_the_last_days())
    @rule()
    def backup_is_saved(self) -> None:
        tables = {model: list(model._base_manager.values()) for model in TABLES}
        self.backup = self.moment(), tables, self.witness.remembers()

    @precondition(lambda self: self.backup)
    @rule(troubles=in_recovering, death=deaths(RECOVERING, RECEIVING))
    def backup_is_restored(self, troubles: Troubles, death: Death | None) -> None:
        assert self.backup
        (since, tables, memory), self.backup = self.backup, None
        for model in reversed(TABLES):
            model._base_manager.all().delete()
        for model, rows in tables.items():
            model._base_manager.bulk_create(model(**row) for row in rows)
        self.witness.backup_was_restored(memory)
        self.look()
        Figures.restores += 1
        with self.stripe_in(troubles), self.crashes.survived(death), suppress(CommandError):
            self.recover(since)
        # Interrupted or not: once more, and the books agree.
        assert "books and Stripe agree" in self.recover(since)

    def recover(self, since: datetime) -> str:
        out = StringIO()
        call_command(Command(stdout=out), since=since.isoformat())
        return out.getvalue()

    def has_heard_of_all_but_the_last_days(self) -> bool:
        """Stripe tries to deliver for three days; what is older then counts as delivered."""
        days_ago = self.stand_in.now() - 3 * DAY
        ids = self.possible.first_deliveries()
        return all(self.ledger.event(id)["created"] > days_ago for id in ids)

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.stand_in.now(), tz=UTC)

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
        self.is_mail_down = False
        self.brings_the_rest()
        self.stand_in.advance(2 * HOUR)
        self.brings_the_rest()
        for _ in range(2):
            self.reconcile()
        self.stand_in.advance(DAY)
        self.reconcile()
        self.witness.look_at_the_end()
        call_command(Command(stdout=StringIO()), compare=True)

    def brings_the_rest(self) -> None:
        ids = self.possible.first_deliveries()
        if self.ending == "reconciled":
            return
        if self.ending == "in reverse":
            ids.reverse()
        elif self.ending == "shuffled":
            self.chance.shuffle(ids)
        for id in ids * (2 if self.ending == "twice" else 1):
            self.deliver(id)


def all_but_returns() -> list[Any]:
    """What the shop knows, but for who has come back from paying."""
    orders = Order.objects.order_by("pk").values()
    others = (StripeEvent, CartLine, Reservation, Product)
    return [
        [order | {"returned_at": None} for order in orders],
        *[list(model._default_manager.order_by("pk").values()) for model in others],
    ]


def latest[T](things: list[T], which: int) -> T:
    """One of them, counted from the last."""
    return things[-1 - which % len(things)]


@pytest.fixture
def real_mode(settings: Settings) -> None:
    settings.STRIPE_PUBLISHABLE_KEY = "pk_test_shop"
    settings.STRIPE_SECRET_KEY = "sk_test_shop"
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    settings.STRIPE_WEBHOOK_SECRET = SECRET
    settings.STRIPE_API_BASE = API
    settings.CHECKOUT_ORIGINS = [API]
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
    transactional_db: None, real_mode: None, at_the_end: Callable[[str], None]
) -> None:
    began = time.monotonic()
    first = number = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))
    violations = 1
    try:
        while Figures.steps < STEPS:
            number = first + Figures.runs
            seed(number)(TheShop)
            run_state_machine_as_test(TheShop, settings=PROFILE)
            Figures.runs += 1
        violations = 0
    finally:
        seeds = f"seed {first}" if number == first else f"seeds {first} to {number}"
        at_the_end(
            f"state machine: {Figures.steps:,} steps in {Figures.examples:,} examples, "
            f"{seeds}, {violations} violations"
            f"\n  {Figures.crashes:,} crashes, {Figures.restores:,} restores, "
            f"{time.monotonic() - began:.0f} s; moves:"
            f"\n  {Figures.words()}"
        )
