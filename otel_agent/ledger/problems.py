"""What of OpenCode's storage cannot be read now. Counted for ever it is elsewhere, in the series by kind.

A row is a place: a file, a folder, a database, or ``database#table…`` for what is inside one. It is kept until the place
is found in order, so that whoever asks is told the same, whichever process did the reading.
"""

import json
import os
import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.model import Problem, ProblemKind

_MOST: Final = 10_000
"""Rows; more are counted only. About 2 MB."""
_LOOKED_AT: Final = 1_000
"""Rows whose place is looked at in a pass."""
_EXAMPLES: Final = 3
_OF_A_STORE: Final = frozenset({ProblemKind.LOCKED, ProblemKind.DAMAGED, ProblemKind.UNEXPECTED})
"""Met again in each pass for as long as they last."""


class Trouble(Struct, frozen=True):
    """Everything of one kind."""

    kind: ProblemKind
    places: int
    examples: tuple[str, ...]
    """Some of the places, by name."""


class Problems:
    """Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def note(self, problems: Iterable[Problem], *, now_ms: int) -> None:
        """Enter those that are new; writes nothing where none is."""
        for each in problems:
            self._database.execute(
                "INSERT INTO problem (place, kind, detail, seen_ms) SELECT ?, ?, ?, ? "
                f"WHERE (SELECT count(*) FROM problem) < {_MOST} ON CONFLICT (place) DO UPDATE "
                "SET kind = excluded.kind, detail = excluded.detail, seen_ms = excluded.seen_ms WHERE kind <> excluded.kind",
                (each.place, each.kind.value, each.detail, now_ms),
            )

    def changed(self) -> list[str]:
        """Files and folders that went away or changed since they were found in disorder: a sweep reads them again."""
        query = f"SELECT place, kind, seen_ms FROM problem WHERE instr(place, '#') = 0 LIMIT {_LOOKED_AT}"
        return [place for place, kind, seen_ms in self._database.execute(query) if _changed(place, kind, seen_ms)]

    def forget(self, places: Iterable[str]) -> None:
        self._database.executemany("DELETE FROM problem WHERE place = ?", [(place,) for place in places])

    def unmet(self, store: str, met: Collection[str], *, sweep: bool) -> list[str]:
        """Troubles of a store as a whole that a pass which read it to its end did not meet. Only a sweep looks at the
        form of tables that nobody wrote to."""
        kinds = [*_OF_A_STORE, *([ProblemKind.UNKNOWN_SCHEMA] if sweep else [])]
        query = "SELECT place FROM problem WHERE kind IN (SELECT value FROM json_each(?))"
        places = [row[0] for row in self._database.execute(query, (json.dumps(kinds),))]
        return [place for place in places if place.partition("#")[0] == store and place not in met]

    def any_of(self, kind: ProblemKind) -> bool:
        return self._database.execute("SELECT 1 FROM problem WHERE kind = ? LIMIT 1", (kind,)).fetchone() is not None


def troubles(database: sqlite3.Connection) -> list[Trouble]:
    """What is in disorder now, by kind, the most first."""
    rows = database.execute("SELECT kind, count(*) FROM problem GROUP BY kind ORDER BY 2 DESC, 1").fetchall()
    return [Trouble(ProblemKind(kind), number, _examples(database, kind)) for kind, number in rows]


def _examples(database: sqlite3.Connection, kind: str) -> tuple[str, ...]:
    """Of tables that are not known also why, and who wrote them."""
    told = "place || ' (' || detail || ')'" if kind == ProblemKind.UNKNOWN_SCHEMA else "place"
    query = f"SELECT {told} FROM problem WHERE kind = ? ORDER BY place LIMIT {_EXAMPLES}"
    return tuple(row[0] for row in database.execute(query, (kind,)))


def _changed(place: str, kind: str, seen_ms: int) -> bool:
    """A permission can be given further up, which the file itself does not show."""
    try:
        status = Path(place).stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    if kind == ProblemKind.NO_ACCESS:
        return os.access(place, os.R_OK)
    return kind not in _OF_A_STORE and status.st_ctime_ns // 1_000_000 > seen_ms
