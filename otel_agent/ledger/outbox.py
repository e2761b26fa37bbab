"""The spans that are owed: each stays until the backend took it, across restarts."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from msgspec import Struct

from otel_agent.ledger import records
from otel_agent.model import Message, Outcome, Session, ToolCall, Turn

_MESSAGE: Final = ", ".join(f"m.{name}" for name in records.MESSAGE_COLUMNS.split(", "))
_SESSION: Final = ", ".join(f"s.{name}" for name in records.SESSION_COLUMNS.split(", "))
_TURN_OF_MESSAGE: Final = "iif(m.turn_id = '', m.id, m.turn_id)"
_OWED, _TAKEN, _REFUSED = 1, 2, 3


class PendingSpans(Struct, frozen=True):
    """Spans that are taken together: a message's own and those of its tool calls, or that of a turn."""

    number: int
    """Names it towards the outbox."""
    of_turn: bool
    message: Message
    """Of a turn, the last one."""
    session: Session
    turn: Turn
    calls: tuple[ToolCall, ...] = ()

    @property
    def spans(self) -> int:
        return 1 if self.of_turn else self.message.calls_model + len(self.calls)


class Outbox:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def __len__(self) -> int:
        """How many spans are owed, those refused included. CROSS JOIN: what is owed is looked through, not all messages."""
        return sum(
            int(self._database.execute(f"SELECT count(*) FROM {what}").fetchone()[0])
            for what in (
                "owed CROSS JOIN message ON number = message AND calls_model",
                "tool_call",
                f"turn WHERE state = {_OWED}",
                f"turn WHERE state = {_REFUSED}",
            )
        )

    def oldest(self, limit: int) -> list[PendingSpans]:
        """The next to deliver, oldest entry first, turns after all messages; what was refused on its own is left out until
        the next start."""
        found = self._messages(limit)
        return found + self._turns(limit - len(found))

    def mark_accepted(self, units: Iterable[PendingSpans]) -> None:
        turns, messages = _numbers(units)
        self._database.executemany("DELETE FROM tool_call WHERE message = ?", messages)
        self._database.executemany("DELETE FROM owed WHERE message = ?", messages)
        self._database.executemany(f"UPDATE turn SET state = {_TAKEN} WHERE number = ?", turns)

    def clear(self) -> None:
        self._database.execute("DELETE FROM tool_call")
        self._database.execute("DELETE FROM owed")
        for state in (_OWED, _REFUSED):
            self._database.execute(f"UPDATE turn SET state = {_TAKEN} WHERE state = {state}")

    def quarantine(self, unit: PendingSpans) -> None:
        """Keep it, and do not try it again until the next start."""
        turns, messages = _numbers([unit])
        self._database.executemany("UPDATE owed SET refused = 1 WHERE message = ?", messages)
        self._database.executemany(f"UPDATE turn SET state = {_REFUSED} WHERE number = ?", turns)

    def release(self, units: Iterable[PendingSpans]) -> None:
        """Owe these as if they had never been refused."""
        turns, messages = _numbers(units)
        self._database.executemany("UPDATE owed SET refused = 0 WHERE message = ?", messages)
        self._database.executemany(f"UPDATE turn SET state = {_OWED} WHERE number = ?", turns)

    def release_quarantined(self) -> None:
        self._database.execute("UPDATE owed SET refused = 0 WHERE refused")
        self._database.execute(f"UPDATE turn SET state = {_OWED} WHERE state = {_REFUSED}")

    def _messages(self, limit: int) -> list[PendingSpans]:
        query = (
            f"SELECT o.message, {_MESSAGE}, {_SESSION}, t.id, t.trace, t.caller, t.started_ms FROM owed AS o "
            "JOIN message AS m ON m.number = o.message JOIN session AS s ON s.id = m.session_id "
            f"LEFT JOIN turn AS t ON t.id = {_TURN_OF_MESSAGE} WHERE NOT o.refused ORDER BY o.message LIMIT ?"
        )
        found = self._database.execute(query, (limit,)).fetchall()
        calls = self._calls([row[0] for row in found])
        return [_owed(row, of_turn=False, calls=tuple(calls.get(row[0], ()))) for row in found]

    def _turns(self, limit: int) -> list[PendingSpans]:
        query = (
            f"SELECT t.number, {_MESSAGE}, {_SESSION}, t.id, t.trace, t.caller, t.started_ms FROM turn AS t "
            "JOIN message AS m ON m.number = t.last_message JOIN session AS s ON s.id = m.session_id "
            f"WHERE t.state = {_OWED} ORDER BY t.number LIMIT ?"
        )
        return [_owed(row, of_turn=True, calls=()) for row in self._database.execute(query, (limit,))]

    def _calls(self, messages: Sequence[int]) -> dict[int, list[ToolCall]]:
        query = (
            "SELECT message, id, call_id, tool, outcome, started_ms, ended_ms FROM tool_call "
            "WHERE message IN (SELECT value FROM json_each(?)) ORDER BY started_ms, id"
        )
        found: dict[int, list[ToolCall]] = {}
        for message, id_, call_id, tool, outcome, started, ended in self._database.execute(
            query, (records.ids(list(messages)),)
        ):
            found.setdefault(message, []).append(ToolCall(id_, call_id, tool, Outcome(outcome), started, ended))
        return found


def _owed(row: tuple[Any, ...], *, of_turn: bool, calls: tuple[ToolCall, ...]) -> PendingSpans:
    message, session, turn = records.message(row[1:27]), records.session(row[27:35]), row[35:]
    known = Turn(*turn) if turn[0] is not None else Turn(message.turn, message.turn, "", message.created_ms)
    return PendingSpans(row[0], of_turn, message, session, known, calls)


def _numbers(units: Iterable[PendingSpans]) -> tuple[list[tuple[int]], list[tuple[int]]]:
    """Of the turns, and of the messages among them."""
    turns: list[tuple[int]] = []
    messages: list[tuple[int]] = []
    for each in units:
        (turns if each.of_turn else messages).append((each.number,))
    return turns, messages
