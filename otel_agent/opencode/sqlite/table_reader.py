"""The rows of one table of messages: what was inserted, what was in flight, and in a sweep what was rewritten."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from otel_agent.model import (
    AskWanted,
    Batch,
    Calls,
    CallsWanted,
    Checkpoint,
    Generation,
    Message,
    Problem,
    ProblemKind,
    Recall,
    Session,
)
from otel_agent.opencode import decode, json_values
from otel_agent.opencode.parts.reader import PartReader
from otel_agent.opencode.sqlite.content import ContentParts
from otel_agent.opencode.sqlite.known_tables import COMPACTION, IDLE, Tables
from otel_agent.opencode.sqlite.parts import DatabaseParts, find_session, text_of
from otel_agent.opencode.sqlite.turns import Place, TurnFinder
from otel_agent.opencode.worktrees import at_repository

_CHUNK: Final = 4_000
"""Rows in one read transaction: some tens of milliseconds."""
_KEEP_IN_FLIGHT: Final = 1_000
"""Rows without ``completed`` that are read again whenever the database changed: the newest ones. Older ones, left by
kills long ago, are found by the sweep if OpenCode ever writes them again."""
_SLACK_MS: Final = 60_000
"""A row gets its ``time_updated`` before its transaction commits: look that far behind the last sweep."""
_READS: Final = 1
"""Raise it when rows that were read before would be read better now: every table is then read once more."""
_BEFORE_ALL: Final = -(2**63)


class Cursor(Struct):
    """The mark up to which one table was read."""

    inode: int = 0
    rowid: int = _BEFORE_ALL
    tail: str = ""
    """The id at ``rowid``: another one there means that rows were deleted and their rowids used again."""
    updated_ms: int = 0
    """The newest ``time_updated`` seen."""
    swept_ms: int = 0
    """``updated_ms`` at the last sweep, and no later than the sweep: every row that was written before is known."""
    in_flight: list[str] = []
    reads: int = 0
    """``_READS`` of the release that read the rows."""


class DatabaseFile(Struct, frozen=True):
    """The database file that holds a table."""

    name: str
    inode: int


class Ask(Struct, frozen=True):
    """The two questions that a reader may ask the ledger."""

    recall: Recall
    wanted: AskWanted


class TableReader:
    """The messages of one table: what was inserted since the cursor, what was in flight, and, in a sweep, whatever
    was rewritten. Rows that are read once more are known to the ledger by their ids."""

    def __init__(self, database: sqlite3.Connection, tables: Tables, file: DatabaseFile, ask: Ask) -> None:
        self._database, self._tables, self._ask = database, tables, ask
        self._name, self._inode = f"{tables.generation}:{file.name}", file.inode
        self._turns = TurnFinder(database, tables)
        self._parts = _part_reader(database, tables, self._turns)
        recalled = ask.recall(self._name)
        self._cursor = msgspec.json.decode(recalled, type=Cursor) if recalled else Cursor()
        self._sessions: dict[str, Session | None] = {}
        self._worktrees: dict[str, str] = {}
        """Project id, or the beginning of one, to its worktree; empty if it is unknown or could be either of two."""
        self.unsettled: dict[str, int] = {}
        """Id of a session to when a call of it began that its totals may have already, and its row has not yet."""
        self._ended: dict[str, str] = {}
        """The turns that ended by what the rows of the present chunk say, each with its last call."""

    def read(self, *, now_ms: int, sweep: bool) -> Iterator[Batch]:
        """Yield a batch for each chunk of rows. The last one may be empty; it brings the checkpoint of a sweep."""
        cursor = self._cursor
        if (cursor.inode, cursor.reads) != (self._inode, _READS) or not self._tail_is_known():
            # Another file, another way of reading, or rowids that are used again: the cursor says nothing about these rows.
            self._cursor = cursor = Cursor(inode=self._inode, reads=_READS)
            sweep = True
        elif sweep and cursor.rowid > _BEFORE_ALL:
            yield from self._rewritten()
        # Rows that were in flight are asked for by id; those that still are put themselves on the new list.
        in_flight, cursor.in_flight = cursor.in_flight, []
        if in_flight:
            yield self._batch(self._tables.by_id, (msgspec.json.encode(in_flight).decode(), _KEEP_IN_FLIGHT))
        while True:
            before = cursor.rowid
            batch = self._batch(self._tables.after_rowid, (before, _CHUNK), forward=True)
            if sweep and cursor.rowid == before:
                # The end of a sweep: only now the next one may begin at this time.
                cursor.swept_ms = min(cursor.updated_ms, now_ms)
                batch.checkpoints = [self._checkpoint()]
            yield batch
            if cursor.rowid == before:
                return

    def _tail_is_known(self) -> bool:
        if self._cursor.rowid == _BEFORE_ALL:
            return True
        row = self._database.execute(self._tables.id_at, (self._cursor.rowid,)).fetchone()
        return row is not None and text_of(row[0]) == self._cursor.tail

    def _rewritten(self) -> Iterator[Batch]:
        """Yield the rows that were written since the last sweep. It walks the table by rowid, a chunk at a time."""
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
        return Checkpoint(self._name, msgspec.json.encode(self._cursor))

    def _fill(self, batch: Batch, query: str, arguments: tuple[object, ...], *, forward: bool = False) -> int | None:
        """Read one chunk in one transaction; return the last rowid in it. ``forward``: the cursor moves along."""
        last = None
        # One snapshot for rows and sessions.
        self._database.execute("BEGIN")
        try:
            with closing(self._database.execute(query, arguments)) as rows:
                for rowid, row_id, session_id, created_ms, updated_ms, size, raw, kind, seq in rows:
                    names = text_of(row_id), text_of(session_id)
                    row = _Row(*names, created_ms, updated_ms, size, raw, text_of(kind), seq)
                    last = rowid
                    if forward:
                        self._cursor.rowid, self._cursor.tail = rowid, row.id
                    # A column of OpenCode's can hold anything; a time of another type is no time.
                    if isinstance(updated_ms, int):
                        self._cursor.updated_ms = max(self._cursor.updated_ms, updated_ms)
                    self._take(batch, row)
            batch.sessions += [found for key in {m.session_id for m in batch.messages} if (found := self._session(key))]
        finally:
            self._database.execute("ROLLBACK")
        # Parts can be megabytes, and a long transaction keeps OpenCode from checkpointing: each is read on its own.
        batch.calls = self._parts.calls(batch.messages, self._ask.wanted(batch.messages))
        # The last call may have been complete only after it was read. Its own row says that the turn ended, once it is read
        # again. Otherwise the turn's span would be sent without that call, and once more with it.
        batch.calls.ended = {turn for turn, last in self._ended.items() if last not in self._cursor.in_flight}
        self._ended.clear()
        self._sessions.clear()
        self._turns.forget()
        self._cursor.in_flight = self._cursor.in_flight[-_KEEP_IN_FLIGHT:]
        return last

    def _take(self, batch: Batch, row: "_Row") -> None:
        """Add what one row holds, and keep in mind if it must be read again."""
        batch.looked_at += 1
        if row.kind == IDLE:
            self._note_idle(row)
            return
        wire = self._wire(batch, row)
        if wire is None:
            return
        session = self._session(row.session_id)
        if session is None and self._tables.needs_session:
            self._cursor.in_flight.append(row.id)  # not its own, or its session is not written yet
            return
        if row.kind == COMPACTION:
            wire = decode.compaction(wire, json_values.time_ms(row.updated_ms))
        decoded = decode.assistant(
            wire,
            place=f"{self._name}#{row.id}",
            generation=self._tables.generation,
            message_id=row.id,
            session_id=row.session_id,
            created_ms=json_values.time_ms(row.created_ms),
            session=session,
        )
        batch.problems += decoded.problems
        if decoded.message is None:
            return
        message = at_repository(decoded.message, session, self._worktree_of_project)
        message = self._parts.with_usage(message, session, [])
        if row.kind == COMPACTION and message.completed_ms is not None and not message.tokens.total:
            return  # it asked no model, or nobody recorded what it used
        batch.problems += decode.unknown_tokens(wire, message, f"{self._name}#{row.id}", session)
        # Without completion it is read again by id, and without usage it does not count yet.
        if message.completed_ms is None:
            self._cursor.in_flight.append(row.id)
            if row.kind == COMPACTION or message.tokens.total:
                self.unsettled[message.session_id] = message.created_ms
        if message.completed_ms is not None or message.has_usage:
            batch.messages.append(self._in_turn(message, row.place, session))

    def _in_turn(self, message: Message, place: Place | None, session: Session | None) -> Message:
        """Return the message with its turn, and note if that has ended. 1.x says the turn in the message itself."""
        if place is None or session is None:
            return message
        message = replace(message, turn_id=self._turns.turn_of(session, place))
        last = self._turns.last_call(session, place, message)
        if last is not None:
            self._ended[message.turn] = last
        return message

    def _note_idle(self, row: "_Row") -> None:
        """Note that the turn before this row ended."""
        session, idle = self._session(row.session_id), row.place
        last = None if session is None or idle is None else self._turns.last_before(idle, row.session_id)
        if session is not None and last is not None:
            self._ended[self._turns.turn_of(session, last) or last.id] = last.id

    def _wire(self, batch: Batch, row: "_Row") -> decode.Wire | None:
        """Return the assistant message in a row, ``None`` for anything else."""
        place = f"{self._name}#{row.id}"
        if row.raw is None:
            broken = row.size is None or self._tables.generation is Generation.V2
            kind = ProblemKind.MALFORMED if broken else ProblemKind.TOO_LARGE
            batch.problems.append(Problem(kind, place, "no content" if row.size is None else f"{row.size} characters"))
            return None
        try:
            wire = decode.parse(row.raw if isinstance(row.raw, bytes) else str(row.raw).encode())
        except decode.Malformed as failure:
            batch.problems.append(Problem(ProblemKind.MALFORMED, place, str(failure)))
            return None
        if self._tables.names_role:
            batch.problems += decode.unknown_role(wire, place, self._session(row.session_id))
        elif wire.role is None:
            return wire
        return wire if wire.role == "assistant" else None

    def _session(self, session_id: str) -> Session | None:
        if session_id not in self._sessions:
            self._sessions[session_id] = find_session(self._database, self._tables, session_id)
        return self._sessions[session_id]

    def _worktree_of_project(self, project_id: str) -> str:
        if project_id not in self._worktrees:
            query = self._tables.project
            found = self._database.execute(query, (project_id,)).fetchall() if query else []
            self._worktrees[project_id] = text_of(found[0][0]) if len(found) == 1 else ""
        return self._worktrees[project_id]


def read_calls(
    database: sqlite3.Connection, tables: Sequence[Tables], messages: Sequence[Message], wanted: CallsWanted
) -> Calls:
    """Return the calls that are wanted of messages that were read earlier, and which of their turns ended."""
    found = Calls()
    for each in tables:
        of_2_x = each.generation is Generation.V2
        ours = [message for message in messages if (message.generation is Generation.V2) is of_2_x]
        turns = TurnFinder(database, each)
        calls = _part_reader(database, each, turns).calls(ours, wanted)
        found.tool_calls |= calls.tool_calls
        found.callers |= calls.callers
        for message in ours if each.has_turns else ():
            session, place = find_session(database, each, message.session_id), turns.place(message.id)
            if session is not None and place is not None and turns.last_call(session, place, message):
                found.ended.add(message.turn)
    return found


def _part_reader(database: sqlite3.Connection, tables: Tables, turns: TurnFinder) -> PartReader:
    if tables.generation is Generation.V2:
        return PartReader(ContentParts(database, tables, turns))
    return PartReader(DatabaseParts(database, tables))


class _Row(NamedTuple):
    """One row of a table of messages; only the ids are known to be text."""

    id: str
    session_id: str
    created_ms: object
    updated_ms: object
    size: object
    """Characters of the JSON, ``None`` if there is none."""
    raw: object
    """The JSON, ``None`` if it is missing, too large or, if large, no JSON."""
    kind: str
    """The type of a row of 2.x; empty in 1.x."""
    seq: object = None
    """The number of a row of 2.x in its session."""

    @property
    def place(self) -> Place | None:
        """The place of the row in its session, ``None`` if the table knows no order."""
        created_ms = json_values.time_ms(self.created_ms) or 0
        return Place(self.id, self.seq, created_ms, self.kind) if isinstance(self.seq, int) else None
