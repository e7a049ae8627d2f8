"""Queries that are compiled once a process: to compile one takes Django longer than to run it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet, UUIDField

# No value of the shop's looks like these, so their places in the compiled query are certain.
STAND_INS: dict[type, Callable[[int], Any]] = {
    UUID: lambda number: UUID(int=(0xC0FFEE << 100) + number),
    str: lambda number: f"stand-in\x01{number}",
}


@dataclass(frozen=True)
class Place:
    """Where the value of that number goes among the parameters."""

    number: int


class Prepared[Row: Model]:
    """A query with open parameters; a call binds them and gives the rows as instances.

    `build` makes the QuerySet from stand-ins of the types named after it:
    `Prepared(lambda shopper: Order.objects.filter(shopper=shopper), UUID)`. It can't decide by a
    value, for it sees none. A value of None equals nothing, as NULL in SQL. What the QuerySet
    selects with `select_related` or prefetches is not brought along.
    """

    def __init__(self, build: Callable[..., QuerySet[Row]], *types: type) -> None:
        self._build = build
        self._stand_ins = [STAND_INS[kind](number) for number, kind in enumerate(types)]
        self._compiled: dict[str, tuple[QuerySet[Row], str, list[Any]]] = {}

    def __call__(self, *values: object) -> list[Row]:
        rows, sql, parameters = self._compiled.get(connection.vendor) or self._compile()
        bound = [adapted(value) for value in values]
        return list(rows.raw(sql, [bound[p.number] if type(p) is Place else p for p in parameters]))

    def _compile(self) -> tuple[QuerySet[Row], str, list[Any]]:
        rows = self._build(*self._stand_ins)
        sql, parameters = rows.query.sql_with_params()
        places = {adapted(value): Place(n) for n, value in enumerate(self._stand_ins)}
        compiled = rows, sql, [places.get(parameter, parameter) for parameter in parameters]
        self._compiled[connection.vendor] = compiled
        return compiled


def adapted(value: object) -> Any:
    """Return the value as SQL takes it: SQLite keeps UUIDs as text."""
    return UUID_FIELD.get_db_prep_value(value, connection) if type(value) is UUID else value


UUID_FIELD: "UUIDField[UUID, UUID]" = UUIDField()
