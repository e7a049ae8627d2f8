"""Through PgBouncer, where each transaction may have another connection to PostgreSQL."""

from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.ops.test_migrate import OURS, failures_of
from tests.races.crew import crew
from tests.scaling.programs import pgbouncer
from tools.at_once import at_once
from tools.http_shopper import HttpShopper
from tools.postgresql import free_port
from tools.shop_process import ShopProcess

# While it reads, others take all connections, also the one that a cursor would be left on.
READ_IN_PIECES = """
from django.db import connection
from storefront.models import Product
{change}
rows = Product.objects.iterator(chunk_size=1)
next(rows)
others = [connection.copy() for _ in range(6)]
for other in others:
    other.set_autocommit(False)
    other.cursor().execute("SELECT 1")
print("read", 1 + len(list(rows)))
for other in others:
    other.close()
"""
WITH_CURSORS = 'connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = False'
ELSEWHERE = "Asia/Tokyo"
TELL_THE_TIME_ZONES = """
from django.db import connection
others = [connection.copy() for _ in range(3)]
for other in others:
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SHOW TimeZone")
        print("zone", *cursor.fetchone())
"""
TELL_THE_LOCK_TIMEOUT = """
import storefront.wsgi
from django.db import connection
from storefront.ops.connections import waiting
with connection.cursor() as cursor:
    cursor.execute("SHOW lock_timeout")
    print(*cursor.fetchone(), [found.id for found in waiting(None)])
"""

pytestmark = pytest.mark.fleet


@pytest.fixture(scope="module")
def shop(database: str, pooled: str) -> ShopProcess:
    ShopProcess(database).prepare()
    return ShopProcess(pooled)


def run(shop: ShopProcess, code: str) -> str:
    return shop.manage("shell", "--no-imports", "--command", code)


def test_what_is_read_in_pieces_arrives_whole(shop: ShopProcess):
    assert "read 3" in run(shop, READ_IN_PIECES.format(change=""))


def test_with_cursors_of_the_server_it_would_not(shop: ShopProcess):
    with pytest.raises(RuntimeError, match="InvalidCursorName"):
        run(shop, READ_IN_PIECES.format(change=WITH_CURSORS))


def test_times_are_in_utc_wherever_the_database_is(shop: ShopProcess, database: str):
    with psycopg.connect(database, autocommit=True) as server:
        name = server.info.dbname
        server.execute(f"ALTER DATABASE \"{name}\" SET TimeZone TO '{ELSEWHERE}'".encode())
    with pgbouncer(database) as pooled:
        assert run(ShopProcess(pooled), TELL_THE_TIME_ZONES).count("zone UTC") == 3


def test_the_time_out_of_locks_is_the_roles_and_is_missed(shop: ShopProcess, database: str):
    assert "3s []" in run(ShopProcess(database), TELL_THE_LOCK_TIMEOUT)
    assert "0 ['storefront.W003']" in run(shop, TELL_THE_LOCK_TIMEOUT)


def test_requests_after_a_restart_of_pgbouncer_succeed(shop: ShopProcess, database: str):
    port = free_port()
    with ExitStack() as undo:
        with pgbouncer(database, port) as url:
            served = undo.enter_context(ShopProcess(url))
            crowd = [HttpShopper(served.url).sees] * 8
            assert [answer.status for answer in at_once(crowd)] == [200] * 8
        undo.enter_context(pgbouncer(database, port))
        assert [answer.status for answer in at_once(crowd)] == [200] * 8


def test_releases_that_begin_at_once_all_succeed(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pgbouncer(database) as pooled:
        monkeypatch.setenv("DATABASE_URL", pooled)
        assert failures_of(OURS, tmp_path) == []


def test_of_several_workers_one_at_a_time_is_at_work(pooled: str, tmp_path: Path):
    with crew(tmp_path, pool=pooled) as servers:
        servers.wait_for_rounds(3)
        assert servers.begun_together() == 0
