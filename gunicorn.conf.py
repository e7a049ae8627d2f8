"""How gunicorn serves the shop; it reads PORT and WEB_CONCURRENCY by itself."""

import fcntl
import gc
import os
import resource
import shutil
import socket
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from storefront.ops.companion import Companion
from storefront.ops.logs import JsonFormatter, as_utf8

# One idle connection, such as browsers keep open, would block a sync worker.
worker_class = "gthread"
threads = 8

# Longer than the router in front keeps an idle connection (Heroku: 100 s). Otherwise it may send
# a request into a connection that is just being closed, and the shopper sees a 502.
keepalive = 120

# A worker without a heartbeat for so long is taken for dead and replaced.
timeout = 30
# Time for the last answers at a restart, within the 30 s that most platforms grant.
graceful_timeout = 25

# The browser of a waiting shopper keeps a connection open. A worker that has so many takes no new
# one, and Stripe's webhook would wait until one closes. Each needs a file descriptor.
descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
worker_connections = min(4_000, descriptors - 200)

# Ends a slow memory leak; the jitter keeps workers from leaving all at once. Rarely: a worker that
# leaves closes the connections of its waiting shoppers, who all go to the other workers.
max_requests = 100_000
max_requests_jitter = 10_000

# The heartbeat is a file, and a slow disk would look like a dead worker.
memory = "/dev/shm"
if Path(memory).is_dir():
    worker_tmp_dir = memory

# TRUST_PROXY alone says whether a header may claim https. gunicorn itself would believe any program
# on this machine.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# Each worker loads the shop itself, so no two share a database connection.
preload_app = False

# Two servers of one user would share its socket in the home directory.
control_socket_disable = True

# storefront/ops/request_log.py writes one, without the paths of orders: those are secrets.
accesslog = None


class logger_class(Logger):  # noqa: N801 (gunicorn's name)
    """Formats gunicorn's own lines like all others, and leaves out what a client sent.

    Of a request that it can't read gunicorn logs the sender's address and the words: cookies, and
    the secret addresses of receipts.
    """

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        as_utf8(sys.stderr)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonFormatter())

    def warning(self, msg: str, *args: object, **kwargs: Any) -> None:
        if msg.startswith("Invalid request from"):
            kind = sys.exc_info()[0]
            msg, args = "Refused a request that is no HTTP (%s).", (kind and kind.__name__,)
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: object, **kwargs: Any) -> None:
        if msg.startswith("Error handling request"):
            msg, args = "Error handling a request", ()
        super().exception(msg, *args, **kwargs)


def when_ready(server: Any) -> None:
    """Let the kernel keep a connection until something comes on it.

    Otherwise each one that is idle, such as a browser opens ahead, holds a thread for 5 s. The
    kernel does so for an hour; with less, they would all come at once as soon as that is over.
    """
    deferring = getattr(socket, "TCP_DEFER_ACCEPT", None)  # Linux
    for listener in server.LISTENERS:
        if deferring and listener.sock.family != socket.AF_UNIX:
            listener.sock.setsockopt(socket.IPPROTO_TCP, deferring, 60 * 60)

    stands_beside(server)


def post_worker_init(worker: Any) -> None:
    """Exempt what is loaded for good from garbage collection.

    Going through all of it stopped every 600th page or so for 50 ms.
    """
    gc.collect()
    gc.freeze()


# --- The worker of the shop, which is no worker of gunicorn's: WORKER says who starts it ---


def stands_beside(server: Any) -> None:
    """Keep the worker beside the server, whose loop calls manage_workers about once a second."""
    worker = [sys.executable, str(Path(__file__).with_name("manage.py")), "work"]
    server.companion = companion = Companion(
        [*worker, "--beside-a-server"],
        server.log.warning,
        {"WORKER_SLOT": "worker"},  # counts in a file of its own
        user=server.cfg.uid,
        group=server.cfg.gid,
    )
    # Otherwise it is in .env, if anywhere, which the worker reads.
    is_off = os.environ.get("WORKER", "").strip().lower() in ("process", "off")
    manage_workers, stop = server.manage_workers, server.stop

    def manage_both() -> None:
        manage_workers()
        is_beside_its_successor = server.master_pid != 0  # until the old server ends
        if not is_off and not is_beside_its_successor:
            companion.keep()

    def stop_both(graceful: bool = True) -> None:
        companion.end()
        stop(graceful)

    server.manage_workers, server.stop = manage_both, stop_both


def on_reload(server: Any) -> None:
    server.companion.replace()


# --- Metrics: the workers count in files of one folder ---


def on_starting(server: Any) -> None:
    """Begin with an empty folder, as an earlier server counted for itself.

    One that was killed has left its folder behind, which this one removes.
    """
    parent = Path(memory if Path(memory).is_dir() else tempfile.gettempdir())
    for left in parent.glob("storefront-metrics-*"):
        if (lock := _lock(left)) is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)
    new = Path(tempfile.mkdtemp(prefix="new-storefront-metrics-", dir=parent))
    _lock(new)
    folder = new.rename(new.with_name(new.name.removeprefix("new-")))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def _lock(folder: Path) -> int | None:
    """Lock a folder until this process and those it forks are gone; None if it can't be locked."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:  # no folder, another user's, or removed just now
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker the slot of one that is gone, and with it the file that it counted in.

    A file for each process id would never be removed, and be read at each scrape.
    """
    taken = {other.slot for other in server.WORKERS.values()}
    worker.slot = next(slot for slot in count(1) if slot not in taken)


def post_fork(server: Any, worker: Any) -> None:
    server.companion.leave()
    os.environ["WORKER_SLOT"] = str(worker.slot)
    os.environ["WORKER_THREADS"] = str(worker.cfg.threads)  # for checkout/gateway/


def on_exit(server: Any) -> None:
    server.companion.wait()
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
