"""Several processes behind nginx, on PostgreSQL and partly through PgBouncer."""

import os
from collections.abc import Iterator

import pytest

from tests.races.chaos import in_proof
from tests.scaling.programs import Missing, path_of, pgbouncer
from tools.shop_process import new_database

SIZE = in_proof(3, 2)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty one on PostgreSQL: a file of SQLite's belongs to one machine."""
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        pytest.skip("Several machines need PostgreSQL: python -m tools.postgresql pytest ...")
    try:
        path_of("nginx"), path_of("pgbouncer")
    except Missing as error:
        pytest.skip(str(error))
    with new_database(tmp_path_factory.mktemp("database")) as database:
        yield database


@pytest.fixture(scope="module")
def pooled(database: str) -> Iterator[str]:
    with pgbouncer(database) as url:
        yield url
