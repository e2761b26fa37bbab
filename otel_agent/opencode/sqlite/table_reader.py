"""The rows of one table of messages: what was inserted, what was in flight, and in a sweep what was rewritten."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Final

import msgspec
from msgspec import Struct

from otel_agent.model import Batch, Checkpoint, Generation, Message, Problem, ProblemKind, Recall, Session
from otel_agent.opencode import decode
from otel_agent.opencode.parts import usage
from otel_agent.opencode.sqlite.known_tables import Tables

_CHUNK: Final = 4_000
"""Rows in one read transaction: some tens of milliseconds."""
_KEEP_IN_FLIGHT: Final = 1_000
"""Rows without ``completed`` that are read again whenever the database changed: the newest ones. Older ones, left by
kills long ago, are found by the sweep if OpenCode ever writes them again."""
_SLACK_MS: Final = 60_000
"""A row's ``time_updated`` is taken before its transaction commits: look that far behind the last sweep."""
_BEFORE_ALL: Final = -(2**63)


class Cursor(Struct):
    """How far one table was read."""

    inode: int = 0
    rowid: int = _BEFORE_ALL
    tail: str = ""
    """The id at ``rowid``: another one there means that rows were deleted and their rowids used again."""
    updated_ms: int = 0
    """The newest ``time_updated`` seen."""
    swept_ms: int = 0
    """The same when everything was last read, and no later than that: what was rewritten before is known."""
    in_flight: list[str] = []


