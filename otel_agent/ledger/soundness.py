"""Looks for content that this program never wrote: SQLite takes any value in any column, and a page can be whole garbage.

A damaged page is found by SQLite itself, see ``files.find_damage``.
"""

import sqlite3
from contextlib import closing
from typing import Final

from otel_agent.errors import LedgerDamaged
from otel_agent.ledger import schema
from otel_agent.ledger.turns import TurnState
from otel_agent.model import Generation, LoopKind, Outcome, ProblemKind, State, UsageSource

_TYPES: Final = {"INTEGER": "integer", "TEXT": "text", "BLOB": "blob"}
_NUMBERS_IN_META: Final = (
    *(
        "created_ns",
        "backfill_from_ms",
        "calls_from_ms",
        "epoch_message",
        "swept_ms",
        "sent_changes",
        "calls_looked_ms",
        "lines_from_ms",
    ),
)
_IDS_IN_META: Final = ("ledger_id", "instance_id")
_JSON_IN_META: Final = ("reading", "stores_read", "calls_before")


def _among(values: type[State | TurnState | UsageSource] | type[Generation | Outcome | LoopKind | ProblemKind]) -> str:
    return ", ".join(f"'{each.value}'" if isinstance(each.value, str) else str(int(each)) for each in values)


def _json_array(column: str) -> str:
    return f"CASE WHEN json_valid({column}) THEN json_type({column}) = 'array' END"


def _counts(column: str) -> str:
    """Return SQL that is true for a JSON array of integers."""
    return f"CASE WHEN ({_json_array(column)}) THEN NOT EXISTS (SELECT 1 FROM json_each({column}) WHERE type <> 'integer') END"


_RULES: Final = (
    (
        "message",
        f"state IN ({_among(State)}) AND generation IN ({_among(Generation)}) AND source IN ({_among(UsageSource)})",
    ),
    ("context", f"source IN ({_among(UsageSource)})"),
    ("session_use", _json_array("contexts")),
    ("series", f"json_valid(attributes) AND {_counts('buckets')}"),
    (
        "series",
        f"told_value IS NULL OR (told_count IS NOT NULL AND told_buckets IS NOT NULL AND {_counts('told_buckets')})",
    ),
    ("series", f"open_value IS NULL OR (open_count IS NOT NULL AND open_ns IS NOT NULL AND {_counts('open_buckets')})"),
    ("turn", f"state IN ({_among(TurnState)})"),
    ("tool_call", f"outcome IN ({_among(Outcome)})"),
    ("kept_call", f"outcome IN ({_among(Outcome)}) AND tool IN (SELECT number FROM tool)"),
    ("loop", f"kind IN ({_among(LoopKind)})"),
    ("problem", f"kind IN ({_among(ProblemKind)})"),
    (
        "meta",
        f"key NOT IN {_NUMBERS_IN_META} OR value GLOB '[0-9-]*' AND NOT substr(value, 2) GLOB '*[^0-9]*' AND value <> '-'",
    ),
    ("meta", f"key NOT IN {_IDS_IN_META} OR trim(value) <> ''"),
    ("meta", f"key NOT IN {_JSON_IN_META} OR json_valid(value)"),
    ("message", "context IN (SELECT number FROM context)"),
)
"""A table, and SQL that is true for each of its rows."""


SMALL_TABLES: Final = frozenset({"meta", "delivery", "store", "problem"})


def blame(database: sqlite3.Connection, error: BaseException) -> None:
    """Raise ``LedgerDamaged`` if an error came from content of the ledger that cannot be understood."""
    if not isinstance(error, (ValueError, TypeError, KeyError, AttributeError)):
        return
    if schema.version(database) == schema.VERSION and (trouble := unsound_row(database)):
        raise LedgerDamaged(f"the ledger is damaged: {trouble}") from error


def missing_part(database: sqlite3.Connection) -> str:
    """Return which table or column of the current version is gone; empty if none is."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as whole:
        schema.prepare(whole)
        gone = sorted(_parts(whole) - _parts(database))
    if not gone:
        return ""
    table, column = gone[0]
    return f"table {table} has no column {column}" if (table, "") not in gone else f"table {table} is missing"


def unsound_row(database: sqlite3.Connection, *, small_tables: bool = False) -> str:
    """Read every row of a ledger of the current version; return what no version wrote, empty if all rows can be read.

    ``small_tables`` leaves out those that grow with the history.
    """
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    tables = {str(row[0]) for row in database.execute(query)}
    if small_tables:
        tables &= SMALL_TABLES
    for table in sorted(tables):
        if rule := _typed(database, table):
            number = _breaking(database, table, rule)
            if number:
                return f"{number:,} of the rows in table {table} hold values of a wrong type"
    for table, rule in _RULES:
        if table in tables and (number := _breaking(database, table, rule)):
            return f"{number:,} of the rows in table {table} cannot be understood"
    return ""


def _breaking(database: sqlite3.Connection, table: str, rule: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {table} WHERE NOT ifnull(({rule}), 0)").fetchone()[0])


def _typed(database: sqlite3.Connection, table: str) -> str:
    """Return SQL that is true if each column has a value of its type."""
    conditions = []
    for _, name, declared, not_null, _, key in database.execute(f"PRAGMA table_info({table})"):
        if kind := _TYPES.get(declared):
            null = "" if not_null or key else f"{name} IS NULL OR "
            conditions.append(f"({null}typeof({name}) = '{kind}')")
    return " AND ".join(conditions)


def _parts(database: sqlite3.Connection) -> set[tuple[str, str]]:
    """Return each table and view with its columns, and once with an empty name for itself."""
    query = (
        "SELECT m.name, p.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p "
        "WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite_%'"
    )
    found = {(str(table), str(column)) for table, column in database.execute(query)}
    return found | {(table, "") for table, _ in found}
