"""The counted messages of one session with their turns and tool calls: what a person goes down to. Read-only."""

import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from otel_agent.ledger import records
from otel_agent.ledger.kept_calls import Found
from otel_agent.model import Message, Outcome


class KeptCall(Struct, frozen=True):
    """One tool call of a counted message. The times are ``None`` if OpenCode does not record them."""

    tool: str
    outcome: Outcome
    started_ms: int | None
    ended_ms: int | None
    session_id: str
    """The sub-agent's session that it began or went on with; empty if there is none, or nobody knows which."""


class MessageOfSession(Struct, frozen=True):
    """One counted message of a session."""

    message: Message
    turn_began_ms: int | None
    """When a person or a call began its turn; ``None`` for a turn that the ledger does not know."""
    calls: tuple[KeptCall, ...] | None
    """Its tool calls in the order in which the model made them; ``None`` if they are not known."""


def messages_of(database: sqlite3.Connection, session_id: str) -> list[MessageOfSession]:
    """Return what was counted of a session, in the order of creation. The ledger is of the current version."""
    query = (
        f"SELECT {', '.join(f'm.{name}' for name in records.MESSAGE_COLUMNS.split(', '))}, m.number, m.calls_found, "
        "(SELECT t.started_ms FROM turn AS t WHERE t.id = iif(m.turn_id = '', m.id, m.turn_id)) "
        f"FROM whole_message AS m WHERE m.session_id = ? AND m.{records.IS_COUNTED} ORDER BY m.created_ms, m.number"
    )
    rows = database.execute(query, (session_id,)).fetchall()
    calls = _calls(database, [row[records.MESSAGE_WIDTH] for row in rows])
    found = []
    for row in rows:
        number, known, began_ms = row[records.MESSAGE_WIDTH :]
        of_message = tuple(calls.get(number, ())) if known in (Found.WHEN_COUNTED, Found.LATER) else None
        found.append(MessageOfSession(records.message(row), began_ms, of_message))
    return found


def _calls(database: sqlite3.Connection, numbers: Sequence[int]) -> dict[int, list[KeptCall]]:
    query = (
        "SELECT c.message, t.name, c.outcome, c.started_ms, c.ended_ms, coalesce(s.session_id, '') "
        "FROM kept_call AS c JOIN tool AS t ON t.number = c.tool "
        "LEFT JOIN called_session AS s ON s.message = c.message AND s.position = c.position "
        "WHERE c.message IN (SELECT value FROM json_each(?)) ORDER BY c.message, c.position"
    )
    found: dict[int, list[KeptCall]] = {}
    for message, tool, outcome, *rest in database.execute(query, (records.ids(list(numbers)),)):
        found.setdefault(message, []).append(KeptCall(tool, Outcome(outcome), *rest))
    return found
