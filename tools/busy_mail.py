"""What pages and webhooks wait, and what the processes take, while a thousand mails go out.

python -m tools.busy_mail                                # on SQLite
python -m tools.postgresql python -m tools.busy_mail     # on PostgreSQL
"""

import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import tools.environment  # noqa: F401
from tools.http_shopper import Answer
from tools.postgresql import free_port
from tools.shop_process import ShopProcess
from tools.slow_stripe import PAUSE_SECONDS, others, shoppers
from tools.stage import Stage, new_stage, real_mode_with
from tools.waiting import wait_until

MAILS, RUNS = 1_000, 5
LOOK_SECONDS = 0.5

WAITING = "SELECT COUNT(*) FROM checkout_message WHERE sent_at IS NULL AND due_at IS NOT NULL"
WRITTEN = """
INSERT INTO checkout_message (order_id, kind, key, "to", is_demo, created_at, due_at, tries, error)
SELECT order_id, kind, '{run}/' || CAST(n AS TEXT), "to", false,
    CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 0, ''
FROM checkout_message,
    (WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
    SELECT n FROM numbers) AS every
WHERE key LIKE 'order_confirmed%/1'
"""

Ask = Callable[[], Answer]


def waits(asks: dict[str, Ask], is_over: Callable[[], bool]) -> dict[str, float]:
    """Ask for each again and again until all is over; what 99 of a hundred waited, in ms."""
    over = threading.Event()

    def ask_again(ask: Ask) -> float:
        taken = []
        while not over.is_set():
            began = time.monotonic()
            answer = ask()
            taken.append((time.monotonic() - began) * 1000)
            assert answer.status in (200, 204), f"It was answered with {answer.status}."
            time.sleep(PAUSE_SECONDS)
        return statistics.quantiles(taken, n=100)[98]

    with ThreadPoolExecutor(len(asks)) as pool:
        waited = pool.map(ask_again, asks.values())
        try:
            while not is_over():
                time.sleep(LOOK_SECONDS)
        finally:
            over.set()
        return dict(zip(asks, waited, strict=True))


def run(stage: Stage, number: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the waits while the mails go out, and as long without."""
    asks, began = dict(others(stage)), time.monotonic()
    stage.sql(WRITTEN.format(run=f"run-{number}", count=MAILS))
    busy = waits(asks, lambda: not stage.number(WAITING))
    seconds = time.monotonic() - began
    until = time.monotonic() + seconds
    # The look at the database takes a moment of this process, so it is taken now as well.
    quiet = waits(asks, lambda: not stage.number(WAITING) and time.monotonic() > until)
    print(f"{MAILS} mails in {seconds:.0f} s: {busy}; without: {quiet}", flush=True)
    return busy, quiet


def memory(shop: ShopProcess) -> dict[str, float]:
    """Return the PSS of each process of the shop, in MB."""
    listed = subprocess.run(["ps", "-eo", "pid,pgid,args"], capture_output=True, text=True)
    found = {}
    for line in listed.stdout.splitlines()[1:]:
        pid, group, command = line.split(maxsplit=2)
        if int(group) == shop.group:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            [kilobytes] = re.findall(r"^Pss: +(\d+)", rollup, re.MULTILINE)
            found[f"{pid} {command[-40:]}"] = int(kilobytes) / 1000
    return found


@contextmanager
def mail_server() -> Iterator[str]:
    """Give the URL of one in a process of its own: in this one it would hold up who asks.

    It stands for a machine elsewhere, so it has the lowest claim to the processors of this one.
    """
    port = free_port()
    sink = ["-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Sink", "-l", f"127.0.0.1:{port}"]
    with subprocess.Popen(["nice", "-n", "19", sys.executable, *sink]) as process:
        yield f"smtp://127.0.0.1:{port}"
        process.terminate()


def main() -> None:
    with new_stage(Path(tempfile.mkdtemp()), workers=1) as stage, mail_server() as mail_url:
        stage.stripe.listen(stage.shop.webhook_url)
        [ada] = shoppers(stage, 1)
        assert ada.buys().leads_to_payment
        [(_, session)] = stage.orders(ada)
        stage.stripe.pay(str(session))
        environment = real_mode_with(stage.stripe.url)
        environment |= {"MAIL_URL": mail_url, "WORKER": "inline"}
        log = stage.shop.log.with_name("mailing")
        wait_until(lambda: stage.number(WAITING), "The order is not confirmed.")
        with ShopProcess(stage.database, log=log, **environment) as shop:
            mailing = replace(stage, shop=shop)
            wait_until(lambda: not stage.number(WAITING), "The confirmation does not leave.")
            runs = [run(mailing, number) for number in range(RUNS)]
            print(memory(shop))
    for name in runs[0][0]:
        ratio = statistics.median(busy[name] / quiet[name] for busy, quiet in runs)
        print(f"{name}: {ratio:.2f} times what it waits without")


if __name__ == "__main__":
    main()
