"""The turns of counted messages: each is a row of the ledger, and becomes one span once it ended."""

import sqlite3
from collections.abc import Callable, Container, Iterable
from enum import IntEnum

from otel_agent.ledger import records
from otel_agent.model import GOES_ON, Change, EndedTurn, Session, Turn


class TurnState(IntEnum):
    """The state of a turn's span, as the column ``turn.state`` has it.

    A turn that goes on after its span was accepted becomes pending again, and its span keeps its id.
    """

    OPEN = 0
    """The turn goes on: there is no span yet."""
    PENDING = 1
    ACCEPTED = 2
    QUARANTINED = 3
    """The backend rejected the span permanently on its own; it becomes pending again at the next start."""


class Turns:
    """The table ``turn``. Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection, has_pending_spans: Callable[[], bool] = lambda: True) -> None:
        """``has_pending_spans`` returns False as long as the spans of new turns are left out: they look accepted then."""
        self._database, self._has_pending_spans = database, has_pending_spans

    def known(self, ids: Iterable[str]) -> set[str]:
        """Return which of these turns have a row."""
        query = "SELECT id FROM turn WHERE id IN (SELECT value FROM json_each(?))"
        return {row[0] for row in self._database.execute(query, (records.ids(list(ids)),))}

    def trace_of(self, turn_id: str) -> str | None:
        """Return the turn that a person began and that leads to this one, ``None`` if this turn has no row."""
        row = self._database.execute("SELECT trace FROM turn WHERE id = ?", (turn_id,)).fetchone()
        return None if row is None else str(row[0])

    def session(self, session_id: str) -> Session:
        """Return what the ledger knows of a session, at least its id."""
        query = f"SELECT {records.SESSION_COLUMNS} FROM session WHERE id = ?"
        row = self._database.execute(query, (session_id,)).fetchone()
        return Session(session_id) if row is None else records.session(row)

    def begin(
        self, turns: Iterable[tuple[Turn, list[Change]]], over_by_row: Container[str] = frozenset()
    ) -> list[EndedTurn]:
        """Enter new turns, each with its messages that are counted now; return those that ended. Their spans are pending.

        ``over_by_row`` are the turns that another row than a message says to be over.
        """
        rows, over = [], []
        states = int(TurnState.OPEN), int(TurnState.PENDING if self._has_pending_spans() else TurnState.ACCEPTED)
        for turn, changes in turns:
            first_ms, ended, last = _summary(changes)
            started_ms = min(turn.started_ms, first_ms)
            ended = ended or int(turn.id in over_by_row)
            rows.append((turn.id, turn.trace, turn.caller, started_ms, last.number, ended, states[ended]))
            if ended:
                over.append(EndedTurn(last.message, last.subagent, started_ms))
        self._database.executemany(
            "INSERT INTO turn (id, trace, caller, started_ms, last_message, ended, state) VALUES (?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        return over

    def extend(self, turns: Iterable[list[Change]]) -> list[int]:
        """Enter further counted messages; each list belongs to one known turn. Return the numbers of turns that they ended.

        If the turn's span was accepted before, it becomes pending again with the same id, because the turn goes on.
        """
        rows = [(changes[0].message.turn, *_summary(changes)) for changes in turns]
        query = "SELECT number FROM turn WHERE NOT ended AND id IN (SELECT value FROM json_each(?))"
        goes_on = [row[0] for row in self._database.execute(query, (records.ids([row[0] for row in rows]),))]
        # A turn that ended stays ended. Its last message is the one that ended last, not the one that was read last.
        self._database.executemany(
            "UPDATE turn SET started_ms = min(started_ms, ?2), ended = max(ended, ?3), "
            f"state = iif(max(ended, ?3), {TurnState.PENDING:d}, state), last_message = ("
            "SELECT number FROM message WHERE number IN (last_message, ?4) "
            f"ORDER BY {records.ended('message')} DESC, number DESC LIMIT 1"
            ") WHERE id = ?1",
            [(turn, started_ms, ended, last.number) for turn, started_ms, ended, last in rows],
        )
        query = "SELECT number FROM turn WHERE ended AND number IN (SELECT value FROM json_each(?))"
        return [row[0] for row in self._database.execute(query, (records.ids(goes_on),))] if goes_on else []

    def end(self, ids: Iterable[str]) -> list[int]:
        """End these turns, if they are known and open: their spans are pending from now on. Return their numbers."""
        return self._end("id = ?", ids)

    def end_below(self, part_ids: Iterable[str]) -> list[int]:
        """End the open turns that these calls began, and return their numbers."""
        return self._end("caller = ?", part_ids)

    def _end(self, which: str, keys: Iterable[str]) -> list[int]:
        statement = (
            f"UPDATE turn SET ended = 1, state = {TurnState.PENDING:d} "
            f"WHERE {which} AND state = {TurnState.OPEN:d} RETURNING number"
        )
        return [row[0] for key in keys for row in self._database.execute(statement, (key,)).fetchall()]

    def ended(self, numbers: Iterable[int]) -> list[EndedTurn]:
        """Return these turns as they are now, with the message that ended each."""
        query = (
            f"SELECT t.started_ms, s.parent_id <> '', {', '.join(f'm.{name}' for name in records.MESSAGE_COLUMNS.split(', '))} "
            "FROM turn AS t JOIN whole_message AS m ON m.number = t.last_message JOIN session AS s ON s.id = m.session_id "
            "WHERE t.number IN (SELECT value FROM json_each(?))"
        )
        rows = self._database.execute(query, (records.ids(list(numbers)),))
        return [EndedTurn(records.message(row[2:]), bool(row[1]), row[0]) for row in rows]

    def orphans(self, *, before_ms: int, sent: bool, calls_from_ms: int) -> list[int]:
        """Return the numbers of turns that ended before ``before_ms``, and whose calling message or turn did not count.

        Only the part of a call of 2.x names its message. ``sent`` decides between accepted and pending turns.
        """
        state = TurnState.ACCEPTED if sent else TurnState.PENDING
        query = (
            "SELECT t.number FROM turn AS t JOIN message AS m ON m.number = t.last_message "
            f"WHERE t.state = {state:d} AND t.caller <> '' AND {records.ended('m')} < ? "
            "AND (instr(t.caller, '/') AND NOT EXISTS (SELECT 1 FROM message AS calling "
            "WHERE calling.id = substr(t.caller, 1, instr(t.caller, '/') - 1) "
            f"AND calling.{records.IS_COUNTED} AND {records.ended('calling')} >= ?) "
            f"OR t.caller GLOB '{GOES_ON}*' AND NOT EXISTS (SELECT 1 FROM turn AS top WHERE top.id = substr(t.caller, 2)))"
        )
        return [row[0] for row in self._database.execute(query, (before_ms, calls_from_ms))]

    def free(self, numbers: Iterable[int]) -> None:
        """Put these turns below the first turn of their traces, if that is known. Their spans become pending with the same ids."""
        self._database.executemany(
            "UPDATE turn SET caller = "
            f"iif(EXISTS (SELECT 1 FROM turn AS top WHERE top.id = turn.trace), '{GOES_ON}' || trace, ''), "
            f"state = {TurnState.PENDING:d} WHERE number = ?",
            [(number,) for number in numbers],
        )

    def idle(self, *, before_ms: int, limit: int) -> list[int]:
        """Return the numbers of open turns that nothing more is expected of, although no message says that they ended.

        Either their session went on to another turn, or their last message ended before ``before_ms``.
        """
        query = (
            "SELECT t.number FROM turn AS t JOIN message AS m ON m.number = t.last_message "
            f"WHERE t.state = {TurnState.OPEN:d} "
            f"AND ({records.ended('m')} < ? OR EXISTS (SELECT 1 FROM message AS later "
            "WHERE later.session_id = m.session_id AND later.created_ms > m.created_ms "
            f"AND later.{records.IS_DECIDED} AND later.turn_id NOT IN ('', m.turn_id))) LIMIT ?"
        )
        return [row[0] for row in self._database.execute(query, (before_ms, limit))]

    def close(self, numbers: Iterable[int]) -> None:
        """End these turns: their spans are pending from now on."""
        self._database.executemany(
            f"UPDATE turn SET ended = 1, state = {TurnState.PENDING:d} WHERE number = ?",
            [(number,) for number in numbers],
        )


def _summary(changes: list[Change]) -> tuple[int, int, Change]:
    """Return when the first of a turn's messages began, 1 if the turn ended or else 0, and its last message."""
    if len(changes) == 1:
        message = changes[0].message
        return message.created_ms, int(message.ends_turn), changes[0]
    # Lists take half of the time of generators here, and a history has a turn for each four messages.
    messages = [change.message for change in changes]
    ends = [message.ended_ms for message in messages]
    last = changes[ends.index(max(ends))]
    started_ms = min([message.created_ms for message in messages])
    # Its last call ends a turn, so the look at the last one is nearly always the only one.
    return started_ms, int(any(message.ends_turn for message in reversed(messages))), last
