"""OpenCode's SQLite stores: the v1 tables of 1.2 to 1.18, and the 2.x tables beside or instead of them.

We open them read-only and keep each read transaction to one chunk of rows, because a long one would keep OpenCode
from checkpointing its WAL. ``part`` and ``event`` hold tens of gigabytes in real stores: no query touches them but by
key. Columns differ between releases, so they are probed.
"""

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, time_ns
from typing import Final

from msgspec.structs import replace

from otel_agent.model import (
    AskWanted,
    Batch,
    Calls,
    CallsWanted,
    Checkpoint,
    Message,
    Problem,
    ProblemKind,
    ReadScope,
    Recall,
    StoreTotals,
    Unreadable,
)
from otel_agent.opencode.bounded_files import in_words
from otel_agent.opencode.change_marks import database_mark
from otel_agent.opencode.json_values import MAX_TIME_MS
from otel_agent.opencode.sqlite import changed_lines, session_totals
from otel_agent.opencode.sqlite.calls import read_calls, with_place
from otel_agent.opencode.sqlite.connection import Connection, Files, connect, is_being_made, must_be_immutable
from otel_agent.opencode.sqlite.cursor import Ask, DatabaseFile
from otel_agent.opencode.sqlite.failures import is_endless, problem_of
from otel_agent.opencode.sqlite.first_look import Table, is_read_anew, read_table
from otel_agent.opencode.sqlite.known_tables import Tables, probe
from otel_agent.opencode.sqlite.session_rounds import SessionRounds

__all__ = ["Database", "connect"]

_REST_SECONDS: Final = 600.0
"""After a query that did not end, ask so long nothing that the other stores would have to wait for again."""
_LONG_AFTER_MS: Final = MAX_TIME_MS
"""A time to give in place of the present for a database that was read before, and so is not being made."""


