"""The recount of a database: ``message`` of 1.x, and ``session_message`` of 2.x with the totals of its sessions."""

import json
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from otel_agent.verify.recount.assistant import Place, as_imported, compaction, is_whole_turn, record
from otel_agent.verify.recount.long_texts import CHUNK, without_long_texts
from otel_agent.verify.recount.opening import NotReady, looked_at
from otel_agent.verify.recount.record import NONE, V1, V2, Five, Found, SessionRecord, StoreFacts, Trouble
from otel_agent.verify.recount.rows import TooLarge, name_of, rows
from otel_agent.verify.recount.tree import larger
from otel_agent.verify.recount.unknown_tables import strange_rows, strange_tables
from otel_agent.verify.recount.values import LEAST, dollars, five, moment, numbers, plus, words

_FIELDS: Final = (
    *("role", "time", "modelID", "providerID", "model", "tokens"),
    *("cost", "finish", "parentID", "status", "id", "sessionID", "agent", "mode"),
)
# One call parses the JSON once; a row can have megabytes of tool output, and none of it is read.
_JSON: Final = f"json_extract(m.data, {', '.join(repr(f'$.{name}') for name in _FIELDS)})"
_DATA: Final = f"CASE WHEN json_valid(m.data) THEN {_JSON} END"
_TOTALS: Final = (
    "tokens_input",
    "tokens_output",
    "tokens_reasoning",
    "tokens_cache_read",
    "tokens_cache_write",
    "cost",
)
_NEEDED: Final = {"id", "session_id", "data"}

_STEP: Final = (
    "SELECT json_extract(data, '$.tokens') FROM part WHERE rowid = ? "
    "AND json_valid(data) AND json_extract(data, '$.type') = 'step-finish'"
)

_Sessions = dict[str, tuple[int, bool]]
"""The beginning of each session, and True if it is marked as a fork."""


def read_database(path: Path, store: str) -> Iterator[Found]:
    """Yield what a database holds, as of one moment."""
    written_ms = _written_ms(path)
    try:
        with looked_at(path) as database:
            yield from _read(database, store)
            yield StoreFacts(store, written_ms, _migrated_ms(database))
    except NotReady as failure:
        yield Trouble(store, "", str(failure))


def _read(database: sqlite3.Connection, store: str) -> Iterator[Found]:
    # A virtual table, which has no page of its own, runs somebody's code, and a view somebody's query.
    tables = {
        row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
    }
    new = _sessions_of_2_x(database, tables)
    old = "message" in tables and "session" in tables and new != "session"
    if old:
        has_parts = "part" in tables and _columns(database, "part") >= {"message_id", "data"}
        yield from _messages(database, store, has_parts)
    if new:
        yield from _session_messages(database, store, new)
    yield from strange_tables(database, store, read_any=old or bool(new))


def _sessions_of_2_x(database: sqlite3.Connection, tables: set[str]) -> str:
    """Return the table of 2.x's sessions, empty if there is none.

    The previews of 2.x called it ``session``. From 1.14 to 1.18 there is a ``session_message`` too, which counts nothing.
    """
    if "session_message" not in tables:
        return ""
    if "session_v2" in tables:
        return "session_v2"
    if "session" not in tables or "fork_session_id" not in _columns(database, "session"):
        return ""
    is_empty = "message" not in tables or database.execute("SELECT 1 FROM message LIMIT 1").fetchone() is None
    return "session" if is_empty else ""


def _messages(database: sqlite3.Connection, store: str, has_parts: bool) -> Iterator[Found]:
    if not _columns(database, "message") >= _NEEDED:
        yield Trouble(store, "", "the table message has other columns")
        return
    sessions = yield from _sessions(database, store, "session", V1)
    place = _place_of(database, "message")
    for row in _whole(database, "message", place, rows(database, f"{place}, {_DATA}", "message")):
        if isinstance(row, TooLarge):
            yield Trouble(store, name_of(database, "message", row), "too large")
            continue
        data = _fields(row[5])
        if data is None:
            yield Trouble(store, _name(row), "not a JSON object")
        elif data["role"] == "assistant":
            used = None
            if has_parts and is_whole_turn(data, V1):
                used = larger(five(data["tokens"]), _steps(database, row[1]))
            found = record(data, _place(row, store, V1, sessions), used)
            yield Trouble(store, _name(row), "no id, session or time") if found is None else found
            if (other := as_imported(data, words(row[1]))) is not None:
                yield other


def _session_messages(database: sqlite3.Connection, store: str, table: str) -> Iterator[Found]:
    columns = _columns(database, "session_message")
    if not columns >= _NEEDED:
        yield Trouble(store, "", "the table session_message has other columns")
        return
    sessions = yield from _sessions(database, store, table, V2)
    place = _place_of(database, "session_message")
    if "type" in columns:
        yield from strange_rows(database, store)
    # Without a type, every row is taken for an answer, as the agent takes it.
    kind, ours = ("m.type", "m.type IN ('assistant', 'compaction')") if "type" in columns else ("'assistant'", "1")
    found_rows = rows(database, f"{place}, {_DATA}, {kind}", "session_message", ours)
    for row in _whole(database, "session_message", place, found_rows, kind):
        if isinstance(row, TooLarge):
            yield Trouble(store, name_of(database, "session_message", row), "too large")
            continue
        data = _fields(row[5])
        if data is None:
            yield Trouble(store, _name(row), "not a JSON object")
            continue
        if words(row[2]) not in sessions:
            continue  # a record that belongs to nothing
        at = _place(row, store, V2, sessions)
        if row[6] == "compaction":
            found = compaction(data, at)
            if found is not None:
                yield found
        else:
            call = record(data, at)
            yield Trouble(store, _name(row), "no id, session or time") if call is None else call


