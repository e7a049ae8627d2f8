"""The shop as it runs in production: gunicorn, in a process of its own, that tests may kill."""

import atexit
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from ast import literal_eval
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg import sql

from tools.postgresql import free_port
from tools.waiting import wait_until

PROJECT = Path(__file__).parent.parent
STARTING_SECONDS = 60
# More than gunicorn's graceful_timeout.
STOPPING_SECONDS = 30
BOOTED = re.compile(rb"Booting worker with pid: (\d+)")
# How systemd hands over a socket: as number 3, to a process that knows its own number.
HAND_OVER = 'exec 3<&"$0"; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'

# Before a test leads to it through a pool.
SERVER = os.environ.get("DATABASE_URL", "")
# The same for all processes that share the tests.
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid4().hex

# Django's shell, open for more than one text; each comes as a literal on a line of its own.
SHELL = """
import ast, io, sys, traceback
from contextlib import redirect_stdout
import django
from django.db import connection
django.setup()
for line in sys.stdin:
    failure = ""
    with redirect_stdout(io.StringIO()) as printed:
        try:
            exec(ast.literal_eval(line), {})
        except Exception:
            failure = traceback.format_exc()
    connection.close()
    print((printed.getvalue(), failure), flush=True)
"""
# To try a password takes a second, on purpose; that one leads in is seen where pictures are taken.
LOG_IN = """
from django.contrib.auth.models import User
from django.test import Client
desk = Client()
desk.force_login(User.objects.create_superuser("merchant"))
(cookie,) = desk.cookies.values()
print(cookie.key, cookie.value)
"""
PICTURE = """
from io import BytesIO
from PIL import Image
from storefront.models import Product
from storefront.ops.photographs import developed
from storefront.pictures import Picture, add_pictures
Image.new("RGB", (2_000, 1_500), "{}").save(file := BytesIO(), "JPEG")
file.seek(0)
add_pictures(Product.objects.earliest("position", "pk"), [(developed(file), "A new look")])
print(Picture.objects.latest("pk").digest)
"""


