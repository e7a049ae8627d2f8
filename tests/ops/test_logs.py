"""Log lines: fields of the shop alone, and one form for all processes."""

import json
import logging
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from storefront.ops import logs
from tests.hearing import Line, Log
from tools.shop_process import ShopProcess, new_database
from tools.stripe_stand_in.webhooks import SECRET

ROOT = Path(__file__).parents[2]
ANSWERS = "storefront.requests"


class TestALine:
    def test_keeps_what_was_written_as_it_is(self, log: Log):
        logging.getLogger("storefront").warning("“✓” costs\n%s", "€ 3")
        assert "“✓” costs\\n€ 3" in log.text
        assert log.line("storefront")["message"] == "“✓” costs\n€ 3"

    def test_has_no_field_but_those_that_the_shop_names(self, log: Log):
        logging.getLogger("django").warning("Hi", extra={"email": "ada@example.com"})
        assert log.line("django").keys() == {"time", "level", "logger", "message"}

    def test_is_for_reading_while_developing(self):
        record = logging.LogRecord("checkout", logging.INFO, "", 0, "Paid.", None, None)
        with logs.log_context(order="7"):
            words = logs.ReadableLines().format(record)
        assert words.endswith(" INFO checkout: Paid. order=7")


BARE = {
    "PATH": os.environ["PATH"],
    "READ_DOT_ENV": "false",
    "SECRET_KEY": "x",
    # No line about a machine that is busy.
    "SLOW_QUERY_MS": "60000",
    "SLOW_STRIPE_MS": "60000",
}


def command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={
            **BARE,
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


@pytest.mark.once
class TestProcesses:
    def test_a_command_keeps_its_result_apart_from_the_log(self, tmp_path: Path):
        url = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
        command("migrate", "--verbosity=0", DATABASE_URL=url)
        command("seed_products", DATABASE_URL=url)
        dump = command("dumpdata", "storefront.product", DATABASE_URL=url)
        assert len(json.loads(dump.stdout)) == 3
        [start] = [json.loads(line) for line in dump.stderr.splitlines()]
        assert start["message"] == "No Stripe keys. Demo mode ENABLED: nothing is charged."

    def test_a_developer_reads_words(self):
        assert " INFO checkout: No Stripe keys. Demo" in command("check", DEBUG="true").stderr

    def test_a_level_that_is_none_stops_the_start(self):
        with pytest.raises(subprocess.CalledProcessError) as stopped:
            command("check", LOG_LEVEL="loud")
        words = "LOG_LEVEL can't be read. Allowed: debug, info, warning, error."
        assert words in stopped.value.stderr

    def test_a_web_server_says_everything_in_json_on_stdout(self, tmp_path: Path):
        with new_database(tmp_path) as url:
            shop = ShopProcess(
                url,
                STRIPE_PUBLISHABLE_KEY="pk_test_1",
                STRIPE_SECRET_KEY="sk_test_1",
                STRIPE_WEBHOOK_SECRET=SECRET,
                # Python's warnings go to stderr, which is in the same file here.
                PYTHONWARNINGS="ignore",
            )
            with shop.prepare():
                urllib.request.urlopen(f"{shop.url}/", timeout=30).close()
                shop.stop()
            lines = [json.loads(line) for line in shop.log.read_text().splitlines()]
        assert "✓ Stripe keys detected. Real Stripe mode ENABLED." in messages(lines)
        assert {"gunicorn.error", "checkout", ANSWERS} == {line["logger"] for line in lines}
        assert any("Booting worker with pid: " in message for message in messages(lines))

    def test_a_web_server_leaves_stderr_to_python(self):
        loaded = subprocess.run(
            [sys.executable, "-c", "import storefront.wsgi"],
            cwd=ROOT,
            env=BARE,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert json.loads(loaded.stdout)["message"].startswith("No Stripe keys.")
        assert "No Stripe keys" not in loaded.stderr

    def test_a_worker_says_what_it_did_in_json_on_stdout(self, tmp_path: Path):
        with new_database(tmp_path) as url:
            shop = ShopProcess(url).prepare()
            worker = subprocess.Popen(
                [sys.executable, "manage.py", "reconcile_orders", "--every", "60"],
                cwd=ROOT,
                env=shop.environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                assert worker.stdout
                start, report = (json.loads(worker.stdout.readline()) for _ in range(2))
            finally:
                worker.kill()
                worker.communicate()
        assert start["message"].startswith("No Stripe keys.")
        assert report["message"] == "Demo shop: Stripe is not asked; 0 follow-ups done."
        assert (report["followed_up"], report["waiting"]) == (0, 0)


def messages(lines: list[Line]) -> list[str]:
    return [line["message"] for line in lines]
