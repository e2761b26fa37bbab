"""OpenCode's SQLite stores: the v1 tables of 1.2 to 1.18, and the 2.x tables beside or instead of them.

We open them read-only and keep each read transaction to one chunk of rows, because a long one would keep OpenCode
from checkpointing its WAL. ``part`` and ``event`` hold tens of gigabytes in real stores: no query touches them but by
key. Columns differ between releases, so they are probed.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from otel_agent.model import Batch, Checkpoint, Generation, Message, Problem, ProblemKind, Recall, Session
from otel_agent.opencode import decode, parts
from otel_agent.opencode.files import in_words
from otel_agent.opencode.tables import Tables, probe

_CHUNK: Final = 4_000
"""Rows in one read transaction: some tens of milliseconds."""
_BUSY_SECONDS: Final = 2.0
"""How long to wait where OpenCode holds the database; the next pass tries again."""
_BEING_MADE_MS: Final = 2_000
"""OpenCode turns a database that it makes to WAL within milliseconds, and does not wait for a lock on it then: a look
at it just then would end OpenCode's start with "database is locked"."""
_MADE_WITHOUT_WAL: Final = re.compile(rb"(SQLite format 3\x00..\x01\x01.*)?", re.DOTALL)
"""How the file of such a database begins: with nothing, or with a header that names no WAL (sqlite.org/fileformat.html)."""
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


class Database:
    """One database file. The connection stays open between passes, so that ``PRAGMA data_version`` can tell at no
    cost that nobody wrote. It is dropped when the file is replaced or fails, and at each sweep, because a file that
    was overwritten in place shows only to a new one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._immutable = False
        self._unchanged_since: int | None = None
        self.name = in_words(path)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._unchanged_since = None, None

    def read(self, recall: Recall, *, now_ms: int, sweep: bool) -> Iterator[Batch]:
        if sweep:
            self.close()
        try:
            yield from self._read(recall, now_ms=now_ms, sweep=sweep or self._unchanged_since is None)
        except sqlite3.Error as error:
            self.close()
            yield Batch(problems=[_problem(error, self.name)])
        if self._immutable:
            self.close()  # it would not see what OpenCode writes from now on

    def _read(self, recall: Recall, *, now_ms: int, sweep: bool) -> Iterator[Batch]:
        database = self._open(now_ms)
        if database is None:
            return
        version = int(database.execute("PRAGMA data_version").fetchone()[0])
        if version == self._unchanged_since and not sweep:
            return
        tables, problems = probe(database, self.name)
        if problems:
            yield Batch(problems=problems)
        for each in tables:
            yield from _Table(database, each, self.name, self._inode, recall).read(now_ms=now_ms, sweep=sweep)
        self._unchanged_since = version

    def _open(self, now_ms: int) -> sqlite3.Connection | None:
        """The connection to the file that is at the path now, ``None`` where none is, or one that is just being made."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self.close()
            return None
        except OSError as error:
            raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from None
        if self._connection is not None and status.st_ino == self._inode:
            return self._connection
        self.close()
        if _is_being_made(self._path, status, now_ms):
            return None
        self._immutable = _must_be_immutable(self._path, status)
        self._connection, self._inode = connect(self._path, immutable=self._immutable), status.st_ino
        return self._connection


def connect(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """Open a database of OpenCode's for reading. Text comes as bytes: one bad byte must not fail a whole query.

    Raises ``sqlite3.Error``. ``immutable`` is for a file that nobody writes while it is read.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return _connect(f"{uri}&immutable=1" if immutable else uri)


def _is_being_made(path: Path, status: os.stat_result, now_ms: int) -> bool:
    if now_ms - status.st_mtime_ns // 1_000_000 > _BEING_MADE_MS:
        return False
    try:
        with path.open("rb") as file:
            return _MADE_WITHOUT_WAL.fullmatch(file.read(20)) is not None
    except OSError:
        return False


def _must_be_immutable(path: Path, status: os.stat_result) -> bool:
    """Whether reading would leave the two side files of a WAL where they cannot be made, or would belong to us in
    another user's folder, whose OpenCode could then not write any more.

    Only where there is no WAL: the database is whole in its file then. Root's side files get the database's owner.
    """
    wal = Path(f"{path}-wal")
    if os.path.exists(wal) and os.path.getsize(wal):  # noqa: PTH110, PTH202 - do not raise where Path's do
        return False
    foreign = hasattr(os, "geteuid") and os.geteuid() not in (0, status.st_uid)
    return foreign or not os.access(path.parent, os.W_OK)


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.text_factory = bytes
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class _Table:
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
        return row is not None and _text(row[0]) == self._cursor.tail

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
                    last, message_id = rowid, _text(row_id)
                    if forward:
                        self._cursor.rowid, self._cursor.tail = rowid, message_id
                    if isinstance(updated_ms, int):
                        self._cursor.updated_ms = max(self._cursor.updated_ms, updated_ms)
                    self._take(batch, message_id, _text(session_id), created_ms, size, raw)
            batch.sessions += [found for key in {m.session_id for m in batch.messages} if (found := self._session(key))]
        finally:
            self._database.execute("ROLLBACK")
        self._sessions.clear()
        self._cursor.in_flight = self._cursor.in_flight[-_KEEP_IN_FLIGHT:]
        return last

    def _take(self, batch: Batch, row_id: str, session_id: str, created: object, size: object, raw: object) -> None:
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
        if self._tables.parts is None or not parts.wants_parts(message):
            return message
        rows = self._database.execute(self._tables.parts, (message.id, parts.MAX_PARTS))
        found = (row[0] for row in rows if isinstance(row[0], bytes))
        return parts.with_parts(message, found, session.version if session else "")

    def _session(self, session_id: str) -> Session | None:
        if session_id not in self._sessions:
            row = (
                self._database.execute(self._tables.session, (session_id,)).fetchone() if self._tables.session else None
            )
            self._sessions[session_id] = None if row is None else _session(session_id, row)
        return self._sessions[session_id]


def _session(session_id: str, row: tuple[object, ...]) -> Session:
    """A session from the columns that ``tables`` selects, ``None`` for those its release does not have."""
    parent, directory, title, version, created, worktree, fork_of = row
    return Session(
        id=session_id,
        parent_id=_text(parent),
        worktree=_text(worktree),
        directory=_text(directory),
        title=_text(title),
        version=_text(version),
        created_ms=decode.time_ms(created) or 0,
        forked=bool(fork_of),
    )


def _text(value: object) -> str:
    return decode.text(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)


def _problem(error: sqlite3.Error, place: str) -> Problem:
    """What SQLite's error means for whoever reads the message."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    kind = {
        sqlite3.SQLITE_BUSY: ProblemKind.LOCKED,
        sqlite3.SQLITE_LOCKED: ProblemKind.LOCKED,
        sqlite3.SQLITE_CORRUPT: ProblemKind.DAMAGED,
        sqlite3.SQLITE_NOTADB: ProblemKind.DAMAGED,
        sqlite3.SQLITE_IOERR: ProblemKind.DAMAGED,
        sqlite3.SQLITE_CANTOPEN: ProblemKind.NO_ACCESS,
        sqlite3.SQLITE_PERM: ProblemKind.NO_ACCESS,
        sqlite3.SQLITE_AUTH: ProblemKind.NO_ACCESS,
    }.get(primary or -1, ProblemKind.NO_ACCESS if primary is None else ProblemKind.DAMAGED)
    return Problem(kind, place, str(error))
