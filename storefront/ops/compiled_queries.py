"""Queries that are compiled once a process: to compile one takes Django longer than to run it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet, UUIDField
from django.db.models.sql import UpdateQuery

# No value of the shop's looks like these, so their places in the compiled query are certain.
STAND_INS: dict[type, Callable[[int], Any]] = {
    UUID: lambda number: UUID(int=(0xC0FFEE << 100) + number),
    str: lambda number: f"stand-in\x01{number}",
}
UUID_FIELD: "UUIDField[UUID, UUID]" = UUIDField()


@dataclass(frozen=True)
class Param:
    """Where the value of that number goes among the parameters."""

    number: int


@dataclass(frozen=True)
class Compiled:
    """The query as one kind of database takes it, and how its rows become instances."""

    rows: QuerySet[Any]
    sql: str
    parameters: list[Any]
    fields: list[str]
    annotations: list[tuple[str, int]]
    converters: list[tuple[int, list[Callable[..., Any]], Any]]


@dataclass(frozen=True)
class CompiledUpdate:
    """The statement, whose first parameters are the new values of the fields."""

    sql: str
    parameters: list[Any]
    fields: list[Any]


class CompiledQuery[Row: Model]:
    """A query with open parameters; a call binds them and gives the rows as instances.

    `update` binds them too, and changes the rows instead.

    `build` makes the QuerySet from stand-ins of the types named after it:
    `CompiledQuery(lambda shopper: Order.objects.filter(shopper=shopper), UUID)`. It can't
    decide by a value, for it sees none. A value of None equals nothing, as NULL in SQL. What the
    QuerySet selects with `select_related` or prefetches is not brought along.
    """

    def __init__(self, build: Callable[..., QuerySet[Row]], *types: type) -> None:
        self._build = build
        self._stand_ins = [STAND_INS[kind](number) for number, kind in enumerate(types)]
        self._compiled: dict[str, Compiled] = {}
        self._updates: dict[tuple[str, ...], CompiledUpdate] = {}

    def __call__(self, *values: object) -> list[Row]:
        compiled = self._compiled.get(connection.vendor) or self._compile()
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, self._bound(compiled.parameters, values))
            return [self._instance(compiled, list(row)) for row in cursor.fetchall()]

    def update(self, *values: object, **changes: object) -> int:
        """Change the rows as `QuerySet.update` does, and return how many there were.

        A field can only be set to a plain value, not to an expression.
        """
        key = (connection.vendor, *changes)
        compiled = self._updates.get(key) or self._compile_update(key, changes)
        parameters = [
            field.get_db_prep_save(value, connection)
            for field, value in zip(compiled.fields, changes.values(), strict=True)
        ]
        parameters += self._bound(compiled.parameters, values)
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, parameters)
            changed: int = cursor.rowcount
        return changed

    def _compile(self) -> Compiled:
        rows = self._build(*self._stand_ins)
        compiler = rows.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns: list[Any] = [column for column, *_ in compiler.select]
        annotations = compiler.annotation_col_map or {}
        compiled = self._compiled[connection.vendor] = Compiled(
            rows,
            sql,
            self._placed(parameters),
            [column.target.attname for column in columns[: len(columns) - len(annotations)]],
            list(annotations.items()),
            [(at, *found) for at, found in compiler.get_converters(columns).items()],
        )
        return compiled

    def _compile_update(self, key: tuple[str, ...], changes: dict[str, object]) -> CompiledUpdate:
        rows = self._build(*self._stand_ins)
        query: Any = rows.query.chain(klass=UpdateQuery)
        query.add_update_values(changes)
        sql, parameters = query.get_compiler(connection=connection).as_sql()
        compiled = self._updates[key] = CompiledUpdate(
            sql,
            self._placed(parameters[len(changes) :]),
            [rows.model._meta.get_field(name) for name in changes],
        )
        return compiled

    def _placed(self, parameters: Iterable[Any]) -> list[Any]:
        places = {adapted(value): Param(n) for n, value in enumerate(self._stand_ins)}
        return [places.get(parameter, parameter) for parameter in parameters]

    @staticmethod
    def _bound(parameters: list[Any], values: tuple[object, ...]) -> list[Any]:
        bound = [adapted(value) for value in values]
        return [bound[p.number] if type(p) is Param else p for p in parameters]

    def _instance(self, compiled: Compiled, row: list[Any]) -> Row:
        """Make it as Django's own iterator does, from what was worked out once."""
        for at, converters, column in compiled.converters:
            for convert in converters:
                row[at] = convert(row[at], column, connection)
        names, mode = compiled.fields, compiled.rows._fetch_mode  # type: ignore[attr-defined]
        instance: Row = compiled.rows.model.from_db(
            connection.alias, names, row[: len(names)], fetch_mode=mode
        )
        for name, at in compiled.annotations:
            setattr(instance, name, row[at])
        return instance


def adapted(value: object) -> Any:
    """Return the value as SQL takes it: SQLite keeps UUIDs as text."""
    return UUID_FIELD.get_db_prep_value(value, connection) if type(value) is UUID else value
