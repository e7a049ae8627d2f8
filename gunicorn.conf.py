"""How gunicorn serves the shop; it reads PORT and WEB_CONCURRENCY by itself."""

from pathlib import Path

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

# A slow leak of memory never grows up; the jitter keeps workers from leaving all at once.
max_requests = 10_000
max_requests_jitter = 1_000

# The heartbeat is a file, and a slow disk would look like a dead worker.
if Path("/dev/shm").is_dir():
    worker_tmp_dir = "/dev/shm"

# Each worker loads the shop itself, so none shares a database connection with another.
preload_app = False

# Two servers of one user would share a socket in the home directory.
control_socket_disable = True

# The router in front writes one, and an order's address is a secret of its shopper.
accesslog = None