class TableReader:
    """The messages of one table: what was inserted since the cursor, what was in flight, and, in a sweep, whatever
    was rewritten. Rows that are read once more are known to the ledger by their ids."""

    def __init__(self, database: sqlite3.Connection, tables: Tables, name: str, inode: int, recall: Recall) -> None:
        self._database, self._tables = database, tables
        self._place = f"{tables.generation}:{name}"
        self._inode = inode
        recalled = recall(self._place)
        self._cursor = msgspec.json.decode(recalled, type=Cursor) if recalled else Cursor()
        self._sessions: dict[str, Session | None] = {}

    def read(self, *, now_ms: int, sweep: bool) -> Iterator[Batch]:
        cursor = self._cursor
        if cursor.inode != self._inode or not self._tail_stands():
            self._cursor = cursor = Cursor(inode=self._inode)
            sweep = True
        elif sweep and cursor.rowid > _BEFORE_ALL:
            yield from self._rewritten()
        in_flight, cursor.in_flight = cursor.in_flight, []
        if in_flight:
            yield self._batch(self._tables.by_id, (msgspec.json.encode(in_flight).decode(), _KEEP_IN_FLIGHT))
        while True:
            before = cursor.rowid
            batch = self._batch(self._tables.after_rowid, (before, _CHUNK), forward=True)
            if sweep and cursor.rowid == before:
                cursor.swept_ms = min(cursor.updated_ms, now_ms)
                batch.checkpoints = [self._checkpoint()]
            yield batch
            if cursor.rowid == before:
                return

    def _tail_stands(self) -> bool:
        if self._cursor.rowid == _BEFORE_ALL:
            return True
        row = self._database.execute(self._tables.id_at, (self._cursor.rowid,)).fetchone()
        return row is not None and text_of(row[0]) == self._cursor.tail

    def _rewritten(self) -> Iterator[Batch]:
        """Rows written since the last sweep. It walks the table by rowid, a chunk at a time."""
        since, upto, at = self._cursor.swept_ms - _SLACK_MS, self._cursor.rowid, _BEFORE_ALL
        while True:
            batch = Batch()
            last = self._fill(batch, self._tables.updated_since, (since, at, upto, _CHUNK))
            if last is None:
                return
            at = last
            yield batch

    def _batch(self, query: str, arguments: tuple[object, ...], *, forward: bool = False) -> Batch:
        batch = Batch()
        self._fill(batch, query, arguments, forward=forward)
        batch.checkpoints.append(self._checkpoint())
        return batch

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self._place, msgspec.json.encode(self._cursor))

    def _fill(self, batch: Batch, query: str, arguments: tuple[object, ...], *, forward: bool = False) -> int | None:
        """Read one chunk in one transaction; return the last rowid in it. ``forward``: the cursor moves along."""
        last = None
        self._database.execute("BEGIN")
        try:
            with closing(self._database.execute(query, arguments)) as rows:
                for rowid, row_id, session_id, created_ms, updated_ms, size, raw in rows:
                    last, message_id = rowid, text_of(row_id)
                    if forward:
                        self._cursor.rowid, self._cursor.tail = rowid, message_id
                    if isinstance(updated_ms, int):
                        self._cursor.updated_ms = max(self._cursor.updated_ms, updated_ms)
                    self._take(batch, message_id, text_of(session_id), created_ms, size, raw)
            batch.sessions += [found for key in {m.session_id for m in batch.messages} if (found := self._session(key))]
        finally:
            self._database.execute("ROLLBACK")
        self._sessions.clear()
        self._cursor.in_flight = self._cursor.in_flight[-_KEEP_IN_FLIGHT:]
        return last

    def _take(self, batch: Batch, row_id: str, session_id: str, created: object, size: object, raw: object) -> None:
        batch.looked_at += 1
        place = f"{self._place}#{row_id}"
        if raw is None:
            kind = ProblemKind.MALFORMED if size is None else ProblemKind.TOO_LARGE
            batch.problems.append(Problem(kind, place, "no content" if size is None else f"{size} characters"))
            return
        try:
            wire = decode.parse(raw if isinstance(raw, bytes) else str(raw).encode())
        except decode.Malformed as failure:
            batch.problems.append(Problem(ProblemKind.MALFORMED, place, str(failure)))
            return
        if wire.role not in (None, "assistant") or (wire.role is None and self._tables.generation is Generation.V1):
            return
        session = self._session(session_id)
        if session is None and self._tables.generation is Generation.V2:
            self._cursor.in_flight.append(row_id)  # not 2.x's own, or its session is not written yet
            return
        decoded = decode.assistant(
            wire,
            place=place,
            generation=self._tables.generation,
            message_id=row_id,
            session_id=session_id,
            created_ms=decode.time_ms(created),
            session=session,
        )
        batch.problems += decoded.problems
        if decoded.message is None:
            return
        message = self._with_parts(decoded.message, session)
        if message.completed_ms is None:
            self._cursor.in_flight.append(row_id)
        if message.completed_ms is not None or message.has_usage:
            batch.messages.append(message)

    def _with_parts(self, message: Message, session: Session | None) -> Message:
        if self._tables.parts is None or not usage.wants_parts(message):
            return message
        rows = self._database.execute(self._tables.parts, (message.id, usage.MAX_PARTS))
        found = (row[1] for row in rows if isinstance(row[1], bytes))
        return usage.with_parts(message, found, session.version if session else "")

    def _session(self, session_id: str) -> Session | None:
        if session_id not in self._sessions:
            row = (
                self._database.execute(self._tables.session, (session_id,)).fetchone() if self._tables.session else None
            )
            self._sessions[session_id] = None if row is None else session_of(session_id, row)
        return self._sessions[session_id]


def session_of(session_id: str, row: tuple[object, ...]) -> Session:
    """A session from the columns that ``tables`` selects, ``None`` for those its release does not have."""
    parent, directory, title, version, created, worktree, fork_of = row
    return Session(
        id=session_id,
        parent_id=text_of(parent),
        worktree=text_of(worktree),
        directory=text_of(directory),
        title=text_of(title),
        version=text_of(version),
        created_ms=decode.time_ms(created) or 0,
        forked=bool(fork_of),
    )


def text_of(value: object) -> str:
    return decode.text(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
