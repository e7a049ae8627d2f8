"""A throwaway PostgreSQL: `python -m tools.postgresql COMMAND…` runs COMMAND with its DATABASE_URL.

Nothing of it is left when COMMAND ends, and nothing of a PostgreSQL already running is touched.
"""

import argparse
import glob
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from types import FrameType
from typing import Literal, Self

FOLDERS = [
    "/usr/lib/postgresql/*/bin",  # Debian and Ubuntu
    "/usr/pgsql-*/bin",  # Red Hat
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/latest/bin",
]

CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
port = {port}
max_connections = {max_connections}
fsync = {durable}
full_page_writes = {durable}
autovacuum = {durable}
"""


class Cluster:
    """A PostgreSQL of our own, from `with` to its end.

    A commit outlives `restart("immediate")` in any case, and a power cut if it is `durable`. If
    not, statistics are renewed by ANALYZE alone: no plan depends on when the last was.
    """

    def __init__(self, *, durable: bool = False, max_connections: int = 200) -> None:
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/storefront"
        self._durable = durable
        self._max_connections = max_connections

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
            undo.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self._create()
            undo.callback(self._stop)
            self.start()
            self._run("createdb", "--host=127.0.0.1", f"--port={self.port}", "storefront")
            self._undo = undo.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._undo.close()

    def start(self) -> None:
        self._control("start")

    def stop(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        self._control("stop", f"--mode={mode}")

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop and start again; `immediate` is a crash, with recovery at the start."""
        self._control("restart", f"--mode={mode}")

    @property
    def pid(self) -> int:
        """The number of the server's first process, the parent of all others."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    def _create(self) -> None:
        if owner := unprivileged():
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8"]
        fast = [] if self._durable else ["--no-sync"]
        self._run("initdb", f"--pgdata={self._data}", *options, *fast)
        configuration = CONFIGURATION.format(
            port=self.port,
            max_connections=self._max_connections,
            durable="on" if self._durable else "off",
        )
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(configuration)

    def _stop(self) -> None:
        """Stop what may have been stopped by the test already."""
        if (self._data / "postmaster.pid").exists():
            self.stop("immediate")

    def _control(self, command: str, *options: str) -> None:
        log = f"--log={self._folder / 'log'}"
        self._run("pg_ctl", command, f"--pgdata={self._data}", "--wait", "--silent", log, *options)

    def _run(self, program: str, *options: str) -> None:
        """Run one of PostgreSQL's programs; they refuse root, so as another user."""
        owner = unprivileged()
        with (self._folder / "output").open("w+") as output:
            result = subprocess.run(
                [programs() / program, *options],
                cwd=self._folder,
                env={**os.environ, "LC_ALL": "C", "PGUSER": "postgres"},
                user=owner.pw_uid if owner else None,
                group=owner.pw_gid if owner else None,
                extra_groups=[] if owner else None,
                start_new_session=True,  # Ctrl-C is for the command, not for its database.
                stdin=subprocess.DEVNULL,
                stdout=output,  # Not a pipe: the server inherits it, so reading would not end.
                stderr=subprocess.STDOUT,
                check=False,
            )
            if result.returncode:
                output.seek(0)
                raise RuntimeError(f"{program} failed: {output.read()}{self._log()}")

    def _log(self) -> str:
        log = self._folder / "log"
        return log.read_text() if log.exists() else ""

    @property
    def _data(self) -> Path:
        return self._folder / "data"


def programs() -> Path:
    """The folder of PostgreSQL's programs, or LookupError."""
    on_path = shutil.which("initdb")
    found = [on_path] if on_path else [*installed_programs(), *configured_programs()]
    for program in found:
        # The real place: a lone link on PATH has no siblings next to it.
        return Path(program).resolve().parent
    raise LookupError("PostgreSQL's initdb is not found.")


def installed_programs() -> list[str]:
    """The newest first."""
    found = [path for folder in FOLDERS for path in glob.glob(f"{folder}/initdb")]
    return sorted(found, key=version, reverse=True)


def version(path: str) -> float:
    number = re.search(r"(\d+(\.\d+)?)/bin/", path)
    return float(number[1]) if number else 0


def configured_programs() -> list[str]:
    if not (program := shutil.which("pg_config")):
        return []
    folder = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)
    return glob.glob(f"{folder.stdout.strip()}/initdb")


def unprivileged() -> pwd.struct_passwd | None:
    """The user that root hands the database to; None for other users, who can keep it."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def free_port() -> int:
    """Return a port that nobody listens at, below those that systems give to their clients.

    One of those could be taken by a client before the server starts.
    """
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def run(command: list[str], url: str) -> int:
    """Run the command to its end, passing on signals, and return its exit code."""
    process = subprocess.Popen(command, env={**os.environ, "DATABASE_URL": url})

    def hand_on(number: int, _frame: FrameType | None) -> None:
        # A terminal's Ctrl-C has reached the command already.
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hand_on)
    code = process.wait()
    return code if code >= 0 else 128 - code


def leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--durable", action="store_true", help="write commits to the disk")
    parser.add_argument("--find", action="store_true", help="only print where its programs are")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    try:
        folder = programs()
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    if options.find:
        print(folder)
        return 0
    if not options.command:
        parser.error("a COMMAND is needed")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    with Cluster(durable=options.durable) as cluster:
        return run(options.command, cluster.url)


if __name__ == "__main__":
    sys.exit(main())
