"""How gunicorn serves the shop; it reads PORT and WEB_CONCURRENCY by itself."""

import gc
import os
import resource
import shutil
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from storefront.ops.logs import JsonLines, as_utf8

# A sync worker serves nobody while one idle connection is open, as browsers keep them.
worker_class = "gthread"
threads = 8

# Longer than the router in front keeps an idle connection (Heroku: 100 s). Otherwise it may send
# a request into a connection that is just being closed, and the shopper sees a 502.
keepalive = 120

# Without a heartbeat for so long a worker is taken for dead and replaced.
timeout = 30
# Time for the last answers at a restart, within the 30 s that most platforms grant.
graceful_timeout = 25

# A browser whose shopper waits keeps a connection open. Beyond so many a worker takes no new one,
# and Stripe's webhook would wait until somebody leaves. Each needs a file descriptor.
descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
worker_connections = min(4_000, descriptors - 200)

# A slow leak of memory never grows up; the jitter keeps workers from leaving all at once. Not too
# often: who leaves closes the connections of all who wait, and they meet at the other workers.
max_requests = 100_000
max_requests_jitter = 10_000

# The heartbeat is a file, and a slow disk would look like a dead worker.
memory = "/dev/shm"
if Path(memory).is_dir():
    worker_tmp_dir = memory

# Whom to believe that a shopper came by https is said once, by TRUST_PROXY. gunicorn itself would
# believe whatever runs on this machine.
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# Each worker loads the shop itself, so none shares a database connection with another.
preload_app = False

# Two servers of one user would share a socket in the home directory.
control_socket_disable = True

# storefront/ops/request_log.py writes one, without the addresses of orders: those are secrets.
accesslog = None


class logger_class(Logger):  # noqa: N801 (gunicorn's name)
    """What gunicorn itself tells looks like all other lines."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        as_utf8(sys.stderr)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLines())


def post_worker_init(worker: Any) -> None:
    """Take what was loaded for good out of the garbage collector's rounds.

    To look through all of it stopped every 600th page or so for 50 ms.
    """
    gc.collect()
    gc.freeze()


# --- What the workers count for /metrics, in files of one folder ---


def on_starting(server: Any) -> None:
    """Begin with an empty folder: what ran before has counted for itself."""
    folder = memory if Path(memory).is_dir() else None
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="shop-metrics-", dir=folder)


def pre_fork(server: Any, worker: Any) -> None:
    """Give the worker the place of one that is gone, and with it the file that it counted in.

    A file for each process number would never be removed, and be read at each look.
    """
    taken = {other.place for other in server.WORKERS.values()}
    worker.place = next(place for place in count(1) if place not in taken)


def post_fork(server: Any, worker: Any) -> None:
    os.environ["WORKER_PLACE"] = str(worker.place)


def on_exit(server: Any) -> None:
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
