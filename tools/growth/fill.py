"""Brings a database to a size, quickly: plain rows in bulk, past the models and their rules."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from itertools import batched
from typing import Any
from uuid import UUID

from django.db import connection, models, transaction
from django.utils import timezone
from PIL import Image

from checkout.models import Message, Order, OrderItem, Refund, StripeEvent
from storefront.models import CartLine, Product
from storefront.ops.photographs import developed
from storefront.pictures import Picture, Rendition
from tools.growth.crowd import Crowd, Row

BATCH = 20_000
SHELF = 12


def fill(**sizes: int) -> Crowd:
    """Add the crowd to a migrated database."""
    crowd = Crowd(timezone.now(), shelf(), **sizes)
    for orders in batched(crowd.order_rows(), BATCH):
        insert(Order, orders)
        insert(OrderItem, crowd.item_rows(orders))
        insert(Refund, crowd.refund_rows(orders))
    insert(StripeEvent, crowd.event_rows(crowd.order_rows()))
    insert(Message, crowd.message_rows(crowd.order_rows()))
    insert(CartLine, crowd.cart_rows())
    let_the_planner_know()
    return crowd


def let_the_planner_know() -> None:
    """Bring the numbers that autovacuum would; SQLite has no such thing and plans without."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


@contextmanager
def without_indexes(*tables: type[models.Model]) -> Iterator[None]:
    """To build an index once is much less work than to keep it up for each row."""
    indexes = [(table, index) for table in tables for index in table._meta.indexes]
    with connection.schema_editor() as editor:
        for table, index in indexes:
            editor.remove_index(table, index)
    yield
    with connection.schema_editor() as editor:
        for table, index in indexes:
            editor.add_index(table, index)


def shelf() -> tuple[int, ...]:
    """Put as many products on sale as are missing, and return the ids of all."""
    for number in range(Product.objects.count(), SHELF):
        Product.objects.create(name=f"Thing {number}", price_cents=2_999, position=number)
    illustrate()
    return tuple(Product.objects.values_list("pk", flat=True))


def illustrate() -> None:
    """Give each product that has no picture one, whose small files are the same for all."""
    Image.new("RGB", (1_600, 1_200), "teal").save(file := BytesIO(), "JPEG")
    file.seek(0)
    photograph = developed(file)
    look = {"digest": photograph.digest, "width": photograph.width, "height": photograph.height}
    bare = Product.objects.filter(uploaded_pictures=None).values_list("pk", flat=True)
    insert(Picture, [{"product": pk} | look for pk in bare])
    empty = Picture.objects.filter(renditions=None).values_list("pk", flat=True)
    files = photograph.files.items()
    rows = [{"picture": pk, "width": width, "body": body} for pk in empty for width, body in files]
    insert(Rendition, rows)


def insert(model: type[models.Model], rows: Iterable[Row]) -> None:
    """Write rows that name some fields; the others get their defaults."""
    fields = [field for field in model._meta.concrete_fields if not field.auto_created]
    plain, defaults = adapter(), {field.name: field.get_default() for field in fields}
    values = ([plain((defaults | row)[f.name]) for f in fields] for row in rows)
    names = ", ".join(f'"{field.column}"' for field in fields)
    write = copy if connection.vendor == "postgresql" else insert_many
    write(f'"{model._meta.db_table}" ({names})', len(fields), values)


@transaction.atomic
def insert_many(target: str, width: int, values: Iterator[list[Any]]) -> None:
    marks = ", ".join(["?"] * width)
    connection.connection.executemany(f"INSERT INTO {target} VALUES ({marks})", values)


def copy(target: str, width: int, values: Iterator[list[Any]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN") as writer:
        for row in values:
            writer.write_row(row)


def adapter() -> Callable[[Any], Any]:
    """Return how a value is written; SQLite has neither dates nor UUIDs of its own."""
    return _for_postgresql if connection.vendor == "postgresql" else _for_sqlite


def _for_postgresql(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    return _for_postgresql(value)


def fill_quickly(**sizes: int) -> str:
    """Fill a database that nothing else uses, and say how long it took."""
    began = time.monotonic()
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        if is_sqlite:
            cursor.execute("PRAGMA synchronous=OFF")
            cursor.execute("PRAGMA cache_size=-1000000")
        with without_indexes(Order, OrderItem, Refund, StripeEvent, Message, CartLine):
            crowd = fill(**sizes)
        let_the_planner_know()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)" if is_sqlite else "VACUUM")
    return f"Filled with {crowd.orders:,} orders in {time.monotonic() - began:.0f} s."
