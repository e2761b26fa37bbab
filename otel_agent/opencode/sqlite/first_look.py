"""The reading of one table. In a long first look another process reads it, and this one counts meanwhile."""

import os
import sqlite3
import threading
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from queue import Queue
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from otel_agent.model import Batch, CallsWanted, Checkpoint, Message
from otel_agent.opencode.process_beside import BROKEN_FRAME, ProcessBeside, can_read_beside
from otel_agent.opencode.sqlite.calls import read_calls, with_place
from otel_agent.opencode.sqlite.changed_lines import TurnLines
from otel_agent.opencode.sqlite.cursor import Ask, DatabaseFile, left_at
from otel_agent.opencode.sqlite.exchange import MODULE, Task, chunk_in
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.rows import Rows
from otel_agent.opencode.sqlite.table_reader import TableReader, begins_anew

_MANY: Final = 10_000
"""Rows from which on another process reads: it takes 0.15 s to begin."""
_AHEAD: Final = 12
"""Chunks that wait to be counted, each less than a megabyte."""


class Table(Struct, frozen=True):
    """One table of a database that is open."""

    database: sqlite3.Connection
    tables: Tables
    file: DatabaseFile
    path: Path
    immutable: bool
    migrated_ms: int | None

    @property
    def place(self) -> str:
        """The place of the reader's checkpoint."""
        return f"{self.tables.generation}:{self.file.name}"


def read_table(table: Table, ask: Ask, *, now_ms: int, sweep: bool) -> Generator[Batch, None, dict[str, int]]:
    """Yield what may be new in a table. Return which sessions are unsettled, as ``TableReader.unsettled`` says it."""
    unsettled: dict[str, int] = {}
    if sweep and ask.recall(table.place) is None and can_read_beside() and _is_long(table):
        beside = _Beside(table, ask, now_ms)
        yield from beside.read()
        # Whatever the process did not come to is read here, from its last checkpoint on.
        ask, sweep, unsettled = Ask(beside.recall, ask.wanted), not beside.finished, beside.unsettled
    reader = TableReader(table.database, table.tables, table.file, ask, table.migrated_ms)
    yield from reader.read(now_ms=now_ms, sweep=sweep)
    return unsettled | reader.unsettled


def is_read_anew(database: sqlite3.Connection, tables: Tables, file: DatabaseFile, ask: Ask) -> bool:
    """Return True if a pass reads a table from its first row on. Raises ``sqlite3.Error``."""
    cursor = left_at(ask.recall(f"{tables.generation}:{file.name}"))
    return begins_anew(Rows(database, tables), cursor, file.inode)


def _is_long(table: Table) -> bool:
    return int(table.database.execute(table.tables.count).fetchone()[0]) >= _MANY


class _Beside:
    """A process that reads a table from its first row on, and what came of it so far."""

    def __init__(self, table: Table, ask: Ask, now_ms: int) -> None:
        self._table, self._ask, self._now_ms = table, ask, now_ms
        self._checkpoints: dict[str, bytes] = {}
        self._unread: list[str] = []
        """Ids of messages whose parts could not be read."""
        self._turns: dict[str, int] = {}
        """The turns that are watched, as ``Cursor.turns`` has them: the process is asked for none."""
        self.unsettled: dict[str, int] = {}
        self.finished = False
        """True if the process read the table to its end."""

    def recall(self, place: str) -> bytes | None:
        """Return the state that a reader left at a place; what came from the process may not be in the ledger yet."""
        return self._checkpoints.get(place) or self._ask.recall(place)

    def read(self) -> Iterator[Batch]:
        """Yield what the process reads. If it fails, it only ends early."""
        received: Queue[tuple[ProcessBeside, bytes]] = Queue(_AHEAD)
        closing = threading.Event()
        try:
            process = ProcessBeside(MODULE)
        except OSError:
            return
        try:
            process.ask(self._task())
            process.follow(received, closing)
            yield from self._batches(received)
        finally:
            closing.set()
            process.end()

    def _batches(self, received: "Queue[tuple[ProcessBeside, bytes]]") -> Iterator[Batch]:
        while content := received.get()[1]:
            try:
                chunk = chunk_in(content)
            except BROKEN_FRAME:
                return
            batch = chunk.batch()
            self._add_calls(batch)
            self._checkpoints.update((each.place, each.state) for each in batch.checkpoints)
            self.unsettled = chunk.unsettled
            yield batch
            # Only the last chunk has no row: it ends the sweep.
            self.finished = not batch.looked_at

    def _add_calls(self, batch: Batch) -> None:
        """Add the calls that are wanted: only this process can ask the ledger for them."""
        wanted = self._ask.wanted(batch.messages) if batch.messages else CallsWanted()
        if wanted.messages or wanted.turns:
            ours = _of(batch.messages, wanted)
            batch.calls.add(read_calls(self._table.database, [self._table.tables], ours, wanted))
            batch.problems += with_place(batch.calls, self._table.file.name)
            self._unread += batch.calls.unread
        self._watch([message for message in batch.messages if wanted.watches(message.id)])
        # The process knows nothing of them. Without this, whoever goes on from its checkpoints would not look at them again.
        if self._unread or self._turns:
            batch.checkpoints = [self._with_ours(each) for each in batch.checkpoints]

    def _watch(self, messages: Sequence[Message]) -> None:
        if self._table.tables.names_role:
            turns = TurnLines(self._table.database, self._turns)
            turns.watch(each.turn_id for each in messages if each.turn_id)

    def _with_ours(self, checkpoint: Checkpoint) -> Checkpoint:
        """Add the messages to read again, and the turns whose changed lines were not read yet."""
        cursor = left_at(checkpoint.state)
        cursor.in_flight += [each for each in self._unread if each not in cursor.in_flight]
        cursor.turns = self._turns
        return replace(checkpoint, state=msgspec.json.encode(cursor))

    def _task(self) -> bytes:
        table = self._table
        return msgspec.msgpack.encode(
            Task(
                os.fsencode(table.path),
                table.file.name,
                table.file.inode,
                table.tables.generation,
                self._now_ms,
                table.migrated_ms,
                table.immutable,
            )
        )


def _of(messages: Sequence[Message], wanted: CallsWanted) -> list[Message]:
    return [message for message in messages if message.id in wanted.messages]