class ShopProcess:
    """A shop at `url`, the same over all its starts; killed at the end of a `with` statement.

    `environment` is what the shop reads besides the environment of the tests, such as
    `STRIPE_SECRET_KEY="sk_test_1"`; None removes a name.
    """

    def __init__(
        self,
        database_url: str,
        *,
        workers: int = 1,
        threads: int = 8,
        log: Path | None = None,
        folder: Path = PROJECT,
        **environment: str | None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.workers = workers
        self.threads = threads
        self.log = log or logs() / f"{uuid4().hex}.log"
        options = {"WORKER": "off", "SITE_URL": self.url, "DATABASE_URL": database_url}
        self.environment = {
            name: value
            for name, value in {**os.environ, **options, **environment}.items()
            if value is not None and name not in ("PORT", "WEB_CONCURRENCY")
        }
        self.seconds_to_start = 0.0
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._shell: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exception: object) -> None:
        self.kill()
        self._end_shell()

    @property
    def webhook_url(self) -> str:
        return f"{self.url}/stripe/webhook/"

    @property
    def group(self) -> int:
        """The process group of master and workers, which is the master's number; 0 for none."""
        return self._process.pid if self._process else 0

    def web_workers(self) -> list[int]:
        """The processes that answer, as the log names them."""
        booted = {*map(int, BOOTED.findall(self.log.read_bytes()))}
        return [pid for pid in sorted(booted) if self._is_ours(pid)]

    def _is_ours(self, pid: int) -> bool:
        """Whether it is in the shop's group: its number may be another process's now."""
        try:
            return os.getpgid(pid) == self.group
        except ProcessLookupError:
            return False

    def renew_workers(self) -> None:
        """Kill them all, and return when others of the same master are ready."""
        for pid in (old := self.web_workers()):
            _kill(pid)
        wait_until(lambda: not {*old} & {*self.web_workers()}, "They do not end.")
        wait_until(self.is_ready, "There are no others.")

    @contextmanager
    def holding_its_socket(self) -> Iterator[None]:
        """Listen here for the process that serves: a caller between two of them waits."""
        with socket.create_server(("127.0.0.1", self.port), backlog=128) as self._socket:
            yield
        self._socket = None

    def start(self) -> Self:
        """Serve, and return when /readyz says so; RuntimeError with the log's end if it doesn't."""
        held = [self._socket.fileno()] if self._socket else []
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.folder,
                env=self.environment,
                pass_fds=held,
                start_new_session=True,  # a group of its own, to be killed as one
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        began = time.monotonic()
        deadline = began + STARTING_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"The shop did not start:\n{self.log_tail()}")
            time.sleep(0.05)
        self.seconds_to_start = time.monotonic() - began
        return self

    def _command(self) -> list[str]:
        options = [f"--workers={self.workers}", f"--threads={self.threads}"]
        # By its path, so that it can start itself anew (SIGUSR2).
        program = str(Path(sys.executable).with_name("gunicorn"))
        gunicorn = [sys.executable, program, "storefront.wsgi", *options]
        if self._socket:
            return ["bash", "-c", HAND_OVER, str(self._socket.fileno()), *gunicorn]
        return [*gunicorn, f"--bind=127.0.0.1:{self.port}"]

    def stop(self) -> None:
        """Let it finish its answers and end; nothing happens if it isn't running."""
        self._signal(signal.SIGTERM)

    def restart(self) -> None:
        self.stop()
        self.start()

    def kill(self) -> None:
        """End master and workers at once, whatever they are doing."""
        self._signal(signal.SIGKILL)

    def manage(self, *arguments: str) -> str:
        """Run `manage.py ARGUMENTS…` on the shop's database; returns what it printed."""
        result = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{result.stdout}")
        return result.stdout

    def calls(self, command: str, *arguments: str) -> str:
        """Run a command as `manage` does, but without a process of its own."""
        call = f"call_command({command!r}, *{arguments!r})"
        return self.runs(f"from django.core.management import call_command; {call}")

    def runs(self, code: str) -> str:
        """Run the code on the shop's database as `manage.py shell` would, which starts but once.

        Returns what it printed.
        """
        self._shell = self._shell or subprocess.Popen(
            [sys.executable, "-c", SHELL],
            cwd=self.folder,
            env={"DJANGO_SETTINGS_MODULE": "storefront.settings", **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._shell.stdin
        assert self._shell.stdout
        print(repr(code), file=self._shell.stdin, flush=True)
        printed, failure = literal_eval(self._shell.stdout.readline() or "('', 'It has ended.')")
        if failure:
            raise RuntimeError(f"The shop's shell failed at:\n{code}\n{failure}")
        return str(printed)

    def _end_shell(self) -> None:
        shell, self._shell = self._shell, None
        if shell:
            shell.communicate()  # which ends its input

    def prepare(self) -> Self:
        """Make the tables and the seed products; a new database is a copy of a prepared one."""
        url = self.environment["DATABASE_URL"]
        if self.folder != PROJECT or not copy_prepared(url):
            self._make_tables()
        return self

    def _make_tables(self) -> None:
        self.calls("migrate", "--no-input")
        self.calls("seed_products")
        self._end_shell()

    def adds_picture(self, colour: str) -> str:
        """Give the first product a picture, as another process does; return its digest."""
        return self.runs(PICTURE.format(colour)).strip()

    def lets_a_merchant_in(self) -> tuple[str, str]:
        """Make a merchant who may do all; return the name and the value of their cookie."""
        name, value = self.runs(LOG_IN).split()
        return name, value

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def log_tail(self, lines: int = 30) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        # The master alone gets SIGTERM and passes it to its workers; SIGKILL it can't pass on.
        if number == signal.SIGTERM:
            process.terminate()
        else:
            _kill_group(process.pid)
        try:
            process.wait(STOPPING_SECONDS)
        finally:
            _kill_group(process.pid)
            process.wait()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


@cache
def logs() -> Path:
    """The folder for what shops log, which goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="shop-"))
    atexit.register(shutil.rmtree, folder)
    return folder


def copy_prepared(url: str) -> bool:
    """Fill an empty database; False if it is none. To migrate one takes longer than most tests."""
    if is_postgresql(url):
        return _copy_prepared_on_postgresql(url)
    file = Path(url.removeprefix("sqlite:///"))
    is_new = file.suffix == ".sqlite3" and file.parent.exists() and not file.exists()
    if is_new:
        with _alone():
            shutil.copyfile(prepared_file(), file)
    return is_new


@contextmanager
def _alone() -> Iterator[None]:
    """Let no other process make, copy or remove what is prepared."""
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepared_file() -> Path:
    """Return the one of all tests; it goes with the process that made it."""
    folder = Path(tempfile.gettempdir(), f"prepared-{RUN}")
    file, unfinished = folder / "shop.sqlite3", folder / "unfinished.sqlite3"
    if not file.exists():
        folder.mkdir(exist_ok=True)
        atexit.register(_alone()(shutil.rmtree), folder)
        ShopProcess(f"sqlite:///{unfinished}")._make_tables()
        unfinished.rename(file)
    return file


def _copy_prepared_on_postgresql(url: str) -> bool:
    """Copy within the server of the tests; another one, or a pool, gets tables of its own."""
    if urlsplit(url).netloc != urlsplit(SERVER).netloc:
        return False
    with psycopg.connect(url) as database:
        if database.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchone():
            return False
    name = urlsplit(url).path.removeprefix("/")
    with _alone(), psycopg.connect(SERVER, autocommit=True) as server:
        template = prepared_database(server)
        drop_database(server, name)
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        server.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    return True


def prepared_database(server: psycopg.Connection) -> str:
    """Return the one of all tests, as `prepared_file` does."""
    name = f"prepared_{RUN[:8]}"
    finished = "SELECT 1 FROM pg_database WHERE datname = %s AND NOT datallowconn"
    if server.execute(finished, [name]).fetchone():
        return name

    @_alone()
    def drop() -> None:
        with psycopg.connect(SERVER, autocommit=True) as server:
            drop_database(server, name)

    server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    atexit.register(drop)
    ShopProcess(urlsplit(SERVER)._replace(path=f"/{name}").geturl())._make_tables()
    # What made them is gone, and the server may not have missed it yet.
    closed = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(sql.Identifier(name))
    end = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s"
    server.execute(closed)
    server.execute(end, [name])
    return name


def drop_database(server: psycopg.Connection, name: str) -> None:
    """Killed shops leave connections behind that the server has not missed yet."""
    server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def is_postgresql(url: str) -> bool:
    return url.startswith(("postgres:", "postgresql:"))


def through(pool: str, database: str) -> str:
    """Return the URL of the same database through the pool of another's URL."""
    return urlsplit(pool)._replace(path=urlsplit(database).path).geturl()


@contextmanager
def new_database(folder: Path) -> Iterator[str]:
    """Give the URL of an empty database, of the kind that DATABASE_URL names."""
    url = os.environ.get("DATABASE_URL", "")
    if not is_postgresql(url):
        yield f"sqlite:///{folder / f'shop-{uuid4().hex[:8]}.sqlite3'}"
        return
    name = f"shop_{uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            drop_database(server, name)
