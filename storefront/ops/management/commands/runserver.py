"""`runserver`, with the worker beside it."""

import atexit
import logging
import sys
import threading
import time
from typing import Any

from django.conf import settings
from whitenoise.runserver_nostatic.management.commands import (  # type: ignore[import-untyped]
    runserver,
)

from storefront.ops.companion import Companion

logger = logging.getLogger(__name__)


class Command(runserver.Command):  # type: ignore[misc]
    def inner_run(self, *args: Any, **options: Any) -> None:
        """Run in the process that serves, which another one starts anew when code changes."""
        if settings.WORKER == "inline":
            work = [sys.executable, sys.argv[0], "work", "--beside-a-server"]
            threading.Thread(target=_keep, args=(work,), daemon=True).start()
        super().inner_run(*args, **options)


def _keep(command: list[str]) -> None:
    companion = Companion(command, logger.warning)
    atexit.register(companion.end)
    while True:
        companion.keep()
        time.sleep(1)
