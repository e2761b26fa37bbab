"""The turns of what was counted, and the tool calls of messages whose spans are owed."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from otel_agent.ledger import records
from otel_agent.model import Message, Session, ToolCall, Turn

_ENDED: Final = "coalesce(completed_ms, created_ms)"


class Turns:
    """Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def known(self, ids: Iterable[str]) -> set[str]:
        query = "SELECT id FROM turn WHERE id IN (SELECT value FROM json_each(?))"
        return {row[0] for row in self._database.execute(query, (records.ids(list(ids)),))}

    def trace_of(self, turn_id: str) -> str | None:
        row = self._database.execute("SELECT trace FROM turn WHERE id = ?", (turn_id,)).fetchone()
        return None if row is None else str(row[0])

    def session(self, session_id: str) -> Session:
        """What is known of it."""
        query = f"SELECT {records.SESSION_COLUMNS} FROM session WHERE id = ?"
        row = self._database.execute(query, (session_id,)).fetchone()
        return Session(session_id) if row is None else records.session(row)

    def begin(self, turns: Iterable[tuple[Turn, list[Message]]]) -> None:
        """Enter new turns, each with what was counted of it. One that ended owes its span."""
        self._database.executemany(
            "INSERT INTO turn (id, trace, caller, started_ms, last_message, ended, state) "
            "SELECT ?1, ?2, ?3, min(?4, ?5), number, ?6, ?6 FROM message WHERE id = ?7",
            [
                (turn.id, turn.trace, turn.caller, turn.started_ms, *_news(turn.id, messages)[1:])
                for turn, messages in turns
            ],
        )

    def go_on(self, messages: Iterable[list[Message]]) -> None:
        """Enter that these were counted, of one known turn each. One whose span was taken owes it anew, with the same id,
        because it goes on."""
        self._database.executemany(
            "UPDATE turn SET started_ms = min(started_ms, ?2), ended = max(ended, ?3), "
            "state = iif(max(ended, ?3), 1, state), last_message = ("
            f"SELECT number FROM message WHERE number = last_message OR id = ?4 ORDER BY {_ENDED} DESC, number DESC LIMIT 1"
            ") WHERE id = ?1",
            [_news(found[0].turn, found) for found in messages],
        )

    def left(self, *, before_ms: int, limit: int) -> list[int]:
        """Turns of which nothing more is to come, though no message of theirs says so: the session went on to another
        one, or the last message ended before ``before_ms``."""
        query = (
            "SELECT t.number FROM turn AS t JOIN message AS m ON m.number = t.last_message WHERE t.state = 0 "
            "AND (coalesce(m.completed_ms, m.created_ms) < ? OR EXISTS (SELECT 1 FROM message AS later "
            "WHERE later.session_id = m.session_id AND later.created_ms > m.created_ms AND later.state >= 2 "
            "AND later.turn_id NOT IN ('', m.turn_id))) LIMIT ?"
        )
        return [row[0] for row in self._database.execute(query, (before_ms, limit))]

    def end(self, numbers: Iterable[int]) -> None:
        self._database.executemany(
            "UPDATE turn SET ended = 1, state = 1 WHERE number = ?", [(number,) for number in numbers]
        )

    def enter_calls(self, message_id: str, calls: Sequence[ToolCall]) -> None:
        """The message owes a span for each call, also where it asked no model and so has none of its own."""
        self._database.executemany(
            "INSERT OR IGNORE INTO tool_call (id, message, call_id, tool, outcome, started_ms, ended_ms) "
            "SELECT ?1, number, ?2, ?3, ?4, ?5, ?6 FROM message WHERE id = ?7",
            [(c.id, c.call_id, c.tool, c.outcome.value, c.started_ms, c.ended_ms, message_id) for c in calls],
        )
        if calls:
            self._database.execute(
                "INSERT OR IGNORE INTO owed (message) SELECT number FROM message WHERE id = ?", (message_id,)
            )


def _news(turn: str, messages: list[Message]) -> tuple[object, ...]:
    last = max(messages, key=lambda message: message.ended_ms)
    started_ms = min(message.created_ms for message in messages)
    return turn, started_ms, any(message.ends_turn for message in messages), last.id
