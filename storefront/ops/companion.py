"""A process beside a server, such as its worker: started again when it dies, and ended with it.

Its standard input is a pipe whose other end the server holds: that closes with the server, however
it dies, and the companion ends at that. What it prints and logs goes where the server's goes.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# The server has the machine for itself while it starts, and later before its companion.
FIRST_SECONDS = 1.0
NICENESS = 5
# What lives so long did not fail at its start.
STEADY_SECONDS = 60.0
SHORTEST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
GRACE_SECONDS = 8.0
NOT_WANTED = 3
"""The exit status of a companion that is not to be started again."""


class Companion:
    """Runs while `keep` is called, about once a second; `log` takes a line about it."""

    def __init__(
        self,
        command: Sequence[str],
        log: Callable[[str], object],
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self._command, self._log = command, log
        self._environment, self._options = environment or {}, options
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._pause = SHORTEST_PAUSE / 2
        self._starts_at = time.monotonic() + FIRST_SECONDS
        self._is_wanted = True
        self._is_to_change = False

    def keep(self) -> None:
        """Start it if it does not run: after a pause, which grows while it dies early."""
        if self._process and self._process.poll() is not None:
            self._bury(self._process)
        if self._is_wanted and not self._process and time.monotonic() >= self._starts_at:
            self._start()

    def replace(self) -> None:
        """Let it end, and start it once more: the server has a new configuration."""
        self._is_wanted = self._is_to_change = True
        self._ask_to_end()

    def end(self) -> None:
        """Ask it to end, and start it no more."""
        self._is_wanted = False
        self._ask_to_end()

    def wait(self) -> None:
        """Wait until it has ended, and end it if that takes too long."""
        if not self._process:
            return
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def leave(self) -> None:
        """In a process that the server has forked: hold nothing that would keep it alive."""
        if self._process:
            self._close(self._process)

    def _start(self) -> None:
        self._began, self._is_to_change = time.monotonic(), False
        try:
            self._process = subprocess.Popen(  # noqa: S603 (our own command)
                self._command,
                stdin=subprocess.PIPE,
                env={**os.environ, **self._environment},
                **self._options,
            )
        except OSError as error:  # the machine may have no memory left
            self._pause_before_next(f"The worker can't be started ({error}).")
            return
        if hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):  # it is gone already
                os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        self._close(process)
        self._process = None
        if process.returncode == NOT_WANTED:
            self._is_wanted = False
        elif self._is_to_change or not self._is_wanted:
            self._starts_at = time.monotonic()
        else:
            self._pause_before_next("The worker has died.")

    def _pause_before_next(self, what: str) -> None:
        now = time.monotonic()
        is_steady = now - self._began > STEADY_SECONDS
        self._pause = SHORTEST_PAUSE if is_steady else min(self._pause * 2, LONGEST_PAUSE)
        self._starts_at = now + self._pause
        self._log(f"{what} It is started again in {self._pause:.0f} s.")

    def _ask_to_end(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()

    @staticmethod
    def _close(process: subprocess.Popen[bytes]) -> None:
        if process.stdin:
            process.stdin.close()
