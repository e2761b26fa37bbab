"""The parts in a database: a row for each, found by its message's id only."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from otel_agent.model import Message, Problem, Session, Unreadable
from otel_agent.opencode import decode, json_values
from otel_agent.opencode.decode import MAX_BYTES
from otel_agent.opencode.ids import turn_began_ms
from otel_agent.opencode.parts.callers import RECENT, Began, Origin, which_began
from otel_agent.opencode.parts.part import MAX_PARTS, Part, decode_part
from otel_agent.opencode.sqlite.failures import is_of_one_place, is_too_large, problem_of
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.row_size import all_of, facts_of, first_of, shortened_json

_DATA: Final = 6
"""The column of the JSON in a row of messages."""
_FACTS: Final = ("parent_id", "directory", "title", "version", "time_created", "worktree", "fork_session_id")
"""The columns of ``Tables.session``, as a person knows them."""


class DatabaseParts:
    """The ``PartSource`` of one database. SQLite shows no half-written row, so nothing is ever ``BeingWritten``."""

    def __init__(self, database: sqlite3.Connection, tables: Tables) -> None:
        """``tables`` are those of 1.x."""
        self._database, self._tables = database, tables
        self._releases: Mapping[str, int] | None = None

    def has_calls(self, message: Message) -> bool:
        """Return True if the message has its tool calls here: another generation may use the same ids."""
        return message.generation is self._tables.generation

    def knows(self, message: Message) -> bool:
        """Return True if the message's row is there, however large it is."""
        return has_row(self._database, self._tables, message.id)

    def parts(self, session_id: str, message_id: str, problems: list[Problem], *, at_work: bool) -> list[Part]:
        """Return the parts of a message in the order of their ids; those that are no JSON are left out."""
        del session_id, at_work
        if self._tables.parts is None:
            return []
        try:
            return _decoded(self._database.execute(self._tables.parts, (message_id, MAX_PARTS)))
        except sqlite3.Error as error:
            if is_of_one_place(error):
                problems.append(problem_of(error, f"{self._tables.generation}:part#{message_id}"))
                return []
            if not is_too_large(error):
                raise
        return _decoded(self._small_parts(message_id))

    def _small_parts(self, message_id: str) -> Iterator[tuple[object, object]]:
        """Yield the parts of a message; long texts of large ones are shortened."""
        rowids = self._database.execute("SELECT rowid FROM part WHERE message_id = ? LIMIT ?", (message_id, MAX_PARTS))
        of_row = "SELECT id, data FROM part WHERE rowid = ?"
        rows = [first_of(self._database, of_row, rowid) or self._large_part(*rowid) for rowid in rowids.fetchall()]
        yield from sorted((row[0], row[1]) for row in rows if row is not None and isinstance(row[0], bytes))

    def _large_part(self, rowid: int) -> tuple[object, object] | None:
        found = first_of(self._database, "SELECT id FROM part WHERE rowid = ?", (rowid,))
        return None if found is None else (found[0], shortened_json(self._database, "part", rowid))

    def recent(self, session_id: str, until_ms: int) -> list[str]:
        """Return the ids of the session's last messages that began before ``until_ms``, newest first."""
        if self._tables.recent is None:
            return []
        rows = all_of(self._database, self._tables.recent, (session_id, until_ms, RECENT))
        return [text_of(row[0]) for row in rows]

    def caller_in(self, message_id: str, session: Session, at_ms: int) -> Began | None:
        """Return the call in this message that began a turn of ``session`` at ``at_ms``, ``None`` if none did."""
        unread: list[Problem] = []
        part_id = which_began(session, at_ms, self.parts(session.parent_id, message_id, unread, at_work=True))
        for problem in unread:
            raise Unreadable(problem)
        return Began(part_id) if part_id else None

    def origin_of(self, session: Session, turn_id: str) -> Origin | None:
        """Return ``None``: in 1.x every turn has a user message."""
        del session, turn_id
        return None

    def turn_began_ms(self, turn_id: str, first_created_ms: int) -> int:
        """Return when a person asked, by the id of the question."""
        return turn_began_ms(turn_id, first_created_ms)

    def turn_of(self, session_id: str, message_id: str) -> str:
        """Return the user message that a message answers; empty if it is gone, too large or names none."""
        del session_id
        row = first_of(self._database, self._tables.by_id, (json.dumps([message_id]), 1))
        return decode.answered(row[_DATA] if row is not None and isinstance(row[_DATA], bytes) else None)

    def session(self, session_id: str) -> Session | None:
        """Return the session, ``None`` if it is gone."""
        return find_session(self._database, self._tables, session_id)

    def releases(self) -> Mapping[str, int]:
        """Return when each release of OpenCode began its first session here. The walk over the sessions is made once."""
        if self._releases is None:
            rows = all_of(self._database, self._tables.releases, ()) if self._tables.releases else ()
            self._releases = {text_of(version): began for version, began in rows if isinstance(began, int)}
        return self._releases


def has_row(database: sqlite3.Connection, tables: Tables, message_id: str) -> bool:
    """Return True if the tables have a row with this id."""
    query = f"SELECT 1 FROM {tables.messages} WHERE id = ?"
    return database.execute(query, (message_id,)).fetchone() is not None


def find_session(
    database: sqlite3.Connection, tables: Tables, session_id: str, too_large: list[str] | None = None
) -> Session | None:
    """Return the session from the columns that its release has, ``None`` if it is gone.

    ``too_large`` gets the names of what is left out because it is too large.
    """
    if not tables.session:
        return None
    row, left_out = facts_of(database, tables.session, tables.of_session, (session_id,))
    if too_large is not None:
        too_large += [_FACTS[tables.session.index(column)] for column in left_out]
    if row is None:
        return None
    parent, directory, title, version, created, worktree, fork_of = row
    return Session(
        id=session_id,
        parent_id=text_of(parent),
        worktree=text_of(worktree),
        directory=text_of(directory),
        title=text_of(title),
        version=text_of(version),
        created_ms=json_values.time_ms(created) or 0,
        forked=bool(fork_of),
    )


def _decoded(rows: Iterable[tuple[object, object]]) -> list[Part]:
    parts = (decode_part(text_of(id_), raw) for id_, raw in rows if isinstance(raw, bytes) and len(raw) <= MAX_BYTES)
    return [part for part in parts if part is not None]


def text_of(value: object) -> str:
    """Return a column as text; our connection returns bytes, because one bad byte must not fail a whole query."""
    return json_values.text(value.decode("utf-8", "replace") if isinstance(value, bytes) else value)
