"""The pending spans: each stays until the backend accepted it, across restarts.

This module alone writes the tables ``owed`` (messages with pending spans) and ``tool_call`` (the calls whose spans go
with them). A turn's span has no row here: it is pending while ``turn.state`` says so. The column ``refused`` marks
what is quarantined.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from typing import Any, Final

from msgspec import Struct, structs

from otel_agent.ledger import records
from otel_agent.ledger.facts import Facts
from otel_agent.ledger.turns import TurnState
from otel_agent.model import Message, Outcome, Session, ToolCall, Turn, UsageSource

_MESSAGE: Final = ", ".join(f"m.{name}" for name in records.MESSAGE_COLUMNS.split(", "))
_SESSION: Final = ", ".join(f"s.{name}" for name in records.SESSION_COLUMNS.split(", "))
_TURN_OF_MESSAGE: Final = "iif(m.turn_id = '', m.id, m.turn_id)"
_PENDING: Final = f"state = {TurnState.PENDING:d}"
_QUARANTINED: Final = f"state = {TurnState.QUARANTINED:d}"
_ACCEPTED: Final = f"state = {TurnState.ACCEPTED:d}"
_LEFT_OUT: Final = "spans_left_out"
"""The fact that names the last message whose spans were left out."""
# A pass may make a turn longer, or put it below another one, while its span is under way. The backend then has the old span,
# and the row is pending for the new one.
_IS_AS_READ: Final = (
    "number = ? AND caller = ? AND started_ms = ? AND last_message = (SELECT number FROM message WHERE id = ?)"
)


class NewSpans(Enum):
    """What becomes of the spans of messages and turns that count from now on."""

    PENDING = auto()
    LEFT_OUT = auto()
    """Nobody chose a backend yet. The ledger notes the last message instead of a row for each, see ``take_back``."""
    DROPPED = auto()
    """Nothing ever leaves this machine."""


class PendingSpans(Struct, frozen=True):
    """Spans that are accepted together: a message's own and those of its tool calls, or the span of a turn."""

    number: int
    """The row of the message or of the turn."""
    of_turn: bool
    message: Message
    """The last message, if the spans are a turn's."""
    session: Session
    turn: Turn
    calls: tuple[ToolCall, ...] = ()
    compacted: bool = False
    """True if the session was compacted before this message."""

    @property
    def spans(self) -> int:
        """The number of spans."""
        return 1 if self.of_turn else self.message.calls_model + len(self.calls)


