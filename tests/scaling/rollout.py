"""Shoppers at nginx while the processes behind it come and go: what each of them was answered."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.races.chaos import Chaos
from tests.scaling.fleet import Fleet
from tools.http_shopper import Answer, HttpShopper
from tools.mail_server import MailServer
from tools.shop_process import ShopProcess
from tools.snapshot import Snapshot
from tools.stage import Stage, real_mode_with
from tools.stripe_stand_in import StandIn
from tools.stripe_stand_in.webhooks import SECRET

# What a server in front says for one that died on it; 0 is no answer at all.
LOST = (0, 502, 504)
SERVED = (200, 303)
HONEST_REFUSALS = re.compile(
    "left. Lower its quantity|is sold out|Your cart is empty|is still paying|is being paid|"
    "has been bought with other quantities|The total has changed"
)
ALERT = re.compile(r'role="alert"[^>]*>(.*?)</', re.DOTALL)
UNTIL_RESTARTED = 0.3
IN_STOCK = 300


@dataclass(frozen=True)
class Frontage(Stage):
    """The stage as shoppers see it, through nginx."""

    shop: Fleet
    lost: list[str] = field(default_factory=list)

    def shopper(self) -> HttpShopper:
        return PatientShopper(self.shop.url, self.lost)


class PatientShopper(HttpShopper):
    """Presses the button once more when shown an error of the server in front."""

    def __init__(self, shop_url: str, lost: list[str]) -> None:
        super().__init__(shop_url)
        self._lost = lost

    def asks(self, method: str, path: str, *rest: Any, **options: Any) -> Answer:
        answer = super().asks(method, path, *rest, **options)
        if answer.status in LOST:
            self._lost.append(f"{method} {path} {answer.status}")
            answer = super().asks(method, path, *rest, **options)
        return answer


class Rollout(Chaos):
    """Restarts, deaths and migrations; keeps the answers that no shopper should see."""

    def __init__(self, stage: Frontage, seed: int, purchases_between: int) -> None:
        super().__init__(stage, seed, purchases_between)
        self.fleet, self.lost = stage.shop, stage.lost
        self.failures: list[str] = []
        self.deaths = self.lost_to_deaths = 0

    def kill_one(self) -> bool:
        """As a lack of memory does; systemd starts it again a moment later."""
        before, member = len(self.lost), self.random.choice(self.fleet.members)
        member.kill()
        time.sleep(UNTIL_RESTARTED)
        member.start()
        self.deaths += 1
        self.lost_to_deaths += len(self.lost) - before
        return True

    def release(self, folder: Path) -> bool:
        """Migrate while the old code serves, then bring the new code to one after the other."""
        if self.fleet.folder == folder:
            return False
        self.fleet.folder = folder
        assert "Applying checkout" in self.fleet.manage("migrate", "--no-input")
        self.old_code_goes_on()
        return self.fleet.roll(folder)

    def old_code_goes_on(self) -> None:
        """The tables are migrated, and no process is new yet."""

    def summary(self, seen: Snapshot, seconds: float, where: str) -> str:
        return (
            f"rollouts {where}: {self.struck}, of them {self.deaths} kills, "
            f"{len(seen.orders):,} purchases, {len(seen.paid_sessions):,} paid, "
            f"{len(self.lost)} had to press twice, {len(self.failures)} failed, "
            f"seed {self.seed} ({seconds:.0f} s)"
        )

    def begin(self, strikes: int) -> None:
        """Nothing is scarce for long: a refusal would say little of the processes."""
        super().begin(strikes)
        self.initial = dict.fromkeys(self.scarce, IN_STOCK)
        self.stage.sql(f"UPDATE storefront_product SET stock = {IN_STOCK} WHERE stock IS NOT NULL")

    def _note(self, answer: Answer, *, is_purchase: bool = False) -> None:
        super()._note(answer, is_purchase=is_purchase)
        is_served = answer.status in SERVED
        if is_purchase and answer.status == 303:
            is_served = answer.leads_to_payment
        if not is_served and not HONEST_REFUSALS.search(answer.text):
            words = " ".join(ALERT.findall(answer.text)) or answer.text[-300:]
            self.failures.append(f"{answer.status} {words}")


@contextmanager
def frontage(
    database: str, through: Sequence[str], place: Path, **options: Any
) -> Iterator[Frontage]:
    """The shop behind nginx; its members reach the database `through` these URLs."""
    with StandIn(secret=SECRET) as stripe, MailServer() as post:
        # One address plays the crowd that buys the shelf empty.
        options |= {"OPEN_ORDERS_PER_ADDRESS": "0", "MAIL_URL": post.url}
        options |= real_mode_with(stripe.url)
        fleet = Fleet(through, log=place / "log", **options)
        ShopProcess(database, folder=fleet.folder).prepare()
        with fleet:
            stripe.listen(fleet.webhook_url)
            yield Frontage(fleet, stripe, database, post)
