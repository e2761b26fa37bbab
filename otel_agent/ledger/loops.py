"""The latest tool calls of sessions, and the loops that were noticed in them."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.ledger.call_marks import CallMarks
from otel_agent.ledger.late_indexes import has_indexes
from otel_agent.model import LoopKind

REMEMBERED: Final = 64
"""The latest calls of a session that a new one is compared with."""
_LIVE_MS: Final = 3_600_000
"""Older calls are forgotten."""
_MOST_LOOPS: Final = 1_000


class RecentCall(Struct, frozen=True):
    """One tool call, as far as a loop can be seen by it."""

    turn_id: str
    made_ms: int
    mark: bytes
    edits: bool
    """True if it changed a file."""


class Loop(Struct, frozen=True):
    """One loop that was noticed."""

    session_id: str
    kind: LoopKind
    tool: str
    """Empty for calls of the model."""
    mark: bytes
    first_ms: int
    last_ms: int
    calls: int


class Loops:
    """The tables ``recent_call`` and ``loop``: a few rows for each active session. Everything that writes runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection, state_dir: Path) -> None:
        self._database = database
        self.marks = CallMarks(state_dir)

    def recent(self, session_id: str) -> list[RecentCall]:
        """Return the latest calls of a session, oldest first."""
        query = (
            "SELECT turn_id, made_ms, mark, edits FROM recent_call WHERE session_id = ? ORDER BY number DESC LIMIT ?"
        )
        rows = self._database.execute(query, (session_id, REMEMBERED)).fetchall()
        return [RecentCall(turn, made_ms, mark, bool(edits)) for turn, made_ms, mark, edits in reversed(rows)]

    def remember(self, session_id: str, calls: Sequence[RecentCall], *, now_ms: int) -> None:
        """Add calls of a session, and forget what is too old or too much."""
        self._database.executemany(
            "INSERT INTO recent_call (session_id, turn_id, made_ms, mark, edits) VALUES (?, ?, ?, ?, ?)",
            [(session_id, call.turn_id, call.made_ms, call.mark, int(call.edits)) for call in calls[-REMEMBERED:]],
        )
        self._database.execute(
            "DELETE FROM recent_call WHERE session_id = ?1 AND number <= (SELECT number FROM recent_call "
            "WHERE session_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            (session_id, REMEMBERED),
        )
        # By the time of the calls: a first look reads those of a day, and compares them as they were made.
        latest_ms = min(now_ms, max(call.made_ms for call in calls))
        self._database.execute("DELETE FROM recent_call WHERE made_ms < ?", (latest_ms - _LIVE_MS,))

    def model_calls(self, session_id: str, *, since_ms: int, until_ms: int) -> int:
        """Return how many calls of the model a session began in this time; 0 while the indexes of messages are missing."""
        if not has_indexes(self._database):
            return 0
        query = (
            "SELECT count(*) FROM message WHERE session_id = ? AND created_ms > ? AND created_ms <= ? "
            "AND state = 2 AND calls_model AND source = 0"
        )
        return int(self._database.execute(query, (session_id, since_ms, until_ms)).fetchone()[0])

    def note(self, loop: Loop, *, quiet_ms: int) -> bool:
        """Note a loop, or one more call of the same one if that was seen less than ``quiet_ms`` before.

        Return True if it is new. Of a rate, the highest is kept.
        """
        calls = "calls + 1" if loop.kind is LoopKind.REPEAT else "max(calls, ?2)"
        known = self._database.execute(
            f"UPDATE loop SET last_ms = max(last_ms, ?1), calls = {calls} "
            "WHERE session_id = ?3 AND kind = ?4 AND mark = ?5 AND last_ms >= ?6",
            (loop.last_ms, loop.calls, loop.session_id, loop.kind.value, loop.mark, loop.last_ms - quiet_ms),
        )
        if known.rowcount:
            return False
        self._database.execute(
            "INSERT INTO loop (session_id, kind, tool, mark, first_ms, last_ms, calls) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (loop.session_id, loop.kind.value, loop.tool, loop.mark, loop.first_ms, loop.last_ms, loop.calls),
        )
        self._database.execute("DELETE FROM loop WHERE number <= (SELECT max(number) FROM loop) - ?", (_MOST_LOOPS,))
        return True


def loops_between(database: sqlite3.Connection, since_ms: int | None, until_ms: int | None) -> list[Loop]:
    """Return the loops that went on in this time, the latest first. ``None`` is open."""
    rows: Iterable[tuple[str, str, str, bytes, int, int, int]] = database.execute(
        "SELECT session_id, kind, tool, mark, first_ms, last_ms, calls FROM loop "
        "WHERE last_ms >= ifnull(?, last_ms) AND first_ms < ifnull(?, first_ms + 1) ORDER BY last_ms DESC, number DESC",
        (since_ms, until_ms),
    )
    return [
        Loop(session_id, LoopKind(kind), tool, mark, first_ms, last_ms, calls)
        for session_id, kind, tool, mark, first_ms, last_ms, calls in rows
    ]
