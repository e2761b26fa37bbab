"""The messages that cannot be counted when they are read: unfinished ones, and suspected copies.

They are decided at the end of a pass, when every store was read.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from otel_agent.ledger import records
from otel_agent.ledger.fork_copies import Twin, completion_of, find_twins, has_twin
from otel_agent.ledger.messages import Messages
from otel_agent.model import Change, Message, State

_RESOLVED_AT_ONCE: Final = 2_000
"""Waiting messages that are decided in one transaction."""


_DAY_MS: Final = 86_400_000


class Decision(Struct, frozen=True):
    """The state that a message gets at the end of the pass for which it waited."""

    number: int
    """The row of the message."""
    message: Message
    state: State
    """``COUNTED``, ``COPY`` or ``SKIPPED``."""


class Waiting:
    """The rows of the table ``message`` whose state may still change."""

    def __init__(self, database: sqlite3.Connection, messages: Messages) -> None:
        self._database, self._messages = database, messages

    def decide(self, *, now_ms: int, grace_ms: int, count_from_ms: int, left: int = 0) -> list[Decision]:
        """Decide some of the messages that had to wait for the end of a pass, and write nothing yet.

        Return nothing if none waits. ``left`` of the messages that were decided before in this pass were not resolved.
        An unfinished message counts once a later message of its session is complete, or after ``grace_ms``. One that is
        a day in the future was written under a wrong clock; nobody waits for that day.
        A suspected copy counts if no other record of its completion did.
        """
        self._messages.make_indexes()
        waiting = [(number, records.message(row)) for number, row in self._waiting(now_ms, grace_ms, left)]
        completions = [completion_of(message) for _, message in waiting]
        twins = find_twins(self._database, completions)
        decisions: list[Decision] = []
        for (number, message), completion in zip(waiting, completions, strict=True):
            same = twins.setdefault(completion, [])
            if message.ended_ms < count_from_ms:
                state = State.SKIPPED
            elif has_twin(message, same):
                state = State.COPY
            else:
                # The next of two copies without an original must not count as well.
                state = State.COUNTED
                same.append(Twin(message.session_id, message.copied, message.generation))
            decisions.append(Decision(number, message, state))
        return decisions

    def resolve(self, decisions: Sequence[Decision]) -> list[Change]:
        """Write what ``decide`` returned; return what it adds to the totals. Call both until none waits."""
        self._database.executemany(
            "UPDATE message SET state = ?, response_ms = ?, first_output_ms = ?, retries = ? WHERE number = ?",
            [
                (int(each.state), m.response_ms, m.first_output_ms, m.retries, each.number)
                for each in decisions
                for m in [each.message]
            ],
        )
        return self._messages.count([(each.number, each.message) for each in decisions if each.state is State.COUNTED])

    def _waiting(self, now_ms: int, grace_ms: int, left: int) -> list[tuple[int, tuple[object, ...]]]:
        """Return number and row of undecided messages that can be decided at the end of a pass. The likeliest originals
        come first: another copy of the same call does not count then."""
        columns = ", ".join(f"m.{name}" for name in records.MESSAGE_COLUMNS.split(", "))
        query = (
            f"SELECT number, {columns} FROM whole_message AS m JOIN session AS s ON s.id = m.session_id "
            f"WHERE m.{records.IS_UNDECIDED} AND (m.state = ? OR m.created_ms NOT BETWEEN ? AND ? OR EXISTS (SELECT 1 FROM message AS later "
            "WHERE later.session_id = m.session_id AND later.created_ms > m.created_ms "
            "AND later.completed_ms IS NOT NULL)) "
            # A marked id is a copy's, and a message older than its session was copied. An original's session began first.
            f"ORDER BY {records.is_marked_copy('m')}, m.created_ms < s.created_ms, s.created_ms, +number LIMIT ? OFFSET ?"
        )
        # "+number" keeps SQLite from walking the whole table in that order: the index of undecided messages is nearly empty.
        # What was left keeps its place in this order, before everything that was not looked at yet.
        parameters = (int(State.SUSPECTED_COPY), now_ms - grace_ms, now_ms + _DAY_MS, _RESOLVED_AT_ONCE, left)
        rows = self._database.execute(query, parameters).fetchall()
        return [(row[0], row[1:]) for row in rows]