def _place_of(database: sqlite3.Connection, table: str) -> str:
    """Return the columns that say where and when a row is; a release without one of the times has its JSON."""
    have = _columns(database, table)
    times = (f"m.{name}" if name in have else "NULL" for name in ("time_created", "time_updated"))
    return ", ".join(("m.rowid", "m.id", "m.session_id", *times))


def _whole(
    database: sqlite3.Connection, table: str, place: str, found: Iterator[Any], kind: str = "NULL"
) -> Iterator[Any]:
    """Yield the rows, also those with much text in them. A ``TooLarge`` is left if that is not why they are large."""
    for row in found:
        yield _long_row(database, table, f"{place}, {kind}", row) if isinstance(row, TooLarge) else row


def _long_row(database: sqlite3.Connection, table: str, columns: str, row: TooLarge) -> Any:
    try:
        place = database.execute(f"SELECT {columns} FROM {table} AS m WHERE m.rowid = ?", row).fetchone()
        with database.blobopen(table, "data", row.rowid, readonly=True) as value:
            data = json.loads(without_long_texts(iter(lambda: value.read(CHUNK), b"")).decode("utf-8", "replace"))
    except (sqlite3.Error, ValueError, RecursionError):
        return row
    if not isinstance(data, dict):
        return row
    return *place[:5], json.dumps([data.get(name) for name in _FIELDS]), *place[5:]


def _sessions(database: sqlite3.Connection, store: str, table: str, form: str) -> Generator[Found, None, _Sessions]:
    """Yield the sessions; return when each began and whether it is a fork's."""
    have = _columns(database, table)
    wanted = ("id", "time_created", "fork_session_id", "version", *_TOTALS)
    selected = ", ".join(name if name in have else "NULL" for name in wanted)
    began: dict[str, tuple[int, bool]] = {}
    for row in rows(database, selected, table):
        if isinstance(row, TooLarge):
            yield Trouble(store, name_of(database, table, row), "too large")
            continue
        session_id, created_ms, forked = words(row[0]), moment(row[1]) or 0, bool(row[2])
        began[session_id] = (created_ms, forked)
        used = (
            numbers(*row[4:9], least=LEAST if form == V2 else 0) if have >= {"tokens_input", "tokens_output"} else NONE
        )
        version = words(row[3])
        yield SessionRecord(session_id, store, form, created_ms, forked, version, *used, dollars(row[9]))
    return began


def _place(row: tuple[Any, ...], store: str, form: str, sessions: _Sessions) -> Place:
    session_id = words(row[2])
    written_ms = moment(row[4]) or 0
    return Place(
        store, str(row[0]), form, words(row[1]), session_id, moment(row[3]), written_ms, sessions.get(session_id)
    )


def _name(row: tuple[Any, ...]) -> str:
    """Return the id of a row, or its number if it has none: each row is a trouble of its own."""
    return words(row[1]) or f"row {row[0]}"


def _steps(database: sqlite3.Connection, message_id: str) -> Five:
    """Return what all steps of a message used by its parts."""
    steps = NONE
    for (rowid,) in database.execute("SELECT rowid FROM part WHERE message_id = ?", (message_id,)):
        with suppress(sqlite3.DataError):  # it is too large to be the end of a step
            row = database.execute(_STEP, (rowid,)).fetchone()
            steps = plus(steps, five(json.loads(row[0]) if row and isinstance(row[0], str) else None))
    return steps


def _fields(extracted: object) -> dict[str, Any] | None:
    if not isinstance(extracted, str):
        return None
    try:
        values = msgspec.json.decode(extracted)
    except msgspec.MsgspecError:
        values = json.loads(extracted)  # slower, and accepts the half of a character that JavaScript may leave
    return dict(zip(_FIELDS, values, strict=True))


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {row[0] for row in database.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _migrated_ms(database: sqlite3.Connection) -> int | None:
    is_table = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'kv' AND rootpage > 0").fetchone()
    if not is_table or not _columns(database, "kv") >= {"key", "time_created"}:
        return None
    row = database.execute("SELECT time_created FROM kv WHERE key = 'migration.v1-v2'").fetchone()
    return moment(row[0]) if row else None


def _written_ms(path: Path) -> int:
    """Return when the database or its WAL was written; an empty WAL was made by a reader."""
    found = [file.stat() for file in (path, Path(f"{path}-wal")) if file.exists()]
    return max((status.st_mtime_ns // 1_000_000 for status in found if status.st_size), default=0)
