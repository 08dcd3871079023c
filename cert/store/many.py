"""Any number of values as one parameter of a question, on either engine."""

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import BindParameter, ColumnElement, Dialect
from sqlalchemy import types as sql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


def among(column: ColumnElement[Any], values: "Iterable[str] | Iterable[int] | str") -> ColumnElement[bool]:
    """Whether a column has one of these values, of which there may be any number: they travel as one parameter.

    For a statement that is made once, `values` is the name under which they are given when it is executed.
    """
    kind = _Listed(sql.Text if isinstance(column.type, sql.Text) else sql.BigInteger)
    given = (values, None) if isinstance(values, str) else (None, list(values))
    listed: BindParameter[Any] = BindParameter(given[0], given[1], type_=kind, unique=given[0] is None, required=False)
    return _Among(column, listed)


class _Listed(sql.TypeDecorator[Any]):
    """Many values as one: an array, or as JSON where the engine knows no arrays."""

    impl = sql.Text
    cache_ok = True

    def __init__(self, of: type[sql.TypeEngine[Any]]) -> None:
        super().__init__()
        self.of = of

    def load_dialect_impl(self, dialect: Dialect) -> sql.TypeEngine[Any]:
        return ARRAY(self.of) if dialect.name == "postgresql" else sql.Text()

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else orjson.dumps(list(value)).decode()


class _Among(FunctionElement[bool]):
    name = "among"
    type = sql.Boolean()
    inherit_cache = True

    def self_group(self, against: object = None) -> "_Among":
        """Itself: it is a condition already, and `= 1` behind it, as for a function, would hide it from the planner."""
        return self


@compiles(_Among)
def _in_listed(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, listed = (compiler.process(part, **more) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({listed}))"  # noqa: S608 compiled, not put together


@compiles(_Among, "postgresql")
def _in_array(element: _Among, compiler: SQLCompiler, **more: Any) -> str:
    column, listed = (compiler.process(part, **more) for part in element.clauses)
    return f"{column} = ANY ({listed})"
