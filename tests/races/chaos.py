"""Shoppers, payments and deliveries under way, while processes of the shop are killed at random.

Everything runs in threads of the test until enough was struck down. Their dice are thrown from
one seed; what the machine does in between, no seed can repeat.
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from tests.races.reconciler import PATIENCE_SECONDS, Reconciler
from tests.races.snapshots import take_snapshot
from tools.at_once import at_once
from tools.http_shopper import Answer
from tools.snapshot import Snapshot, is_paid
from tools.stage import Stage
from tools.stripe_stand_in import Refusal
from tools.stripe_stand_in.shapes import Json
from tools.stripe_stand_in.webhooks import RETRIES

IN_STOCK = 12
CODE = "TEN"
SCARCE_AT_A_TIME = 3
STRIKES_PER_PRODUCT = 7
PURCHASES_BETWEEN_STRIKES = 3
LONGEST_LULL_SECONDS = 20
"""How long the next strike waits for purchases; a dead shop sells nothing."""

SIX_MINUTES, DAY = 6 * 60, 24 * 60 * 60
MOST_SKIPPED_SECONDS = 20 * 60 * 60
"""Checkouts are offered for longer, so that time may pass at Stripe, whose clock is not ours."""
CHECKOUT_MINUTES = "1400"
MOST_SECONDS_PER_STRIKE = 60

Strike = Callable[[], bool]
"""Strikes something down. False if it was not there to be struck."""


def seed() -> int:
    """A new one each time, or the one to look at once more."""
    return int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))


def in_proof(proof: int, otherwise: int) -> int:
    return proof if os.environ.get("PROVE") else otherwise


SHOPPERS, PAYERS = in_proof(6, 3), 2


class Chaos:
    """One run, on a stage that is its own until the run is over."""

    presses: tuple[int, ...] = (1, 1, 1, 2)
    """How often a shopper may press Buy at the same moment."""

    def __init__(
        self, stage: Stage, seed: int, purchases_between: int = PURCHASES_BETWEEN_STRIKES
    ) -> None:
        self.stage = stage
        self.purchases_between = purchases_between
        self.seed = seed
        self.random = self._dice("strikes")
        self.reconciler = Reconciler(stage.shop, stage.shop.log.with_suffix(f".outbox-{seed}"))
        self.over = threading.Event()
        self.struck = 0
        self.answers: Counter[int] = Counter()
        self.troubles: list[str] = []
        self._killed: set[int] = set()
        self._skipped = 0
        self._sales = 0
        self._lock = threading.Lock()

    # Before

    def begin(self, strikes: int) -> None:
        """Forget earlier runs, and put enough on the shelf that something is always scarce."""
        self.prepare()
        count = SCARCE_AT_A_TIME + strikes // STRIKES_PER_PRODUCT
        self.scarce = self.stage.add_products(count)
        self.plenty = self.stage.add_products(SCARCE_AT_A_TIME)
        self.initial = dict.fromkeys(self.scarce, IN_STOCK)
        for product in self.scarce:
            self.stage.sql(f"UPDATE storefront_product SET stock = {IN_STOCK} WHERE id = {product}")

    def prepare(self) -> None:
        """Offer parcels, which some carts get for nothing, and a code to who pays at Stripe's."""
        self.stage.forget_orders()
        self.stage.sql("DELETE FROM storefront_shippingrate")
        self.stage.sql(
            "INSERT INTO storefront_shippingrate "
            "(name, countries, amount_cents, free_from_cents, position, is_on) "
            "VALUES ('Parcel', 'DE', 490, 2000, 0, true)"
        )
        if CODE not in self.stage.stripe.ledger.codes:
            self.stage.stripe.promotion_code(CODE, percent_off=10)

    # What is struck down

    def kill_a_worker(self) -> bool:
        workers = [pid for pid in self.stage.shop.web_workers() if pid not in self._killed]
        return bool(workers) and self._kill(self.random.choice(workers))

    def kill_them_all(self) -> bool:
        self.stage.shop.kill()
        time.sleep(self.random.uniform(0, 0.3))
        self.stage.shop.start()
        return True

    def kill_the_reconciler(self) -> bool:
        return self.reconciler.kill()

    def _kill(self, pid: int) -> bool:
        self._killed.add(pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def run(self, count: int, strikes: dict[Strike, int]) -> Snapshot:
        """Strike so often under load, let it become quiet, and return what is so then.

        `strikes` says how often each is chosen; none is left out.
        """
        print(f"chaos: CHAOS_SEED={self.seed} throws the same dice.")
        self.begin(count)
        to_come = [*strikes]
        deadline = time.monotonic() + count * MOST_SECONDS_PER_STRIKE
        with self._load():
            while self.struck < count:
                assert time.monotonic() < deadline, self.stage.shop.log_tail()
                self._wait_for_purchases()
                [chosen] = self.random.choices([*strikes], [*strikes.values()])
                if (to_come.pop() if to_come else chosen)():
                    self.struck += 1
        self.quiet_down()
        return take_snapshot(self.stage, self.initial)

    def _wait_for_purchases(self) -> None:
        before, lull = self._sales, time.monotonic() + LONGEST_LULL_SECONDS
        while self._sales < before + self.purchases_between and time.monotonic() < lull:
            self.reconciler.keep_running()
            time.sleep(0.02)
        time.sleep(self.random.uniform(0, 0.4))

    # The load

    @contextmanager
    def _load(self) -> Iterator[None]:
        actions = [*[self._shop] * SHOPPERS, *[self._pay] * PAYERS, self._trouble_deliveries]
        threads = [
            threading.Thread(target=self._repeat, args=(action, self._dice(f"{number}")))
            for number, action in enumerate(actions)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.over.set()
            for thread in threads:
                thread.join(PATIENCE_SECONDS)
            self.reconciler.kill()

    def _repeat(self, action: Callable[[random.Random], None], dice: random.Random) -> None:
        while not self.over.is_set():
            try:
                action(dice)
            except Refusal:
                continue  # Another thread ended the session first.
            except Exception as error:
                self.troubles.append(f"{action.__name__}: {error!r}")
                raise

    def _dice(self, whose: str) -> random.Random:
        return random.Random(f"{self.seed}/{whose}")

    def _shop(self, dice: random.Random) -> None:
        """A shopper comes, fills a cart and buys, and sometimes buys once more."""
        shopper = self.stage.shopper()
        for _ in range(dice.choice((1, 1, 2))):
            wanted = self._wanted(dice)
            for product, quantity in wanted:
                self._note(shopper.puts(product, quantity))
            by_json = partial(shopper.buys_by_json, *wanted)
            buys = dice.choice((shopper.buys, shopper.buys, by_json))
            for answer in at_once([buys] * dice.choice(self.presses)):
                self._note(answer, is_purchase=True)
            self.over.wait(dice.uniform(0, 0.3))

    def _wanted(self, dice: random.Random) -> list[tuple[int, int]]:
        """One to three products, in any order; the scarce ones change as time goes on."""
        first = min(self.struck // STRIKES_PER_PRODUCT, len(self.scarce) - SCARCE_AT_A_TIME)
        scarce = self.scarce[first : first + SCARCE_AT_A_TIME]
        chosen = dice.sample([*scarce, *self.plenty], dice.randint(1, 3))
        return [(product, dice.randint(1, 2)) for product in chosen]

    def _note(self, answer: Answer, *, is_purchase: bool = False) -> None:
        with self._lock:
            self.answers[answer.status] += 1
            self._sales += is_purchase and (answer.status == 200 or answer.leads_to_payment)
        if answer.status == 0:
            self.over.wait(0.1)  # The shop is down, and would be asked a thousand times.

    def _pay(self, dice: random.Random) -> None:
        """A shopper at Stripe's page, or their bank, or the merchant in Stripe's dashboard."""
        self.over.wait(dice.uniform(0.02, 0.15))
        stripe = self.stage.stripe
        [action] = dice.choices(("pay", "later", "bank", "expire", "refund"), (50, 14, 12, 8, 8))
        if action == "bank" and (session := self._one_of(dice, self._is_with_the_bank)):
            dice.choice((stripe.settle, stripe.settle, stripe.fail))(session)
        elif action == "refund" and (session := self._one_of(dice, is_paid)):
            self._refund(dice, session)
        elif session := self._one_of(dice, lambda session: session["status"] == "open"):
            takes_codes = stripe.session(session)["allow_promotion_codes"]
            code = dice.choice(("", CODE)) if takes_codes else ""
            if dice.random() < 0.1:
                stripe.decline(session)
            elif action == "later":
                stripe.pay_later(session, code=code)
            elif action == "expire":
                stripe.expire(session)
            else:
                stripe.pay(session, code=code)

    def _refund(self, dice: random.Random, session: str) -> None:
        part = dice.choice((None, None, 100, 450))
        refund = self.stage.stripe.refund(session, part)
        if dice.random() < 0.2:
            self.stage.stripe.fail_refund(refund["id"])

    def _is_with_the_bank(self, session: Json) -> bool:
        is_unpaid = session["status"] == "complete" and session["payment_status"] == "unpaid"
        return is_unpaid and self.stage.stripe.ledger.is_awaiting_bank(session["id"])

    def _one_of(self, dice: random.Random, is_meant: Callable[[Json], bool]) -> str:
        with self.stage.stripe.ledger.lock:
            sessions = self.stage.stripe.ledger.sessions.values()
            found = [session["id"] for session in sessions if is_meant(session)]
        return dice.choice(found) if found else ""

    def _trouble_deliveries(self, dice: random.Random) -> None:
        """The network between Stripe and the shop has its own days."""
        stripe = self.stage.stripe
        trouble = dice.choice(("nothing", "twice", "lost", "held", "late"))
        if trouble == "twice":
            stripe.duplicate(dice.choice((2, 3)))
        elif trouble == "lost":
            stripe.lose()
        elif trouble == "held":
            stripe.hold()
        elif trouble == "late" and self._skipped < MOST_SKIPPED_SECONDS:
            self._skipped += SIX_MINUTES
            stripe.advance(SIX_MINUTES)
        self.over.wait(dice.uniform(0.1, 0.4 if trouble == "lost" else 1.2))
        stripe.release(dice.choice((None, "reversed", dice.randrange(1000))))
        stripe.deliver_normally()

    # After

    def quiet_down(self) -> None:
        """No more strikes: let everything arrive, and let all that is open come to its end."""
        stripe, shop = self.stage.stripe, self.stage.shop
        if not shop.is_ready():
            shop.kill()
            shop.start()
        self._banks_decide()
        stripe.deliver_normally()
        for _ in RETRIES:
            stripe.advance(DAY)
            stripe.wait_until_quiet(PATIENCE_SECONDS)
            if not stripe.dispatcher.pending:
                break
        stripe.advance(DAY)
        stripe.wait_until_quiet(PATIENCE_SECONDS)
        self.reconciler.run_twice()

    def _banks_decide(self) -> None:
        """Most of what is with a bank is settled; a few debits take longer than all of this."""
        with self.stage.stripe.ledger.lock:
            sessions = self.stage.stripe.ledger.sessions.values()
            waiting = [session["id"] for session in sessions if self._is_with_the_bank(session)]
        for number, session in enumerate(waiting):
            if number % 4 < 3:
                (self.stage.stripe.fail if number % 4 else self.stage.stripe.settle)(session)
