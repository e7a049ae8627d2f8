"""nginx and PgBouncer with the configuration of docs/scaling.md, as children of the test."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tools.postgresql import free_port, unprivileged
from tools.shop_process import PROJECT
from tools.waiting import wait_until

GUIDE = PROJECT / "docs" / "scaling.md"
STOPPING_SECONDS = 10
# From 1.23, SIGTERM makes PgBouncer wait for its clients; this ends every version at once. SIGQUIT
# does not where a shell runs the tests in the background: it lets its jobs ignore that.
PGBOUNCER_ENDS_AT = signal.SIGKILL

# What Debian's nginx.conf says around a site, with everything in the folder that nginx is given.
AROUND_THE_SITE = """
daemon off;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {site}
}}
"""


class Missing(Exception):
    """The program is not installed."""


def path_of(program: str) -> str:
    """Return where it is, also where Debian hides it from people; Missing if it isn't there."""
    folders = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
    found = shutil.which(program, path=folders)
    if not found:
        raise Missing(f"{program} is not installed (on Debian: apt-get install {program}).")
    return found


def block(language: str) -> str:
    """Return what the guide gives to copy, the first of its kind."""
    found = re.search(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{GUIDE} has no block of {language}."
    return found[1]


def replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, f"{GUIDE} has no {old!r} any more."
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(
    port: int, servers: Sequence[int], changes: dict[str, str] | None = None
) -> Iterator[None]:
    """Serve on `port` what the servers answer, after changes to the guide's configuration."""
    listen = {"listen 80;": f"listen 127.0.0.1:{port};"}
    site = replaced(block("nginx"), listen | (changes or {}))
    sample = re.compile(r"^ *server 127\.0\.0\.1:8\d\d\d(.*\n)", re.MULTILINE)
    options = sample.findall(site)[0]
    ours = "".join(f"    server 127.0.0.1:{server}{options}" for server in servers)
    site = sample.sub("", sample.sub(lambda _: ours, site, count=1))
    with _folder() as folder:
        (folder / "nginx.conf").write_text(AROUND_THE_SITE.format(site=site))
        command = [path_of("nginx"), "-p", str(folder), "-e", "error.log", "-c", "nginx.conf"]
        with _running(command, folder, port):
            yield


@contextmanager
def pgbouncer(server_url: str, port: int = 0) -> Iterator[str]:
    """Pool the connections to a server; gives the URL of the same database through the pool."""
    server, port = urlsplit(server_url), port or free_port()
    changes = {
        "host=10.0.0.5 port=5432": f"host={server.hostname} port={server.port}",
        "listen_port = 6432": f"listen_port = {port}",
        "auth_type = scram-sha-256": "auth_type = trust",
        "/etc/pgbouncer/userlist.txt": "userlist.txt",
    }
    with _folder() as folder:
        (folder / "pgbouncer.ini").write_text(replaced(block("ini"), changes))
        (folder / "userlist.txt").write_text(f'"{server.username}" ""\n')
        command = [path_of("pgbouncer"), "pgbouncer.ini"]
        with _running(command, folder, port, PGBOUNCER_ENDS_AT):
            yield server._replace(netloc=f"{server.username}@127.0.0.1:{port}").geturl()


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="scaling-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(
    command: list[str], folder: Path, port: int, ends_at: signal.Signals = signal.SIGTERM
) -> Iterator[None]:
    """Run it in the folder until the `with` statement ends; as root would, as another user."""
    if owner := unprivileged():
        for path in (folder, *folder.iterdir()):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    with (folder / "output").open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: _listens(port) or process.poll() is not None, f"No {command[0]}.")
        assert process.poll() is None, (folder / "output").read_text()
        yield
    finally:
        process.send_signal(ends_at)
        try:
            process.wait(STOPPING_SECONDS)
        finally:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
