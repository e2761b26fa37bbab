"""The rules by which messages count, each once, on the ledger's tables.

A message is known by its id for ever, in whatever file, database or table it is found. A fork copy has an id of its
own: ``fork_copies`` recognises it by what it records. It does not matter which of the two is read first.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.ledger import records
from otel_agent.ledger.fork_copies import Twin, completion_of, find_twins, has_twin
from otel_agent.ledger.known_message import Known, as_known, at_least
from otel_agent.ledger.known_sessions import Sessions
from otel_agent.ledger.outbox import Outbox
from otel_agent.model import Change, Generation, Message, Overlap, Session, State, Tokens

_RESOLVED_AT_ONCE: Final = 2_000
"""Waiting messages that are decided in one transaction."""


class Decision(Struct, frozen=True):
    """The state that a message gets at the end of the pass for which it waited."""

    number: int
    """The row of the message."""
    message: Message
    state: State
    """``COUNTED``, ``COPY`` or ``SKIPPED``."""


class Messages:
    """The table ``message``. Everything that writes runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection, sessions: Sessions, outbox: Outbox) -> None:
        self._database, self._sessions, self._outbox = database, sessions, outbox

    def record(self, messages: Sequence[Message], sessions: Sequence[Session], *, count_from_ms: int) -> list[Change]:
        """Enter a batch of messages and sessions; return what it adds to the totals.

        Messages that ended before ``count_from_ms`` are entered too, so that they are never new later.
        """
        self._sessions.enter(sessions, messages)
        known = self._known([m.id for m in messages])
        completions = [completion_of(m) for m in messages]
        twins = self._twins_of_undecided(messages, completions, known)
        counted: list[Message] = []
        changes: list[Change] = []
        inserts: dict[str, tuple[object, ...]] = {}
        for message, completion in zip(messages, completions, strict=True):
            before = known.get(message.id)
            if before is not None and before.was_imported_as(message):
                # The import sets the completion to the row's last change, which may be days later.
                message = replace(message, completed_ms=None)  # noqa: PLW2901
            if before is not None and not before.is_undecided(message):
                # The message may be earlier in this very batch: a correction needs its row in the table.
                self._insert(inserts)
                changes += self._correct(message, before)
                known[message.id] = before.merged_with(message)
                continue
            if before is not None:
                # The message had to wait: it counts for the most that any record of it says.
                message = at_least(message, before)  # noqa: PLW2901
            state = _state(message, twins.get(completion, []), count_from_ms)
            self._put(inserts, message.id, records.message_row(message, state, completion), is_new=before is None)
            known[message.id] = as_known(message, state)
            # What counts is gathered: its sessions are looked up once for the whole batch.
            if state is State.COUNTED:
                counted.append(message)
        self._insert(inserts)
        return changes + self._count(counted)

    def undecided(self, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that may still count for the first time: the ledger does not know them, or they wait."""
        query = f"SELECT id FROM message WHERE {records.IS_DECIDED} AND id IN (SELECT value FROM json_each(?))"
        return set(ids) - {row[0] for row in self._database.execute(query, (records.ids(list(ids)),))}

    def decide_waiting(self, *, now_ms: int, grace_ms: int, count_from_ms: int) -> list[Decision]:
        """Decide some of the messages that had to wait for the end of a pass, and write nothing yet.

        Return nothing if none waits.
        An unfinished message counts once a later message of its session is complete, or after ``grace_ms``.
        A suspected copy counts if no other record of its completion did.
        """
        waiting = [(number, records.message(row)) for number, row in self._waiting(now_ms - grace_ms)]
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

    def resolve_waiting(self, decisions: Sequence[Decision]) -> list[Change]:
        """Write what ``decide_waiting`` returned; return what it adds to the totals. Call both until none waits."""
        self._database.executemany(
            "UPDATE message SET state = ?, response_ms = ?, first_output_ms = ?, retries = ? WHERE number = ?",
            [
                (int(each.state), m.response_ms, m.first_output_ms, m.retries, each.number)
                for each in decisions
                for m in [each.message]
            ],
        )
        return self._count([each.message for each in decisions if each.state is State.COUNTED])

    def newest_ms(self) -> int | None:
        """Return when the newest counted message ended, ``None`` if nothing was counted."""
        return records.newest_ms(self._database)

    def history_of(self, session_id: str, *, after: int) -> Iterator[Change]:
        """Yield one session's counted messages numbered above ``after``, as changes that add all they used."""
        subagent = self._sessions.known([session_id])[session_id].subagent
        query = f"SELECT {records.MESSAGE_COLUMNS} FROM message WHERE session_id = ? AND state = ? AND number > ?"
        for row in self._database.execute(query, (session_id, int(State.COUNTED), after)):
            message = records.message(row)
            yield Change(message, subagent, message.tokens, message.overlap, message.cost_nusd, True, False)

    def last_number(self) -> int:
        """Return the number of the message that was entered last, 0 if there is none."""
        return int(self._database.execute("SELECT ifnull(max(number), 0) FROM message").fetchone()[0])

    def _put(
        self, inserts: dict[str, tuple[object, ...]], message_id: str, row: tuple[object, ...], *, is_new: bool
    ) -> None:
        """Gather the row of a new message, and replace the row of a message that had to wait."""
        # A second record of a new message, in the same batch, replaces the row before it is written.
        if is_new or message_id in inserts:
            inserts[message_id] = row
        else:
            self._database.execute(records.REPLACE_MESSAGE, (*row, message_id))

    def _insert(self, pending: dict[str, tuple[object, ...]]) -> None:
        """Write the gathered rows, and empty the collection."""
        self._database.executemany(records.INSERT_MESSAGE, pending.values())
        pending.clear()

    def _correct(self, message: Message, known: Known) -> list[Change]:
        """Add what a message that was read again has more of than before; no number ever falls.

        A message that counted as killed and completes after all gets its time of completion, because its copies are
        recognised by it.
        """
        now = known.merged_with(message)
        if known.state in (State.COPY, State.SKIPPED) or now == known:
            return []
        query = f"SELECT {records.MESSAGE_COLUMNS} FROM message WHERE id = ?"
        before = records.message(self._database.execute(query, (message.id,)).fetchone())
        completed_ms = message.completed_ms if before.completed_ms is None else before.completed_ms
        after = replace(
            before, tokens=now.tokens, overlap=now.overlap, cost_nusd=now.cost_nusd, completed_ms=completed_ms
        )
        # A retry of 2.x begins the same row again at a later time, and that is the time that its copies have.
        began_ms = before.created_ms if before.tokens.total else message.created_ms
        row = records.message_row(after, known.state, completion_of(replace(after, created_ms=began_ms)))
        self._database.execute(records.REPLACE_MESSAGE, (*row, after.id))
        # What waits is in no total yet: it adds all it used when it is decided.
        if known.state is not State.COUNTED:
            return []
        return [
            Change(
                message=after,
                subagent=self._sessions.known([after.session_id])[after.session_id].subagent,
                tokens=now.tokens.minus(known.tokens),
                overlap=now.overlap.minus(known.overlap),
                cost_nusd=now.cost_nusd - known.cost_nusd,
                first=False,
                opens_session=False,
            )
        ]

    def _count(self, messages: Sequence[Message]) -> list[Change]:
        """Return what newly counted messages add; mark their sessions as counted and their spans as pending."""
        sessions = self._sessions.known([message.session_id for message in messages])
        opened = {key for key, session in sessions.items() if not session.counted}
        changes = []
        for message in messages:
            subagent, opens = sessions[message.session_id].subagent, message.session_id in opened
            opened.discard(message.session_id)  # only the first message of a session opens it
            changes.append(Change(message, subagent, message.tokens, message.overlap, message.cost_nusd, True, opens))
        self._sessions.mark_counted(sessions)
        self._outbox.add_messages(messages)
        return changes

    def _known(self, ids: list[str]) -> dict[str, Known]:
        query = (
            "SELECT id, state, input, output, reasoning, cache_read, cache_write, cached_in_input, reasoning_in_output, cost_nusd, "
            "completed_ms IS NOT NULL, generation FROM message WHERE id IN (SELECT value FROM json_each(?))"
        )
        return {
            row[0]: Known(
                State(row[1]), Tokens(*row[2:7]), Overlap(row[7], row[8]), row[9], bool(row[10]), Generation(row[11])
            )
            for row in self._database.execute(query, (records.ids(ids),))
        }

    def _twins_of_undecided(
        self, messages: Sequence[Message], completions: Sequence[int], known: dict[str, Known]
    ) -> dict[int, list[Twin]]:
        """Look up the twins of those messages only whose state is not decided yet: a correction needs none."""
        undecided = [
            completion
            for message, completion in zip(messages, completions, strict=True)
            if message.id not in known or known[message.id].is_undecided(message)
        ]
        return find_twins(self._database, undecided)

    def _waiting(self, killed_before_ms: int, limit: int = _RESOLVED_AT_ONCE) -> list[tuple[int, tuple[object, ...]]]:
        """Return number and row of undecided messages that can be decided at the end of a pass, those first that are the
        likeliest originals: another copy of the same call does not count then."""
        columns = ", ".join(f"m.{name}" for name in records.MESSAGE_COLUMNS.split(", "))
        query = (
            f"SELECT number, {columns} FROM message AS m JOIN session AS s ON s.id = m.session_id "
            f"WHERE m.{records.IS_UNDECIDED} AND (m.state = ? OR m.created_ms < ? OR EXISTS (SELECT 1 FROM message AS later "
            "WHERE later.session_id = m.session_id AND later.created_ms > m.created_ms "
            "AND later.completed_ms IS NOT NULL)) "
            # A marked id is a copy's, and a message older than its session was copied. An original's session began first.
            f"ORDER BY {records.is_marked_copy('m')}, m.created_ms < s.created_ms, s.created_ms, +number LIMIT ?"
        )
        # "+number" keeps SQLite from walking the whole table in that order: the index of undecided messages is nearly empty.
        rows = self._database.execute(query, (int(State.SUSPECTED_COPY), killed_before_ms, limit)).fetchall()
        return [(row[0], row[1:]) for row in rows]


def _state(message: Message, twins: Sequence[Twin], count_from_ms: int) -> State:
    """Return the state that a message has when it is read."""
    if message.completed_ms is None:
        return State.UNFINISHED
    if message.ended_ms < count_from_ms:
        return State.SKIPPED
    if message.copied:
        return State.SUSPECTED_COPY
    return State.COPY if has_twin(message, twins) else State.COUNTED
