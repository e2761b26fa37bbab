"""The problems that exist now: what cannot be read or counted of OpenCode's storage. The series
``otel_agent.message.unreadable`` counts them for ever; here each is a row only until its place is in order again.

A place is a file, a folder, a database, or ``database#table…`` for what is inside one. Because the rows are kept,
everyone who asks gets the same answer, whichever process read the storage.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable
from typing import Final

from msgspec import Struct

from otel_agent.model import Message, Problem, ProblemKind, ProblemPlace

_MOST: Final = 10_000
"""Rows, about 2 MB. Further problems are only counted."""
_RECHECKED: Final = 1_000
"""Places that are looked at again in one pass."""
_EXAMPLES: Final = 3
_UNKNOWN: Final = (ProblemKind.UNKNOWN_SCHEMA, ProblemKind.UNKNOWN_FIELDS)
_DETAILED: Final = (*_UNKNOWN, ProblemKind.BUSY)
"""The problems whose detail is shown: why it is, how much of it there is, or how far the reading is."""
_OF_ROWS: Final = (ProblemKind.UNKNOWN_FIELDS.value,)
_OF_A_STORE: Final = tuple(kind for kind in ProblemKind if kind.is_of_a_store)
_WHOLE: Final = (*_OF_A_STORE, ProblemKind.NO_ACCESS, ProblemKind.NOT_LISTED)
"""The reasons why a whole store cannot be read. Its time stays when one of them gives way to another."""
WHOLE_IN_SQL: Final = ", ".join(f"'{kind.value}'" for kind in _WHOLE)
_CHANGING_IN_SQL: Final = f"'{ProblemKind.UNKNOWN_SCHEMA.value}', '{ProblemKind.BUSY.value}'"


class ProblemSummary(Struct, frozen=True):
    """All problems of one kind."""

    kind: ProblemKind
    places: int
    examples: tuple[str, ...]
    """Some of the places, by name."""
    since_ms: int = 0
    """When the first of them was noted; 0 if that is not known."""


class Problems:
    """The table ``problem``. Everything that writes runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def note(self, problems: Iterable[Problem], *, now_ms: int) -> None:
        """Enter the problems that are new, of another kind than before, or of more rows. Writes nothing if there is none."""
        # A known problem is not written again: an agent at rest must not write to the disk.
        for problem in problems:
            self._database.execute(
                "INSERT INTO problem (place, kind, detail, seen_ms) SELECT ?, ?, ?, ? "
                f"WHERE (SELECT count(*) FROM problem) < {_MOST} ON CONFLICT (place) DO UPDATE "
                "SET kind = excluded.kind, detail = excluded.detail, seen_ms = "
                f"iif(kind IN ({WHOLE_IN_SQL}) AND excluded.kind IN ({WHOLE_IN_SQL}), seen_ms, excluded.seen_ms) "
                f"WHERE kind <> excluded.kind OR (kind IN ({_CHANGING_IN_SQL}) AND detail <> excluded.detail)",
                (problem.place, problem.kind.value, problem.detail, now_ms),
            )

    def files_and_folders(self) -> list[ProblemPlace]:
        """Return problems whose place is a file or a folder, a bounded number of them."""
        query = f"SELECT place, kind, seen_ms FROM problem WHERE instr(place, '#') = 0 LIMIT {_RECHECKED}"
        return [
            ProblemPlace(place, ProblemKind(kind), seen_ms) for place, kind, seen_ms in self._database.execute(query)
        ]

    def of_places(self, places: Iterable[str]) -> list[ProblemPlace]:
        """Return the problems of these places, and when each was noted."""
        query = "SELECT place, kind, seen_ms FROM problem WHERE place IN (SELECT value FROM json_each(?))"
        rows = self._database.execute(query, (json.dumps(list(places)),))
        return [ProblemPlace(place, ProblemKind(kind), seen_ms) for place, kind, seen_ms in rows]

    def forget(self, places: Iterable[str]) -> None:
        """Remove the problems of these places."""
        self._database.executemany("DELETE FROM problem WHERE place = ?", [(place,) for place in places])

    def forget_read(self, messages: Iterable[Message], problems: Iterable[Problem]) -> None:
        """Remove the problems of rows whose message was read now and is in order."""
        # Hardly any ledger has such problems; the others are asked one cheap question for each batch.
        noted = [row[0] for row in self._database.execute("SELECT place FROM problem WHERE kind = ?", _OF_ROWS)]
        if noted:
            still, read = {each.place for each in problems}, {message.id for message in messages}
            self.forget(place for place in noted if place.rpartition("#")[2] in read and place not in still)

    def not_seen_again(self, store: str, seen: Collection[str], *, sweep: bool) -> list[str]:
        """Return places of store-level problems that a complete pass over the store did not see again.

        Unknown tables only count as gone after a sweep: no other pass looks at tables that nobody wrote to.
        """
        kinds = [*_WHOLE, *([ProblemKind.UNKNOWN_SCHEMA] if sweep else [])]
        query = (
            "SELECT place FROM problem WHERE kind IN (SELECT value FROM json_each(?1)) "
            "AND (place = ?2 OR instr(place, ?2 || '#') = 1)"
        )
        places = [row[0] for row in self._database.execute(query, (json.dumps(kinds), store))]
        return [place for place in places if place not in seen]

    def has_kind(self, kind: ProblemKind) -> bool:
        """True if there is a problem of this kind."""
        return self._database.execute("SELECT 1 FROM problem WHERE kind = ? LIMIT 1", (kind,)).fetchone() is not None


def problem_summaries(database: sqlite3.Connection) -> list[ProblemSummary]:
    """Return the problems that exist now, by kind, the most frequent kind first."""
    query = "SELECT kind, count(*), min(seen_ms) FROM problem GROUP BY kind ORDER BY 2 DESC, 1"
    return [
        ProblemSummary(ProblemKind(kind), number, _examples(database, kind), since_ms)
        for kind, number, since_ms in database.execute(query).fetchall()
    ]


def _examples(database: sqlite3.Connection, kind: str) -> tuple[str, ...]:
    shown = "place || ' (' || detail || ')'" if kind in _DETAILED else "place"
    query = f"SELECT {shown} FROM problem WHERE kind = ? ORDER BY place LIMIT {_EXAMPLES}"
    return tuple(row[0] for row in database.execute(query, (kind,)))
