"""Queries compiled once per process: Django takes longer to compile one than to run it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model, QuerySet, UUIDField
from django.db.models.base import ModelState
from django.db.models.constants import OnConflict
from django.db.models.sql import InsertQuery

# No value of the shop looks like these, so each is found again among the compiled parameters.
PLACEHOLDERS: dict[type, Callable[[int], Any]] = {
    UUID: lambda index: UUID(int=(0xC0FFEE << 100) + index),
    int: lambda index: (0xC0FFEE << 32) + index,
    str: lambda index: f"placeholder\x01{index}",
}
UUID_FIELD: "UUIDField[UUID, UUID]" = UUIDField()


@dataclass(frozen=True)
class Param:
    """A parameter that takes the caller's value of this index."""

    index: int


@dataclass(frozen=True)
class Compiled:
    """The query for one database vendor, and how its rows become instances."""

    queryset: QuerySet[Any]
    sql: str
    parameters: list[Any]
    names: list[str]
    """The attributes that a row fills: the fields, then the annotations."""
    converters: list[tuple[int, list[Callable[..., Any]], Any]]


class CompiledQuery[Row: Model]:
    """A query with open parameters; a call binds them and returns the rows as instances.

    `build` makes the QuerySet from placeholders of the types named after it:
    `CompiledQuery(lambda shopper: Order.objects.filter(shopper=shopper), UUID)`. It cannot
    branch on a value, as it sees none. A value of None equals nothing, as NULL in SQL, and so
    does a number that no column holds. `select_related` and prefetches are not supported.
    """

    def __init__(self, build: Callable[..., QuerySet[Row]], *types: type) -> None:
        self._build = build
        self._placeholders = [PLACEHOLDERS[kind](index) for index, kind in enumerate(types)]
        self._compiled: dict[str, Compiled] = {}

    def __call__(self, *values: object) -> list[Row]:
        compiled = self._compiled.get(connection.vendor) or self._compile()
        with connection.cursor() as cursor:
            cursor.execute(compiled.sql, _bind(compiled.parameters, values))
            return [_instance(compiled, list(row)) for row in cursor.fetchall()]

    def _compile(self) -> Compiled:
        queryset = self._build(*self._placeholders)
        compiler = queryset.query.get_compiler(connection=connection)
        sql, parameters = compiler.as_sql()
        columns: list[Any] = [column for column, *_ in compiler.select]
        annotations = compiler.annotation_col_map or {}
        compiled = self._compiled[connection.vendor] = Compiled(
            queryset,
            sql,
            self._with_params(parameters),
            [column.target.attname for column in columns[: len(columns) - len(annotations)]]
            + sorted(annotations, key=annotations.__getitem__),
            [(index, *found) for index, found in compiler.get_converters(columns).items()],
        )
        return compiled

    def _with_params(self, parameters: Iterable[Any]) -> list[Any]:
        params = {adapted(value): Param(index) for index, value in enumerate(self._placeholders)}
        return [params.get(parameter, parameter) for parameter in parameters]


class CompiledInsert[Row: Model]:
    """The INSERT of a whole new row, whose values are prepared as Django's `save` does it.

    The row gets no id and no signal is sent; its values are plain, no expressions. Raises
    IntegrityError, unless it is to ignore conflicts: then it passes over a row that is there.
    """

    def __init__(self, model: type[Row], *, ignore_conflicts: bool = False) -> None:
        self._model = model
        self._fields = [field for field in model._meta.concrete_fields if not field.primary_key]
        self._on_conflict = OnConflict.IGNORE if ignore_conflicts else None
        self._sql: dict[str, str] = {}

    def __call__(self, row: Row) -> None:
        sql = self._sql.get(connection.vendor) or self._compile(row)
        values = [f.get_db_prep_save(f.pre_save(row, add=True), connection) for f in self._fields]
        with connection.cursor() as cursor:
            cursor.execute(sql, values)

    def _compile(self, row: Row) -> str:
        query = InsertQuery(self._model, on_conflict=self._on_conflict)
        query.insert_values(self._fields, [row])
        [(sql, _)] = query.get_compiler(connection=connection).as_sql()
        self._sql[connection.vendor] = str(sql)
        return str(sql)


def _bind(parameters: list[Any], values: tuple[object, ...]) -> list[Any]:
    bound = [adapted(value) for value in values]
    return [bound[p.index] if type(p) is Param else p for p in parameters]


def _instance(compiled: Compiled, row: list[Any]) -> Any:
    """Make an instance from what was worked out once, as it is after Django's own `__init__`.

    That looks for what was left out, and sends signals that nobody here waits for; the query
    itself takes no longer.
    """
    for index, converters, column in compiled.converters:
        for convert in converters:
            row[index] = convert(row[index], column, connection)
    state = ModelState()
    state.adding, state.db = False, connection.alias
    state.fetch_mode = compiled.queryset._fetch_mode  # type: ignore[attr-defined]
    instance: Any = object.__new__(compiled.queryset.model)
    vars(instance).update(zip(compiled.names, row, strict=True), _state=state)
    return instance


def adapted(value: object) -> Any:
    """Return the value as SQL takes it: SQLite keeps UUIDs as text, and takes 64 bits."""
    if type(value) is int and abs(value) >= 1 << 63:
        return None
    return UUID_FIELD.get_db_prep_value(value, connection) if type(value) is UUID else value
