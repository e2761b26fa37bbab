"""Which messages count, and once only: the rules, on the ledger's tables.

A message is known by its id for ever, whatever file, database or table it is met in. A fork's copies have ids of
their own: two messages of different sessions that record the same completion are one if the id of either was minted
later than the message it names. Either may be met first.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from otel_agent.ledger import records
from otel_agent.model import Change, Generation, Message, Overlap, Session, State, Tokens

_SETTLE: Final = 2_000
"""Messages settled in one transaction."""


class _Known(Struct):
    """What the ledger holds of a message."""

    state: State
    tokens: Tokens
    overlap: Overlap
    cost_nusd: int
    complete: bool

    def yields_to(self, message: Message) -> bool:
        """Whether a further record may still change where it stands; else it can only add to it."""
        return self.state is State.UNFINISHED or (
            self.state is State.SUSPECTED_COPY and message.completed_ms is not None
        )

    def and_also(self, message: Message) -> "_Known":
        """In nothing less than either says."""
        more = _at_least(message, self)
        return _Known(
            self.state, more.tokens, more.overlap, more.cost_nusd, self.complete or message.completed_ms is not None
        )


class _Twin(Struct, frozen=True):
    session_id: str
    copied: bool
    generation: str


class Decision(Struct, frozen=True):
    """What becomes of a message that waited for the end of a pass."""

    number: int
    """Names the message in the ledger."""
    message: Message
    state: State
    """``COUNTED``, ``COPY`` or ``SKIPPED``."""


class _SessionState(Struct, frozen=True):
    """What the ledger holds of a session."""

    subagent: bool
    counted: bool


class Messages:
    """Runs inside the writer's transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def record(self, messages: Sequence[Message], sessions: Sequence[Session], *, count_from_ms: int) -> list[Change]:
        """Enter what was read; return what it adds to the totals.

        Messages that ended before ``count_from_ms`` are entered so that they are never taken for new ones.
        """
        self._enter_sessions(sessions, messages)
        known = self._known([m.id for m in messages])
        completions = [records.completion_of(m) for m in messages]
        undecided = (m.id not in known or known[m.id].yields_to(m) for m in messages)
        twins = self._twins([each for each, open_ in zip(completions, undecided, strict=True) if open_])
        counted: list[Message] = []
        changes: list[Change] = []
        inserts: dict[str, tuple[object, ...]] = {}
        for message, completion in zip(messages, completions, strict=True):
            found = known.get(message.id)
            if found is not None and not found.yields_to(message):
                self._insert(inserts)  # a second record of it in this batch corrects the row of the first
                changes += self._correct(message, found)
                known[message.id] = found.and_also(message)
                continue
            if found is not None:
                message = _at_least(message, found)  # noqa: PLW2901
            state = self._state(message, twins.get(completion, []), count_from_ms)
            row = records.message_row(message, state, completion)
            if found is None or message.id in inserts:
                inserts[message.id] = row
            else:
                self._database.execute(records.REPLACE_MESSAGE, (*row, message.id))
            known[message.id] = _as_known(message, state)
            if state is State.COUNTED:
                counted.append(message)
        self._insert(inserts)
        return changes + self._count(counted)

    def undecided(self, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that may still count for the first time: the ledger does not know them, or they wait."""
        query = "SELECT id FROM message WHERE state >= 2 AND id IN (SELECT value FROM json_each(?))"
        return set(ids) - {row[0] for row in self._database.execute(query, (records.ids(list(ids)),))}

    def decide_waiting(self, *, now_ms: int, grace_ms: int, count_from_ms: int) -> list[Decision]:
        """Decide some of the messages that had to wait for the end of a pass, and write nothing yet; empty if none waits.

        Those killed between their last tokens and ``completed`` count once a later message of their session is
        complete, or after ``grace_ms``; those that look copied count if no other record of their completion did.
        """
        waiting = [(number, records.message(row)) for number, row in self._waiting(now_ms - grace_ms)]
        completions = [records.completion_of(message) for _, message in waiting]
        twins = self._twins(completions)
        decisions: list[Decision] = []
        for (number, message), completion in zip(waiting, completions, strict=True):
            same = twins.setdefault(completion, [])
            if message.ended_ms < count_from_ms:
                state = State.SKIPPED
            elif _has_twin(message, same):
                state = State.COPY
            else:
                # The next of two copies without an original must not count as well.
                state = State.COUNTED
                same.append(_Twin(message.session_id, message.copied, message.generation))
            decisions.append(Decision(number, message, state))
        return decisions

    def resolve_waiting(self, decisions: Sequence[Decision]) -> list[Change]:
        """Write what ``decide_waiting`` returned; return what it adds to the totals. Call both until none waits."""
        self._database.executemany(
            "UPDATE message SET state = ? WHERE number = ?", [(int(each.state), each.number) for each in decisions]
        )
        return self._count([each.message for each in decisions if each.state is State.COUNTED])

    def of_session(self, session_id: str, *, after: int) -> Iterator[Change]:
        """All that one session's messages numbered above ``after`` added, as if it were new."""
        subagent = self._sessions([session_id])[session_id].subagent
        query = f"SELECT {records.MESSAGE_COLUMNS} FROM message WHERE session_id = ? AND state = ? AND number > ?"
        for row in self._database.execute(query, (session_id, int(State.COUNTED), after)):
            message = records.message(row)
            yield Change(message, subagent, message.tokens, message.overlap, message.cost_nusd, True, False)

    def tracked(self, session_ids: Sequence[str]) -> set[str]:
        """Those of the sessions that have series of their own."""
        query = "SELECT id FROM session WHERE tracked AND id IN (SELECT value FROM json_each(?))"
        return {row[0] for row in self._database.execute(query, (records.ids(list(session_ids)),))}

    def track(self, session_id: str) -> None:
        self._database.execute("UPDATE session SET tracked = 1 WHERE id = ?", (session_id,))

    def _state(self, message: Message, twins: Sequence[_Twin], count_from_ms: int) -> State:
        if message.completed_ms is None:
            return State.UNFINISHED
        if message.ended_ms < count_from_ms:
            return State.SKIPPED
        if message.copied:
            return State.SUSPECTED_COPY
        return State.COPY if _has_twin(message, twins) else State.COUNTED

    def _insert(self, pending: dict[str, tuple[object, ...]]) -> None:
        self._database.executemany(records.INSERT_MESSAGE, pending.values())
        pending.clear()

    def _correct(self, message: Message, found: _Known) -> list[Change]:
        """A message read again: only what it has more of than before is added, in no category less. One that counted
        as killed and completes after all takes its time of completion, by which its copies are known."""
        now = found.and_also(message)
        if found.state not in (State.COUNTED, State.SUSPECTED_COPY) or now == found:
            return []
        query = f"SELECT {records.MESSAGE_COLUMNS} FROM message WHERE id = ?"
        before = records.message(self._database.execute(query, (message.id,)).fetchone())
        completed_ms = message.completed_ms if before.completed_ms is None else before.completed_ms
        after = replace(
            before, tokens=now.tokens, overlap=now.overlap, cost_nusd=now.cost_nusd, completed_ms=completed_ms
        )
        row = records.message_row(after, found.state, records.completion_of(after))
        self._database.execute(records.REPLACE_MESSAGE, (*row, after.id))
        if found.state is State.SUSPECTED_COPY:
            return []
        return [
            Change(
                message=after,
                subagent=self._sessions([after.session_id])[after.session_id].subagent,
                tokens=now.tokens.minus(found.tokens),
                overlap=now.overlap.minus(found.overlap),
                cost_nusd=now.cost_nusd - found.cost_nusd,
                first=False,
                opens_session=False,
            )
        ]

    def _count(self, messages: Sequence[Message]) -> list[Change]:
        sessions = self._sessions([message.session_id for message in messages])
        opened = {key for key, session in sessions.items() if not session.counted}
        changes = []
        for message in messages:
            subagent, opens = sessions[message.session_id].subagent, message.session_id in opened
            opened.discard(message.session_id)
            changes.append(Change(message, subagent, message.tokens, message.overlap, message.cost_nusd, True, opens))
        self._database.executemany(
            "UPDATE session SET counted = 1 WHERE id = ? AND NOT counted", [(key,) for key in sessions]
        )
        self._database.executemany(
            "INSERT INTO owed (message) SELECT number FROM message WHERE id = ? AND calls_model",
            [(message.id,) for message in messages],
        )
        return changes

    def _enter_sessions(self, sessions: Sequence[Session], messages: Sequence[Message]) -> None:
        self._database.executemany(
            f"INSERT INTO session ({records.SESSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id, worktree = excluded.worktree, "
            "directory = excluded.directory, title = excluded.title, version = excluded.version, "
            "created_ms = excluded.created_ms, forked = excluded.forked",
            [records.session_row(session) for session in sessions],
        )
        self._database.executemany(
            "INSERT INTO session (id) VALUES (?) ON CONFLICT (id) DO NOTHING",
            [(key,) for key in {message.session_id for message in messages}],
        )

    def _sessions(self, ids: list[str]) -> dict[str, _SessionState]:
        query = "SELECT id, parent_id, counted FROM session WHERE id IN (SELECT value FROM json_each(?))"
        return {
            row[0]: _SessionState(bool(row[1]), bool(row[2]))
            for row in self._database.execute(query, (records.ids(ids),))
        }

    def _known(self, ids: list[str]) -> dict[str, _Known]:
        query = (
            "SELECT id, state, input, output, reasoning, cache_read, cache_write, cached_in_input, reasoning_in_output, cost_nusd, "
            "completed_ms IS NOT NULL FROM message WHERE id IN (SELECT value FROM json_each(?))"
        )
        return {
            row[0]: _Known(State(row[1]), Tokens(*row[2:7]), Overlap(row[7], row[8]), row[9], bool(row[10]))
            for row in self._database.execute(query, (records.ids(ids),))
        }

    def _twins(self, completions: list[int]) -> dict[int, list[_Twin]]:
        query = (
            "SELECT completion, session_id, copied, generation FROM message "
            "WHERE state = ? AND completion IN (SELECT value FROM json_each(?))"
        )
        found: dict[int, list[_Twin]] = {}
        for row in self._database.execute(query, (int(State.COUNTED), records.ids(completions))):
            found.setdefault(row[0], []).append(_Twin(row[1], bool(row[2]), row[3]))
        return found

    def _waiting(self, killed_before_ms: int, limit: int = _SETTLE) -> list[tuple[int, tuple[object, ...]]]:
        query = (
            f"SELECT number, {records.MESSAGE_COLUMNS} FROM message AS m "
            "WHERE state < 2 AND (state = ? OR created_ms < ? OR EXISTS (SELECT 1 FROM message AS later "
            "WHERE later.session_id = m.session_id AND later.created_ms > m.created_ms "
            "AND later.completed_ms IS NOT NULL)) ORDER BY +number LIMIT ?"
        )
        # "+number": sorted by it, but found through the index of what is unsettled, of which there is next to nothing.
        found = self._database.execute(query, (int(State.SUSPECTED_COPY), killed_before_ms, limit)).fetchall()
        return [(row[0], row[1:]) for row in found]


def _as_known(message: Message, state: State) -> _Known:
    return _Known(state, message.tokens, message.overlap, message.cost_nusd, message.completed_ms is not None)


def _at_least(message: Message, found: _Known) -> Message:
    """The message, with nothing less than what another record of it said."""
    return replace(
        message,
        tokens=message.tokens.at_least(found.tokens),
        overlap=message.overlap.at_least(found.overlap),
        cost_nusd=max(message.cost_nusd, found.cost_nusd),
    )


def _has_twin(message: Message, twins: Sequence[_Twin]) -> bool:
    """Whether a counted message records the same completion. 2.x can hold a 1.x call once more in the same session,
    under an id of another form."""
    return any(
        message.copied or twin.copied
        if twin.session_id != message.session_id
        else (twin.generation == Generation.V2) != (message.generation is Generation.V2)
        for twin in twins
    )
