"""Log lines: fields of the shop alone, and one form for all processes."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from storefront.ops import logs
from tests.log_capture import Log
from tools.postgresql import free_port
from tools.shop_process import ShopProcess, new_database
from tools.stripe_stand_in.webhooks import SECRET
from tools.waiting import wait_until

ROOT = Path(__file__).parents[2]


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
            line = logs.ReadableFormatter().format(record)
        assert line.endswith(" INFO checkout: Paid. order=7")


BARE = {
    "PATH": os.environ["PATH"],
    "READ_DOT_ENV": "false",
    "SECRET_KEY": "x",
    # No line about a machine that is busy.
    "SLOW_QUERY_MS": "60000",
    "SLOW_STRIPE_MS": "60000",
}


COMMANDS = """
import manage, sys
for command in ("migrate", "seed_products", "reconcile_orders", "check"):
    sys.argv = ["manage.py", command]
    manage.main()
"""


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=BARE | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python("manage.py", *arguments, **environment)


@pytest.mark.once
class TestACommand:
    def test_logs_nothing_about_the_mode(self, tmp_path: Path):
        url = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
        ShopProcess(url).prepare()
        assert python("-c", COMMANDS, DATABASE_URL=url).stderr == ""

    def test_logs_apart_from_its_result(self):
        code = "import logging; logging.getLogger('storefront').warning('Hi'); print('result')"
        shell = manage("shell", "--no-imports", "--command", code)
        assert shell.stdout == "result\n"
        assert json.loads(shell.stderr)["message"] == "Hi"

    def test_stops_at_a_level_that_is_none(self):
        with pytest.raises(subprocess.CalledProcessError) as stopped:
            manage("check", LOG_LEVEL="loud")
        message = "LOG_LEVEL can't be read. Allowed: debug, info, warning, error."
        assert message in stopped.value.stderr


@pytest.mark.once
class TestAServer:
    def test_logs_the_mode_in_words_that_a_developer_reads(self):
        loaded = python("-c", "import storefront.wsgi", DEBUG="true")
        assert loaded.stdout == ""
        assert " INFO storefront.startup: No Stripe keys. Demo mode" in loaded.stderr

    def test_logs_the_mode_in_any_locale(self):
        keys = {"STRIPE_PUBLISHABLE_KEY": "pk_test_1", "STRIPE_SECRET_KEY": "sk_test_1"}
        loaded = python("-c", "import storefront.wsgi", **keys, PYTHONIOENCODING="ascii")
        assert "✓ Stripe keys detected" in loaded.stderr

    def test_of_gunicorn_logs_everything_in_json(self, tmp_path: Path):
        with new_database(tmp_path) as url:
            shop = ShopProcess(
                url,
                STRIPE_PUBLISHABLE_KEY="pk_test_1",
                STRIPE_SECRET_KEY="sk_test_1",
                STRIPE_WEBHOOK_SECRET=SECRET,
                # Python's warnings go to stderr as well.
                PYTHONWARNINGS="ignore",
            )
            with shop.prepare():
                urllib.request.urlopen(f"{shop.url}/", timeout=30).close()
                shop.stop()
            lines = [json.loads(line) for line in shop.log.read_text().splitlines()]
        messages = [line["message"] for line in lines]
        assert messages.count("✓ Stripe keys detected. Real Stripe mode ENABLED.") == 1
        assert {"gunicorn.error", "storefront.startup", "storefront.ops.request_log"} == {
            line["logger"] for line in lines
        }
        assert any("Booting worker with pid: " in message for message in messages)

    def test_for_developers_logs_the_mode_once(self, tmp_path: Path):
        port, log = free_port(), tmp_path / "log"
        manage = [sys.executable, "manage.py"]
        url = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
        ShopProcess(url).prepare()
        environment = BARE | {"DEBUG": "true", "DATABASE_URL": url}
        with log.open("w") as output:
            server = subprocess.Popen(
                [*manage, "runserver", str(port)],
                cwd=ROOT,
                env=environment,
                stderr=output,
                start_new_session=True,  # the one that reloads and the one that serves
            )
        try:
            wait_until(lambda: is_open(port), "runserver does not serve.")
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        assert log.read_text().count("Demo mode ENABLED") == 1

    def test_that_reconciles_logs_the_mode_and_what_it_did(self, tmp_path: Path):
        with new_database(tmp_path) as url:
            shop = ShopProcess(url).prepare()
            worker = subprocess.Popen(
                [sys.executable, "manage.py", "reconcile_orders", "--every", "60"],
                cwd=ROOT,
                env=shop.environment,
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                assert worker.stderr
                mode, report = (json.loads(worker.stderr.readline()) for _ in range(2))
            finally:
                worker.kill()
                worker.communicate()
        assert mode["message"].startswith("No Stripe keys.")
        assert report["message"] == "Demo shop: Stripe is not asked; 0 messages sent."
        assert (report["sent"], report["waiting"]) == (0, 0)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
