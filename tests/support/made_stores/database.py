"""`opencode.db`: the v1 tables of several releases, and the 2.x tables, alone or beside stale v1 ones."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.made_stores.records import Message, Part, Project, Record, Session, UserMessage

Row = dict[str, Any]
Placed = tuple[str, Row]
"""A row and the table it goes to."""

SCHEMAS = Path(__file__).parent
RELEASES = ("1.2.6", "1.18.33", "minimal")


def compact(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Database:
    """A v1 database. Rows are upserted in place, so a rewrite keeps its rowid, as OpenCode's own writes do."""

    path: Path
    release: str = "1.18.33"

    def create(self) -> Database:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.connection() as connection:
            if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
                connection.executescript((SCHEMAS / f"schema-{self.release}.sql").read_text())
        return self

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection like OpenCode's (WAL); closing the last one moves the WAL into the file and removes it."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")  # nobody pulls the plug of a test
            with connection:
                yield connection

    @contextmanager
    def writer(self) -> Iterator[sqlite3.Connection]:
        """A connection that stays open and never checkpoints: what it commits lies in the WAL and nowhere else."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            yield connection

    def put(self, *records: Record, updated: int | None = None) -> None:
        """Upsert; `updated` is the rows' `time_updated`, by default now, as OpenCode stamps whatever it writes."""
        with self.connection() as connection:
            self.put_through(connection, *records, updated=updated)

    def put_through(self, connection: sqlite3.Connection, *records: Record, updated: int | None = None) -> None:
        for record in records:
            table, row = self.place(record)
            changed = row if updated is None else {**row, "time_updated": updated}
            upsert(connection, table, changed)

    def put_turn(self, *messages: Message, updated: int | None = None) -> None:
        """Each message with the session and project it belongs to."""
        for each in messages:
            self.put(each.session.project, each.session, each, updated=updated)

    def place(self, record: Record) -> Placed:
        match record:
            case Project():
                return "project", project_row(record)
            case Session():
                return "session", session_row(record)
            case Message() | UserMessage():
                return "message", message_row(record)
            case Part():
                return "part", part_row(record)

    def remove(self, *records: Record) -> None:
        with self.connection() as connection:
            for record in records:
                table, row = self.place(record)
                connection.execute(f"DELETE FROM {table} WHERE id = ?", (row["id"],))

    def execute(self, sql: str, *parameters: Any) -> None:
        with self.connection() as connection:
            connection.execute(sql, parameters)


class DatabaseV2(Database):
    """A 2.x database. `create` on a v1 file adds the new tables and leaves the old ones as they are."""

    __slots__ = ()

    def create(self) -> DatabaseV2:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.connection() as connection:
            present = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for statement in (SCHEMAS / "schema-2.sql").read_text().split(";"):
                if "CREATE TABLE" in statement and statement.split("CREATE TABLE ")[1].split()[0] not in present:
                    connection.execute(statement)
        return self

    def place(self, record: Record) -> Placed:
        match record:
            case Project():
                return "project", project_row(record)
            case Session():
                return "session_v2", session_row(record) | totals_row(record) | {"fork_session_id": record.fork_of}
            case Message():
                return "session_message", session_message_row(record)
            case UserMessage() | Part():
                raise TypeError(f"2.x keeps no {type(record).__name__} of its own")

    def put_compaction(self, of: Message, status: str = "completed") -> None:
        """The row of a compaction: the id, session, times and usage are those of `of`. A running one used nothing yet."""
        document = of.document_v2()
        used = {} if status == "running" else {key: document[key] for key in ("tokens", "cost", "model")}
        data = {"time": {"created": of.created}, "status": status, "reason": "auto", "summary": "", "recent": ""} | used
        with self.connection() as connection:
            upsert(
                connection, "session_message", session_message_row(of) | {"type": "compaction", "data": compact(data)}
            )

    def note_import(self, at: int) -> None:
        """The marker of the import of 1.x, which began at `at`."""
        done = {"key": "migration.v1-v2", "value": '{"phase":"completed"}', "time_created": at, "time_updated": at + 5}
        with self.connection() as connection:
            connection.execute("INSERT INTO kv VALUES (:key, :value, :time_created, :time_updated)", done)


def upsert(connection: sqlite3.Connection, table: str, row: Row) -> None:
    """Write `row`, leaving out what this release has no column for."""
    present = {column[1] for column in connection.execute(f"PRAGMA table_info({table})")}
    known = {name: value for name, value in row.items() if name in present}
    names, marks = ", ".join(known), ", ".join("?" * len(known))
    changes = ", ".join(f"{name} = excluded.{name}" for name in known if name != "id")
    sql = f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT (id) DO UPDATE SET {changes}"
    connection.execute(sql, tuple(known.values()))


def project_row(of: Project) -> dict[str, Any]:
    times = {"time_created": of.created, "time_updated": of.created}
    return {"id": of.id, "worktree": of.worktree, "vcs": None, "sandboxes": "[]", **times}


def session_row(of: Session) -> dict[str, Any]:
    return {
        "id": of.id,
        "project_id": of.project.id,
        "parent_id": of.parent,
        "slug": "swift-forest",
        "directory": of.directory,
        "title": of.title,
        "version": of.version,
        "time_created": of.created,
        "time_updated": of.created,
    }


def totals_row(of: Session) -> dict[str, Any]:
    return {"cost": of.cost, **{f"tokens_{kind}": number for kind, number in of.totals._asdict().items()}}


def message_row(of: Message | UserMessage) -> dict[str, Any]:
    document = {key: value for key, value in of.document().items() if key not in ("id", "sessionID")}
    return _timed(of) | {"data": compact(document)}


def session_message_row(of: Message) -> dict[str, Any]:
    return _timed(of) | {"type": "assistant", "seq": of.created % 2**31, "data": compact(of.document_v2())}


def part_row(of: Part) -> dict[str, Any]:
    times = {"time_created": of.message.created, "time_updated": of.message.created}
    owners = {"id": of.id, "message_id": of.message.id, "session_id": of.message.session.id}
    return owners | times | {"data": compact(dict(of.body))}


def _timed(of: Message | UserMessage) -> dict[str, Any]:
    now = time.time_ns() // 1_000_000
    return {"id": of.id, "session_id": of.session.id, "time_created": of.created, "time_updated": now}