class Database:
    """One database file. The connection stays open between passes, so that ``PRAGMA data_version`` says at no cost that
    nobody wrote. It is dropped when the file is replaced or fails, and at each sweep. A file that was overwritten in
    place shows only to a new connection."""

    def __init__(self, path: Path, real_path: Path | None = None) -> None:
        """``path`` is the one that a person knows. If it is a link, ``real_path`` is the file, beside which SQLite keeps others."""
        self._path, self.name = real_path or path, in_words(path)
        self._connection: Connection | None = None
        self._opened = Files.at(path)
        """The files as they were when the connection was opened."""
        self._read_at: Files | None = None
        """The files as they were before they were last read to the end."""
        self._rests: tuple[float, Problem] | None = None
        """Until when no query is asked, by a clock that never goes back, and why."""
        self._has_unread = False
        """True once the last pass met parts that could not be read: they are tried again although nobody wrote."""
        self._immutable = False
        self._unchanged_since: int | None = None
        self._rounds = SessionRounds()
        self._totals = session_totals.TotalsRead()
        self._lines = changed_lines.SessionLines()
        self._source = session_totals.DatabaseTotals(self.name, lambda: self._connected(_LONG_AFTER_MS))

    @property
    def folder(self) -> Path:
        """The folder of the file, in which its write-ahead log changes too."""
        return self._path.parent

    @property
    def is_tree(self) -> bool:
        """Always False: nothing changes in the folders below."""
        return False

    @property
    def in_flight(self) -> list[Path] | None:
        """Nothing, if the last pass read to the end and all parts with it: whatever happens then changes the file."""
        return None if self._has_unread or self._unchanged_since is None else []

    def close(self) -> None:
        """Close the connection, so that the next pass begins from the checkpoints."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._unchanged_since = None, None
        self._rounds.forget()
        self._totals.forget()
        self._lines.forget()

    def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
        """Yield what may be new since the checkpoints; nothing if nobody wrote, except in a sweep."""
        try:
            self._may_be_asked(again=scope.sweep)
            if scope.sweep:
                self._reopen(now_ms)
            if scope.is_last:
                self._rounds.want_all()
            mark, place = database_mark(self._path, now_ms * 1_000_000), f"database:{self.name}"
            # A new process would walk over all rows for those that were rewritten: a second for a million.
            as_left = mark and recall(place) == mark
            sweep = scope.sweep or (self._unchanged_since is None and not as_left)
            if self._has_unread and not sweep:
                self._reopen(now_ms)  # a connection keeps the pages that it read, good or bad
            self._has_unread = False
            for batch in self._read(Ask(recall, ask_wanted), now_ms=now_ms, sweep=sweep):
                self._has_unread = self._has_unread or bool(batch.calls.unread)
                yield batch
            if sweep and mark and not as_left and self._unchanged_since is not None:
                yield Batch(checkpoints=[Checkpoint(place, mark)])
        except Unreadable as failure:
            yield Batch(problems=[failure.problem])
        except (sqlite3.Error, MemoryError) as error:
            yield Batch(problems=[self._failed(error)])
        if self._immutable:
            self.close()  # it would not see what OpenCode writes from now on

    def read_calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
        """Return the calls of messages that were read earlier. Raises ``Unreadable``."""
        with self._connected(_LONG_AFTER_MS) as (database, tables):
            calls = read_calls(database, tables, messages, wanted)
        with_place(calls, self.name)
        return calls

    def length(self) -> int:
        """Return how many rows of messages there are; 0 if they cannot be counted now."""
        try:
            with self._connected(time_ns() // 1_000_000) as (database, tables):
                return sum(int(database.execute(each.count).fetchone()[0]) for each in tables)
        except Unreadable:
            return 0

    def _read(self, ask: Ask, *, now_ms: int, sweep: bool) -> Iterator[Batch]:
        began, database, files = monotonic(), self._open(now_ms), Files.at(self._path)
        if database is None:
            return
        # The version changes with every commit of another connection, so an idle store costs one statement.
        version = _version(database)
        if version == self._unchanged_since and not sweep:
            if files != self._read_at:
                # Somebody wrote, and our connection does not see it. The cause is a checkpoint, a backup that was copied
                # over the file, or locks that this file system does not have. Only a new connection knows.
                self._reopen(now_ms)
                database = self._open(now_ms)
                if database is None:
                    return
                version, files = _version(database), Files.at(self._path)
            elif not self._rounds.is_due:
                return
        tables, problems = probe(database, self.name, thorough=sweep)
        imported_ms = session_totals.migrated_ms(database, tables)
        file = DatabaseFile(self.name, self._opened.database[0])
        # Another copy of the database, such as a backup that was restored, has other totals of old sessions too.
        is_new = any(is_read_anew(database, each, file, ask) for each in tables)
        all_sessions = sweep or is_new or self._rounds.wants_all(imported_ms)
        # Totals before rows: a call that ends in between is missing in the totals only, and the next pass adds it.
        # The other way round it would be counted as unattributed, and then as a message too.
        with_totals = {
            each.generation for each in tables if self._totals.read(database, each, all_sessions=all_sessions)
        }
        if problems:
            yield Batch(problems=problems)
        # Asked once more: an import that ended while the totals were read has written them.
        migrated_ms = session_totals.migrated_ms(database, tables) if with_totals else None
        for each in tables:
            table = Table(database, each, file, self._path, self._immutable, migrated_ms)
            unsettled = yield from read_table(table, ask, now_ms=now_ms, sweep=sweep)
            if changed := self._lines.read(database, each, all_sessions=all_sessions):
                yield self._changed_lines(changed, each)
                # Only now: whoever breaks off before did not write them down.
                self._lines.keep(each, changed)
            if each.generation in with_totals:
                large: list[Problem] = []
                for totals in self._totals.changed(database, each, self.name, large):
                    yield Batch(totals=StoreTotals(totals, unsettled, migrated_ms, self._source))
                if large:
                    yield Batch(problems=large)
        # Asked before reading: a row that was written meanwhile is read in the next pass.
        self._unchanged_since, self._read_at = version, files
        self._rounds.ended(began, imported_ms, all_sessions=all_sessions)

    def _changed_lines(self, rows: Sequence[changed_lines.SessionRow], tables: Tables) -> Batch:
        batch = Batch()
        batch.lines += changed_lines.of_sessions(rows, f"{tables.generation}:{self.name}", batch.problems)
        return batch

    @contextmanager
    def _connected(self, now_ms: int) -> Iterator[tuple[sqlite3.Connection, list[Tables]]]:
        """Connect for a question that no pass asks. Raises ``Unreadable``."""
        self._may_be_asked()
        before = self._connection
        try:
            database = self._open(now_ms)
            if database is None:
                raise Unreadable(Problem(ProblemKind.NO_ACCESS, self.name, "it is not there, or not ready yet"))
            yield database, probe(database, self.name)[0]
        except (sqlite3.Error, MemoryError) as error:
            raise Unreadable(self._failed(error)) from None
        finally:
            if self._immutable and self._connection is not before:
                self.close()  # the next pass would read pages of then beside those of now

    def _may_be_asked(self, *, again: bool = False) -> None:
        """Raise ``Unreadable`` while a query that did not end is a short time ago; ``again`` forgets it."""
        if self._rests is not None and (again or monotonic() > self._rests[0]):
            self._rests = None
        if self._rests is not None:
            raise Unreadable(self._rests[1])

    def _failed(self, error: sqlite3.Error | MemoryError) -> Problem:
        """Close the connection, so that the next pass begins from the checkpoints. Return what is wrong."""
        self.close()
        if isinstance(error, MemoryError):
            return Problem(ProblemKind.UNEXPECTED, self.name, "no memory")
        problem = problem_of(error, self.name)
        # Of a readable file, SQLite means the files beside it: permission for the file would not help.
        if problem.kind is ProblemKind.NO_ACCESS and os.access(self._path, os.R_OK):
            problem = replace(problem, kind=ProblemKind.DAMAGED)
        if is_endless(error):
            self._rests = monotonic() + _REST_SECONDS, problem
        return problem

    def _reopen(self, now_ms: int) -> None:
        """Open a connection that sees a file that was overwritten in place."""
        # The new connection opens before the old one closes. The last connection to close removes the WAL, and the next
        # one to open recovers it under a lock. An OpenCode that starts just then does not wait for that lock.
        if self._is_cut_off():
            self.close()  # a new connection would share the removed side files with the old one
        old, self._connection = self._connection, None
        try:
            self._open(now_ms)
        except sqlite3.Error:
            self.close()
        finally:
            self._unchanged_since = None
            if old is not None:
                old.close()

    def _open(self, now_ms: int) -> sqlite3.Connection | None:
        """Return the connection to the file that is at the path now, ``None`` if there is none or it is just being made."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self.close()
            return None
        except OSError as error:
            raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from None
        if self._connection is not None and self._opened.database[0] == status.st_ino and not self._is_cut_off():
            return self._connection
        self.close()
        if is_being_made(self._path, status, now_ms):
            return None
        # Decided for each connection: a WAL may have appeared or gone since the last one.
        self._immutable = must_be_immutable(self._path, status)
        self._connection = connect(self._path, immutable=self._immutable)
        # If the file was replaced meanwhile, the next pass sees it: the inode is that of before.
        self._opened = Files.at(self._path, status)
        return self._connection

    def _is_cut_off(self) -> bool:
        """Return True if somebody removed the side files of the WAL below our connection, which then sees no write."""
        if self._connection is None or self._immutable:
            return False
        now = Files.at(self._path)
        if not now.are_those_of(self._opened):
            return True
        if not self._opened.shm:  # the database was turned to WAL after we opened it
            self._opened = replace(self._opened, wal=now.wal, shm=now.shm)
        return False


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA data_version").fetchone()[0])