class Outbox:
    """The pending spans. Everything that writes runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database, self._facts = database, Facts(database)
        self.new_spans = NewSpans.PENDING

    def __len__(self) -> int:
        """Count the pending spans, those in quarantine included."""
        # CROSS JOIN makes SQLite walk through the short table of pending messages, not through all messages.
        return self._rows_of(
            "owed CROSS JOIN message ON number = message AND calls_model",
            "tool_call",
            f"turn WHERE {_PENDING}",
            f"turn WHERE {_QUARANTINED}",
        )

    @property
    def quarantined(self) -> int:
        """The number of spans in quarantine."""
        return self._rows_of(
            "owed CROSS JOIN message ON number = message AND calls_model WHERE refused",
            "tool_call JOIN owed USING (message) WHERE refused",
            f"turn WHERE {_QUARANTINED}",
        )

    def _rows_of(self, *sources: str) -> int:
        return sum(int(self._database.execute(f"SELECT count(*) FROM {source}").fetchone()[0]) for source in sources)

    def add_messages(self, numbers: Iterable[int]) -> None:
        """Make the spans of these rows pending: counted messages that asked a model. Others have no span of their own."""
        if self.new_spans is not NewSpans.PENDING:
            return
        self._database.executemany("INSERT INTO owed (message) VALUES (?)", [(number,) for number in numbers])

    def add_messages_after(self, number: int) -> None:
        """Make the spans of the counted messages pending whose rows come after this one, if they asked a model.

        If they are left out, note that instead: see ``new_spans``.
        """
        if self.new_spans is NewSpans.LEFT_OUT:
            # In the transaction that counts them: a process that is killed afterwards leaves no spans that nobody knows of.
            self._note_left_out(records.last_number(self._database))
        if self.new_spans is not NewSpans.PENDING:
            return
        self._database.execute(
            f"INSERT OR IGNORE INTO owed (message) SELECT number FROM message WHERE number > ? AND {records.IS_COUNTED} AND calls_model",
            (number,),
        )

    def add_calls(self, number: int, calls: Sequence[ToolCall]) -> None:
        """Make the spans of a counted message's tool calls pending, even if the message has no span of its own."""
        if not calls:
            return
        self._database.executemany(
            "INSERT OR IGNORE INTO tool_call (id, message, call_id, tool, outcome, started_ms, ended_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(c.id, number, c.call_id, c.tool, c.outcome.value, c.started_ms, c.ended_ms) for c in calls],
        )
        self._database.execute("INSERT OR IGNORE INTO owed (message) VALUES (?)", (number,))

    def oldest(self, limit: int) -> list[PendingSpans]:
        """Return the next entries to send, without those in quarantine: the oldest messages first, then the turns."""
        messages = self._messages(limit)
        return messages + self._turns(limit - len(messages))

    def newest(self, limit: int) -> list[PendingSpans]:
        """Return the last entries that ``oldest`` would come to, the newest first. Those in quarantine are left out."""
        return self._messages(limit, newest=True) or self._turns(limit, newest=True)

    def mark_accepted(self, entries: Iterable[PendingSpans]) -> None:
        """Strike off what the backend accepted. A turn that went on since it was read stays pending."""
        entries = list(entries)
        _, messages = _numbers(entries)
        self._database.executemany("DELETE FROM tool_call WHERE message = ?", messages)
        self._database.executemany("DELETE FROM owed WHERE message = ?", messages)
        self._database.executemany(f"UPDATE turn SET {_ACCEPTED} WHERE {_IS_AS_READ}", _turns_as_read(entries))

    def clear(self) -> None:
        """Drop everything that is pending, as if the backend had accepted it."""
        self._database.execute("DELETE FROM tool_call")
        self._database.execute("DELETE FROM owed")
        for waiting in (_PENDING, _QUARANTINED):
            self._database.execute(f"UPDATE turn SET {_ACCEPTED} WHERE {waiting}")

    @property
    def has_backend(self) -> bool:
        """True if an agent has ever tried to deliver something of this ledger."""
        return self._database.execute("SELECT 1 FROM delivery").fetchone() is not None

    def drop_new(self) -> None:
        """Drop what a transaction made pending, calls and turns included, if nothing ever leaves this machine."""
        if self.new_spans is NewSpans.DROPPED:
            self.clear()

    def leave_out(self, last_number: int) -> None:
        """Drop everything that is pending, and note that the spans of messages up to this number were never sent.

        So a ledger without a backend keeps one number instead of a row for each message.
        """
        self.clear()
        self._note_left_out(last_number)

    def _note_left_out(self, last_number: int) -> None:
        self._facts.note(_LEFT_OUT, last_number)

    @property
    def left_out(self) -> int:
        """The last message whose spans ``leave_out`` dropped, 0 if there is none."""
        return self._facts.number(_LEFT_OUT)

    def take_back(self) -> None:
        """Make the spans of messages and turns that ``leave_out`` dropped pending. Those of their tool calls are gone."""
        self._database.execute(
            f"INSERT OR IGNORE INTO owed (message) SELECT number FROM message WHERE number <= ? AND {records.IS_COUNTED} "
            "AND calls_model",
            (self.left_out,),
        )
        # No turn of these messages was ever sent, so what looks accepted was left out.
        self._database.execute(f"UPDATE turn SET {_PENDING} WHERE {_ACCEPTED} AND last_message <= ?", (self.left_out,))
        self._facts.forget(_LEFT_OUT)

    def quarantine(self, entry: PendingSpans) -> None:
        """Keep an entry that was rejected permanently; it is not tried again until the next start."""
        _, messages = _numbers([entry])
        self._database.executemany("UPDATE owed SET refused = 1 WHERE message = ?", messages)
        self._database.executemany(f"UPDATE turn SET {_QUARANTINED} WHERE {_IS_AS_READ}", _turns_as_read([entry]))

    def release(self, entries: Iterable[PendingSpans]) -> None:
        """Make these entries pending again, as if they had never been rejected."""
        turns, messages = _numbers(entries)
        self._database.executemany("UPDATE owed SET refused = 0 WHERE message = ?", messages)
        self._database.executemany(f"UPDATE turn SET {_PENDING} WHERE number = ?", turns)

    def release_quarantined(self) -> None:
        """Make everything in quarantine pending again."""
        self._database.execute("UPDATE owed SET refused = 0 WHERE refused")
        self._database.execute(f"UPDATE turn SET {_PENDING} WHERE {_QUARANTINED}")

    def _messages(self, limit: int, *, newest: bool = False) -> list[PendingSpans]:
        query = (
            f"SELECT o.message, {_MESSAGE}, {_SESSION}, t.id, t.trace, t.caller, t.started_ms FROM owed AS o "
            "JOIN whole_message AS m ON m.number = o.message JOIN session AS s ON s.id = m.session_id "
            f"LEFT JOIN turn AS t ON t.id = {_TURN_OF_MESSAGE} WHERE NOT o.refused ORDER BY o.message {'DESC' if newest else ''} LIMIT ?"
        )
        rows = self._database.execute(query, (limit,)).fetchall()
        # The calls of all these messages come with one query.
        calls = self._calls([row[0] for row in rows])
        entries = [_entry(row, of_turn=False, calls=tuple(calls.get(row[0], ()))) for row in rows]
        compacted = self._compacted({entry.message.session_id for entry in entries})
        return [
            structs.replace(entry, compacted=True)
            if compacted.get(entry.message.session_id, entry.message.created_ms) < entry.message.created_ms
            else entry
            for entry in entries
        ]

    def _turns(self, limit: int, *, newest: bool = False) -> list[PendingSpans]:
        query = (
            f"SELECT t.number, {_MESSAGE}, {_SESSION}, t.id, t.trace, t.caller, t.started_ms FROM turn AS t "
            "JOIN whole_message AS m ON m.number = t.last_message JOIN session AS s ON s.id = m.session_id "
            f"WHERE t.{_PENDING} ORDER BY t.number {'DESC' if newest else ''} LIMIT ?"
        )
        return [_entry(row, of_turn=True, calls=()) for row in self._database.execute(query, (limit,))]

    def _compacted(self, sessions: Iterable[str]) -> dict[str, int]:
        """Return when each of these sessions was compacted first. Those that never were are left out."""
        query = (
            "SELECT session_id, min(created_ms) FROM message "
            f"WHERE session_id IN (SELECT value FROM json_each(?)) AND source = {UsageSource.COMPACTION:d} GROUP BY 1"
        )
        return dict(self._database.execute(query, (records.ids(sorted(sessions)),)).fetchall())

    def _calls(self, messages: Sequence[int]) -> dict[int, list[ToolCall]]:
        query = (
            "SELECT message, id, call_id, tool, outcome, started_ms, ended_ms FROM tool_call "
            "WHERE message IN (SELECT value FROM json_each(?)) ORDER BY started_ms, id"
        )
        calls: dict[int, list[ToolCall]] = {}
        for message, id_, call_id, tool, outcome, started, ended in self._database.execute(
            query, (records.ids(list(messages)),)
        ):
            calls.setdefault(message, []).append(ToolCall(id_, call_id, tool, Outcome(outcome), started, ended))
        return calls


def _entry(row: tuple[Any, ...], *, of_turn: bool, calls: tuple[ToolCall, ...]) -> PendingSpans:
    end = 1 + records.MESSAGE_WIDTH
    message, session, turn = records.message(row[1:end]), records.session(row[end : end + 8]), row[end + 8 :]
    # A message counted before the ledger knew turns is a turn of its own.
    known = Turn(*turn) if turn[0] is not None else Turn(message.turn, message.turn, "", message.created_ms)
    return PendingSpans(row[0], of_turn, message, session, known, calls)


def _numbers(entries: Iterable[PendingSpans]) -> tuple[list[tuple[int]], list[tuple[int]]]:
    """Return the row numbers of the turns, and those of the messages, as parameters of ``executemany``."""
    turns: list[tuple[int]] = []
    messages: list[tuple[int]] = []
    for entry in entries:
        (turns if entry.of_turn else messages).append((entry.number,))
    return turns, messages


def _turns_as_read(entries: Iterable[PendingSpans]) -> list[tuple[int, str, int, str]]:
    """Return the turns among the entries, as parameters of ``_IS_AS_READ``."""
    return [
        (entry.number, entry.turn.caller, entry.turn.started_ms, entry.message.id) for entry in entries if entry.of_turn
    ]
