"""The rules by which messages count, each once, on the ledger's tables.

A message is known by its id for ever, in whatever file, database or table it is found. A fork copy has an id of its
own: ``fork_copies`` recognises it by what it records. It does not matter which of the two is read first.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from otel_agent.ledger import records
from otel_agent.ledger.contexts import Contexts
from otel_agent.ledger.fork_copies import Completion, Twin, completion_of, find_twins, has_twin
from otel_agent.ledger.kept_sums import KeptSums
from otel_agent.ledger.known_message import Entry, Known, as_known, at_least
from otel_agent.ledger.known_sessions import Sessions
from otel_agent.ledger.late_indexes import has_indexes, make_indexes
from otel_agent.ledger.outbox import Outbox
from otel_agent.model import Change, Generation, Message, Overlap, Session, State, Tokens

_V2: Final = Generation.V2
_COUNTED: Final = State.COUNTED
_MOST_WITHOUT_INDEXES: Final = 250_000
"""Messages in a ledger that has no indexes yet. SQLite sorts them in memory to make one. A first look at a million messages
peaked at 130 MB with 100,000, at 147 MB with 300,000 and at 160 MB with 500,000. It took 94 s of CPU with 100,000 and 73 s with 500,000."""


class Messages:
    """The table ``message``. Everything that writes runs between ``begin`` and ``finish`` of the writer's transaction."""

    def __init__(
        self, database: sqlite3.Connection, sessions: Sessions, outbox: Outbox, contexts: Contexts, sums: KeptSums
    ) -> None:
        self._database, self._sessions, self._outbox = database, sessions, outbox
        self._contexts, self._sums = contexts, sums
        self._indexed = has_indexes(database)
        # A first look that was cut short left messages that this process has not seen: there may be both.
        self._sides = {True, False} if self.last_number() else set[bool]()
        """Of the messages that came before there were indexes: is their generation that of 2.x?"""
        self.batch = self._new_after = 0
        self._moved: list[tuple[Message, Message]] = []
        """The older messages that ended at another time than was known before, as they were and as they are."""

    def begin(self) -> None:
        """Begin a transaction. What it enters has higher numbers than the last row, and is added up at its end."""
        self.batch, self._new_after = 0, self.last_number()
        self._moved.clear()

    def finish(self) -> None:
        """Add up the rows that the transaction entered, and make the spans of those that count pending."""
        # Only now every message has the state that it will have.
        for before, after in self._moved:
            self._sums.renew(before, after, upto=self._new_after)
        if self.last_number() > self._new_after:
            # One statement for all new rows takes a fourth of the time.
            self._outbox.add_messages_after(self._new_after)
            self._sums.add_new(self._new_after)
        self._outbox.drop_new()

    def record(self, messages: Sequence[Message], sessions: Sequence[Session], *, count_from_ms: int) -> list[Change]:
        """Enter a batch of messages and sessions; return what it adds to the totals.

        Messages that ended before ``count_from_ms`` are entered too, so that they are never new later.
        """
        self.batch += len(messages)
        self._sessions.enter(sessions, messages)
        known = self._known([m.id for m in messages])
        twins = self._twins_of_undecided(messages, known)
        counted: list[tuple[int, Message]] = []
        changes: list[Change] = []
        entered: dict[str, Entry] = {}
        number = self.last_number()
        for message in messages:
            before = known.get(message.id)
            if before is None and message.id in entered:
                before = known[message.id] = as_known(entered[message.id])
            if before is not None:
                if before.was_imported_as(message):
                    # The import sets the completion to the row's last change, which may be days later.
                    message = replace(message, completed_ms=None)  # noqa: PLW2901
                if not before.is_undecided(message):
                    # The message may be earlier in this very batch: a correction needs its row in the table.
                    known |= {key: as_known(entry) for key, entry in entered.items() if key not in known}
                    self._insert(entered)
                    changes += self._correct(message, before)
                    known[message.id] = before.merged_with(message)
                    continue
                # The message had to wait: it counts for the most that any record of it says.
                message = at_least(message, before)  # noqa: PLW2901
            state = _state(message, twins, count_from_ms)
            if before is None:
                number += 1
                entered[message.id] = Entry(number, message, state)
            else:
                known[message.id] = self._replace(Entry(before.number, message, state), entered)
            # What counts is gathered: its sessions are looked up once for the whole batch.
            if state is _COUNTED:
                counted.append((number if before is None else before.number, message))
        self._insert(entered)
        return changes + self.count(counted)

    @property
    def indexed(self) -> bool:
        """True once there are indexes to look for messages by."""
        return self._indexed

    def make_indexes(self) -> None:
        """Make the indexes that an empty ledger begins without. Whoever looks for messages by them calls it first."""
        if not self._indexed:
            make_indexes(self._database)
            self._indexed = True

    def forget(self) -> None:
        """Forget what a transaction did that failed."""
        self._contexts.forget()
        self._indexed, self._sides = False, {True, False}

    def undecided(self, ids: Sequence[str]) -> set[str]:
        """Return those of the ids that may still count for the first time: the ledger does not know them, or they wait."""
        query = f"SELECT id FROM message WHERE {records.IS_DECIDED} AND id IN (SELECT value FROM json_each(?))"
        return set(ids) - {row[0] for row in self._database.execute(query, (records.ids(list(ids)),))}

    def newest_ms(self) -> int | None:
        """Return when the newest counted message ended, ``None`` if nothing was counted."""
        return records.newest_ms(self._database)

    def history_of(self, session_id: str, *, after: int) -> Iterator[Change]:
        """Yield one session's counted messages numbered above ``after``, as changes that add all they used."""
        self.make_indexes()
        subagent = self._sessions.known([session_id])[session_id].subagent
        query = f"SELECT {records.MESSAGE_COLUMNS} FROM whole_message WHERE session_id = ? AND state = ? AND number > ?"
        for row in self._database.execute(query, (session_id, int(State.COUNTED), after)):
            message = records.message(row)
            yield Change(message, subagent, message.tokens, message.overlap, message.cost_nusd, True, False)

    def active_sessions(self, *, since_ms: int) -> set[str]:
        """Return the sessions with a counted message that ended then or later."""
        ended = f"{records.IS_COUNTED} AND {records.ended('message')} >= ?"
        return {row[0] for row in self._database.execute(f"SELECT session_id FROM message WHERE {ended}", (since_ms,))}

    def last_number(self) -> int:
        """Return the number of the message that was entered last, 0 if there is none."""
        return records.last_number(self._database)

    def _insert(self, entered: dict[str, Entry]) -> None:
        """Write the rows of new messages, and empty the collection."""
        number_of = self._contexts.number_of
        new = ((each.message, each.state, number_of(each.message), each.number) for each in entered.values())
        records.insert_messages(self._database, new)
        entered.clear()

    def _replace(self, entry: Entry, entered: dict[str, Entry]) -> Known:
        """Write the further record of a message that had to wait, and return what is known of it now."""
        message = entry.message
        if message.id in entered:
            # The row was not written yet: it is a second record of a new message, in the same batch.
            entered[message.id] = entry
        else:
            context = self._contexts.number_of(message)
            row = records.message_row(message, entry.state, context, message.created_ms, entry.number)
            self._database.execute(records.REPLACE_MESSAGE, row)
        return as_known(entry)

    def _correct(self, message: Message, known: Known) -> list[Change]:
        """Add what a message that was read again has more of than before; no number ever falls.

        Rows that the transaction entered are added up with all that they hold in ``finish``.

        A message that counted as killed and completes after all gets its time of completion, which decides its day.
        """
        now = known.merged_with(message)
        if known.state in (State.COPY, State.SKIPPED) or now == known:
            return []
        query = f"SELECT {records.MESSAGE_COLUMNS} FROM whole_message WHERE number = ?"
        before = records.message(self._database.execute(query, (known.number,)).fetchone())
        completed_ms = message.completed_ms if before.completed_ms is None else before.completed_ms
        after = replace(
            before, tokens=now.tokens, overlap=now.overlap, cost_nusd=now.cost_nusd, completed_ms=completed_ms
        )
        # A retry of 2.x begins the same row again at a later time, and that is the time that its copies have.
        began_ms = before.created_ms if before.tokens.total else message.created_ms
        row = records.message_row(after, known.state, self._contexts.number_of(after), began_ms, known.number)
        self._database.execute(records.REPLACE_MESSAGE, row)
        # What waits is in no total yet: it adds all it used when it is decided.
        if known.state is not State.COUNTED:
            return []
        change = Change(
            message=after,
            subagent=self._sessions.known([after.session_id])[after.session_id].subagent,
            tokens=now.tokens.minus(known.tokens),
            overlap=now.overlap.minus(known.overlap),
            cost_nusd=now.cost_nusd - known.cost_nusd,
            first=False,
            opens_session=False,
            number=known.number,
        )
        if known.number <= self._new_after:
            self._sums.add([change])
            if after.ended_ms != before.ended_ms:
                self._moved.append((before, after))
        return [change]

    def count(self, messages: Sequence[tuple[int, Message]]) -> list[Change]:
        """Return what newly counted messages add; mark their sessions as counted and their spans as pending."""
        sessions = self._sessions.known({message.session_id for _, message in messages})
        opened = {key for key, session in sessions.items() if not session.counted}
        self._sessions.mark_counted(opened)
        changes = []
        for number, message in messages:
            session_id = message.session_id
            opens = session_id in opened
            if opens:
                opened.discard(session_id)  # only the first message of a session opens it
            subagent = sessions[session_id].subagent
            changes.append(
                Change(message, subagent, message.tokens, message.overlap, message.cost_nusd, True, opens, number)
            )
        known = [change for change in changes if change.number <= self._new_after]
        self._outbox.add_messages([change.number for change in known if change.message.calls_model])
        self._sums.add(known)
        return changes

    def _known(self, ids: list[str]) -> dict[str, Known]:
        query = (
            "SELECT id, number, state, input, output, reasoning, cache_read, cache_write, cached_in_input, reasoning_in_output, "
            "cost_nusd, completed_ms IS NOT NULL, generation FROM message WHERE id IN (SELECT value FROM json_each(?))"
        )
        return {
            row[0]: Known(
                row[1],
                State(row[2]),
                Tokens(*row[3:8]),
                Overlap(row[8], row[9]),
                row[10],
                bool(row[11]),
                Generation(row[12]),
            )
            for row in self._database.execute(query, (records.ids(ids),))
        }

    def _twins_of_undecided(self, messages: Sequence[Message], known: dict[str, Known]) -> dict[Completion, list[Twin]]:
        """Look up the twins of those messages only whose state is not decided yet: a correction needs none."""
        if not self._indexed and not self._may_have_twins(messages):
            return {}
        self.make_indexes()
        undecided = [
            completion_of(message)
            for message in messages
            if message.id not in known or known[message.id].is_undecided(message)
        ]
        return find_twins(self._database, undecided)

    def _may_have_twins(self, messages: Sequence[Message]) -> bool:
        """Return False as long as nothing in a ledger without indexes can be a twin.

        No copy counts before the first pass decides, and in one session only 2.x records a call of 1.x once more.
        """
        self._sides |= {message.generation is _V2 for message in messages}
        return len(self._sides) > 1 or self.last_number() > _MOST_WITHOUT_INDEXES


def _state(message: Message, twins: Mapping[Completion, Sequence[Twin]], count_from_ms: int) -> State:
    """Return the state that a message has when it is read."""
    if message.completed_ms is None:
        return State.UNFINISHED
    if message.completed_ms < count_from_ms:
        return State.SKIPPED
    if message.copied:
        return State.SUSPECTED_COPY
    if twins and has_twin(message, twins.get(completion_of(message), ())):
        return State.COPY
    return _COUNTED
