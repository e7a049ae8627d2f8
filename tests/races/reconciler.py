"""The worker beside the shop, which the chaos kills as well."""

import subprocess
import sys
from pathlib import Path

from tools.shop_process import PROJECT, ShopProcess

PATIENCE_SECONDS = 300
TWICE = """
import django
django.setup()
from django.core.management import call_command
for _ in range(2):
    call_command("reconcile_orders", "--older-than=0")
"""
# One that was killed at its work keeps no other waiting for long.
HURRIES = {
    "DJANGO_SETTINGS_MODULE": "tests.races.altered_settings",
    "ALTERATIONS": "leases_are_short",
}


class Reconciler:
    """`reconcile_orders` without end; started anew when it is gone, as a platform does."""

    def __init__(self, shop: ShopProcess, log: Path) -> None:
        self._shop = shop
        self.log = log
        self.log.touch()
        self.deaths = 0
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command],
                cwd=PROJECT,
                env=self._shop.environment | HURRIES,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def keep_running(self) -> None:
        if self._process and self._process.poll() is not None:
            self.deaths += 1
        if self._process is None or self._process.poll() is not None:
            self.run("manage.py", "reconcile_orders", "--older-than=0", "--every=1")

    def run_twice(self) -> None:
        self.run("-c", TWICE)
        assert self._process
        try:
            assert self._process.wait(PATIENCE_SECONDS) == 0, self.log.read_text()[-3000:]
        finally:
            self.kill()

    def kill(self) -> bool:
        process, self._process = self._process, None
        was_there = process is not None and process.poll() is None
        if process:
            process.kill()
            process.wait()
        return was_there
