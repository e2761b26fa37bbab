"""The rows of one table of messages: what was inserted, what was in flight, and in a sweep what was rewritten."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final

import msgspec
from msgspec.structs import replace

from otel_agent.model import Batch, Checkpoint, Message, Problem, Session, StoreTotals
from otel_agent.opencode import decode, json_values, unknown_fields
from otel_agent.opencode.sqlite import session_totals
from otel_agent.opencode.sqlite.calls import TurnNotes, part_reader, with_place
from otel_agent.opencode.sqlite.changed_lines import TurnLines
from otel_agent.opencode.sqlite.cursor import BEFORE_ALL, READS, Ask, Cursor, DatabaseFile, left_at
from otel_agent.opencode.sqlite.known_tables import COMPACTION, IDLE, Tables
from otel_agent.opencode.sqlite.ordinary_rows import OrdinaryRows
from otel_agent.opencode.sqlite.parts import text_of
from otel_agent.opencode.sqlite.row import ID, ROWID, UPDATED, Columns, Row
from otel_agent.opencode.sqlite.row_content import assistant_in
from otel_agent.opencode.sqlite.row_order import RowOrder
from otel_agent.opencode.sqlite.row_size import TooLarge
from otel_agent.opencode.sqlite.rows import NO_ID, Found, Rows
from otel_agent.opencode.sqlite.sessions import Sessions
from otel_agent.opencode.sqlite.turns import TurnFinder, TurnOfRow
from otel_agent.opencode.sqlite.whereabouts import Whereabouts
from otel_agent.opencode.worktrees import at_repository

_CHUNK: Final = 4_000
"""Rows in one read transaction: some tens of milliseconds."""
_KEEP_IN_FLIGHT: Final = 1_000
"""Rows without ``completed`` that are read again whenever the database changed: the newest ones. Older ones, left by
kills long ago, are found by the sweep if OpenCode ever writes them again."""
_SLACK_MS: Final = 60_000
"""A row gets its ``time_updated`` before its transaction commits: look that far behind the last sweep."""
_TOO_SILENT: Final = 3
"""So many calls in a row were hardly all killed."""


def begins_anew(rows: Rows, cursor: Cursor, inode: int) -> bool:
    """Return True for another file, another way of reading, or rowids that are used again: the cursor says nothing about
    these rows. Raises ``sqlite3.Error``."""
    if (cursor.inode, cursor.reads) != (inode, READS):
        return True
    return cursor.rowid != BEFORE_ALL and rows.id_at(cursor.rowid) != cursor.tail


class TableReader:
    """The messages of one table: what was inserted since the cursor, what was in flight, and, in a sweep, whatever
    was rewritten. Rows that are read once more are known to the ledger by their ids."""

    def __init__(
        self,
        database: sqlite3.Connection,
        tables: Tables,
        file: DatabaseFile,
        ask: Ask,
        migrated_ms: int | None = None,
    ) -> None:
        self._database, self._tables, self._ask, self._migrated_ms = database, tables, ask, migrated_ms
        self._rows = Rows(database, tables)
        self._name, self._inode = f"{tables.generation}:{file.name}", file.inode
        self._file_name = file.name
        order = RowOrder(database, tables.messages)
        turns = TurnFinder(database, tables, order)
        self._turns, self._parts = TurnNotes(turns), part_reader(database, tables, turns)
        recalled = ask.recall(self._name)
        self._cursor = left_at(recalled)
        self._sessions = Sessions(database, tables, self._name)
        self._whereabouts = Whereabouts(database, tables, order, self._sessions.worktree_of_project)
        self._ordinary = OrdinaryRows(tables, self._sessions, self._turns, self._parts, self._whereabouts)
        self._unfinished: set[str] = set()
        """Ids of the rows of this pass that are not complete."""
        self.unsettled: dict[str, int] = {}
        """Id of a session to when a call of it began that its totals may have already, and its row has not yet."""

    def read(self, *, now_ms: int, sweep: bool) -> Iterator[Batch]:
        """Yield a batch for each chunk of rows. The last one may be empty; it brings the checkpoint of a sweep."""
        cursor = self._cursor
        if begins_anew(self._rows, cursor, self._inode):
            self._cursor = cursor = Cursor(inode=self._inode, reads=READS)
            sweep = True
        elif sweep and cursor.rowid > BEFORE_ALL:
            yield from self._rewritten()
        # Rows that were in flight are asked for by id; those that still are put themselves on the new list.
        in_flight, cursor.in_flight = cursor.in_flight, []
        self._unfinished.clear()
        if in_flight:
            yield self._batch(self._rows.by_id(in_flight, _KEEP_IN_FLIGHT))
        while True:
            before = cursor.rowid
            batch = self._batch(self._rows.after(before if before > BEFORE_ALL else None, _CHUNK), forward=True)
            if sweep and cursor.rowid == before:
                # The end of a sweep: only now the next one may begin at this time.
                cursor.swept_ms = min(cursor.updated_ms, now_ms)
                batch.checkpoints = [self._checkpoint()]
            yield batch
            if cursor.rowid == before:
                return

    def watch(self, messages: Iterable[Message]) -> None:
        """Look at what the turns of these messages say of changed lines. Only 1.x says it."""
        if self._tables.names_role:
            TurnLines(self._database, self._cursor.turns).watch(each.turn_id for each in messages if each.turn_id)

    def _rewritten(self) -> Iterator[Batch]:
        """Yield the rows that were written since the last sweep. It walks the table by rowid, a chunk at a time."""
        since, upto = self._cursor.swept_ms - _SLACK_MS, self._cursor.rowid
        at: int | None = None
        while True:
            batch = Batch()
            last = self._fill(batch, self._rows.updated_since(since, at, upto, _CHUNK))
            if last is None:
                return
            at = last
            yield batch

    def _batch(self, rows: Found, *, forward: bool = False) -> Batch:
        batch = Batch()
        self._fill(batch, rows, forward=forward)
        batch.lines += TurnLines(self._database, self._cursor.turns).read(self._name, batch.problems)
        batch.checkpoints.append(self._checkpoint())
        return batch

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self._name, msgspec.json.encode(self._cursor))

    def _fill(self, batch: Batch, rows: Found, *, forward: bool = False) -> int | None:
        """Read one chunk in one transaction; return the last rowid in it. ``forward``: the cursor moves along."""
        last, tail, cursor = None, None, self._cursor
        # One snapshot for rows and sessions.
        self._database.execute("BEGIN")
        try:
            with closing(rows):
                for row in rows:
                    if isinstance(row, TooLarge):
                        short = self._rows.shortened(row)
                        if short is None:
                            problem, tail = self._rows.left_out(row, self._name)
                            last = row.rowid
                            batch.problems.append(problem)
                            batch.looked_at += 1
                            continue
                        row = short  # noqa: PLW2901 - the same row with short texts
                    last, tail, updated_ms = row[ROWID], row[ID], row[UPDATED]
                    # A column of OpenCode's can hold anything; a time of another type is no time.
                    if isinstance(updated_ms, int) and updated_ms > cursor.updated_ms:
                        cursor.updated_ms = updated_ms
                    batch.looked_at += 1
                    if not self._take_ordinary(batch, row):
                        self._take(batch, Row.of(row))
            if forward and last is not None:
                cursor.rowid, cursor.tail = last, text_of(tail) or NO_ID
            used = {m.session_id for m in batch.messages}
            batch.sessions += [found for key in used if (found := self._sessions.find(key))]
            batch.problems += self._sessions.take_problems()
            batch.beside = self._totals_beside(used)
        finally:
            self._database.execute("ROLLBACK")
        # Parts can be megabytes, and a long transaction keeps OpenCode from checkpointing: each is read on its own.
        wanted = self._ask.wanted(batch.messages)
        batch.calls = self._parts.calls(batch.messages, wanted)
        self._parts.forget()
        self.watch([message for message in batch.messages if wanted.watches(message.id)])
        batch.problems += with_place(batch.calls, self._file_name)
        self._keep_unread(batch)
        self._turns.move_to(batch.calls, self._unfinished)
        self._sessions.forget()
        self._ordinary.forget()
        self._whereabouts.forget()
        self._cursor.in_flight = self._cursor.in_flight[-_KEEP_IN_FLIGHT:]
        return last

    def _keep_unread(self, batch: Batch) -> None:
        """Read again the messages whose parts could not be read, as long as there is room to keep them in mind."""
        unread = batch.calls.unread
        kept = [message for message in batch.messages if message.id in unread][: _KEEP_IN_FLIGHT // 2]
        batch.calls.unread = {message.id: unread[message.id] for message in kept}
        self._unfinished.update(batch.calls.unread)
        for message in kept:
            self._cursor.in_flight.append(message.id)
            self.unsettled[message.session_id] = max(message.created_ms, self.unsettled.get(message.session_id, 0))

    def _totals_beside(self, session_ids: set[str]) -> StoreTotals | None:
        """Return the totals of these sessions in the transaction of their rows."""
        if not session_ids or not self._tables.totals:
            return None
        rows = session_totals.rows_of_sessions(self._database, self._tables, list(session_ids))
        return StoreTotals([session_totals.decoded(row) for row in rows], migrated_ms=self._migrated_ms)

    def _take(self, batch: Batch, row: Row) -> None:
        """Add what one row holds, and keep in mind if it must be read again."""
        if row.kind == IDLE:
            self._turns.note_idle(row.place, self._sessions.find(row.session_id))
            return
        name = f"{self._name}#{row.name}"
        wire, problems = assistant_in(row, name, self._tables, self._sessions)
        batch.problems += problems
        if wire is None:
            return
        session = self._sessions.find(row.session_id)
        if session is None and self._tables.needs_session:
            self._cursor.in_flight.append(row.id)  # not its own, or its session is not written yet
            return
        if session is not None:
            session = self._whereabouts.at(session, row.place)
        if row.kind == COMPACTION:
            wire = decode.compaction(wire, json_values.time_ms(row.updated_ms))
        decoded = decode.assistant(
            wire,
            place=name,
            generation=self._tables.generation,
            message_id=row.id,
            session_id=row.session_id,
            created_ms=json_values.time_ms(row.created_ms),
            session=session,
        )
        batch.problems += decoded.problems
        if decoded.message is None:
            return
        message = at_repository(decoded.message, session, self._sessions.worktree_of_project)
        message = self._parts.with_usage(message, session, [])
        if row.kind == COMPACTION and message.completed_ms is not None and not message.tokens.total:
            return  # it asked no model, or nobody recorded what it used
        batch.problems += self._unknown(wire, message, session)
        turn = self._turns.turn_of(row.place, session)
        self._keep(batch, message if turn is None else replace(message, turn_id=turn.id), row.id, turn)

    def _keep(self, batch: Batch, message: Message, row_id: str, turn: TurnOfRow | None) -> None:
        """Add a message that counts, and keep in mind one that must be read again."""
        # Without completion it is read again by id, and without usage it does not count yet.
        if message.completed_ms is None or (message.error_type and self._cursor.may_be_tried_again(message)):
            self._cursor.in_flight.append(row_id)
        if message.completed_ms is None:
            self._unfinished.add(row_id)
            if message.compaction or message.tokens.total:
                began_ms = self.unsettled.get(message.session_id, 0)
                self.unsettled[message.session_id] = max(message.created_ms, began_ms)
        if message.completed_ms is not None or message.has_usage:
            batch.messages.append(message)
            if turn is not None:
                self._turns.note(turn, message)

    def _take_ordinary(self, batch: Batch, columns: Columns) -> bool:
        """Add what an ordinary row holds; return False for any other, which ``_take`` looks at with care."""
        found = self._ordinary.read(columns)
        if found is None:
            return False
        message = found.message
        if message is None:
            return True
        if message.completed_ms is None:
            batch.problems += unknown_fields.unknown_end(message, f"{self._name}#{message.id}", found.session)
        if self._cursor.silent and message.tokens.total:
            self._cursor.silent.clear()
        self._keep(batch, message, found.row_id, found.turn)
        return True

    def _unknown(self, wire: decode.Wire, message: Message, session: Session | None) -> list[Problem]:
        """Return what cannot be read of a message that must have used something."""
        place = f"{self._name}#{message.id}"
        problems = unknown_fields.unknown_tokens(wire, message, place, session) + unknown_fields.unknown_end(
            message, place, session
        )
        problems = problems or unknown_fields.unknown_categories(wire, place, session, self._cursor.unknown)
        silent = self._cursor.silent
        if message.tokens.total:
            silent.clear()
        elif not message.compaction and unknown_fields.is_silent(wire, message):
            if message.id not in silent and len(silent) < _TOO_SILENT:
                silent.append(message.id)
            if len(silent) >= _TOO_SILENT:
                problems.append(unknown_fields.silence(place, session))
        return problems
