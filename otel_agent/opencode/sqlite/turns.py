"""The turns of OpenCode 2.x, whose messages name no user message: the order of a session's rows tells them.

A row ``idle`` ends a turn, so everything between two of them is one turn, prompts that a person sent meanwhile included.
Messages that were imported from 1.x have no such rows, and neither have those of betas: there each prompt begins
a turn. The store itself says which of the two it is, and only rows before a message decide on its turn. So the
answer is the same while the turn goes on and years later.
"""

import re
import sqlite3
from typing import Final, NamedTuple

from otel_agent.model import Message, Session
from otel_agent.opencode import json_values
from otel_agent.opencode.sqlite.failures import is_of_the_query
from otel_agent.opencode.sqlite.known_tables import ASSISTANT, COMPACTION, IDLE, Tables
from otel_agent.opencode.sqlite.row_order import END, START, Place, RowOrder
from otel_agent.opencode.sqlite.row_size import first_of

_PROMPT: Final = "user"
WAKE: Final = "synthetic"
"""A note of OpenCode's own. One that comes to a session at rest, for example when a sub-agent ends, begins a turn."""
_GOT_IDLE: Final = "SELECT max(time_completed) FROM migration WHERE id LIKE '%_session_viewed_state'"
"""When this database got the columns that note idle sessions: older rows are a beta's or 1.x's."""
_IMPORTED: Final = "SELECT max(max(time_created, time_updated)) FROM kv WHERE key = 'migration.v1-v2'"
_RELEASE: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
"""The version of a session that no beta and no preview began."""


class TurnOfRow(NamedTuple):
    """The turn that a row is in."""

    id: str
    """Its first prompt, or what else began it. Empty for a compaction outside any turn."""
    began_ms: int
    """When its prompt was taken up, which can be long after a person wrote it."""
    first: int
    before: int
    """The numbers of the rows that are in it: from ``first``, and below ``before``."""
    last: Place | None = None
    """Its last call, once a row says that it ended; ``None`` if none does, or if the call itself says it."""
    by_answer: bool = False
    """True if no row is going to say that it ended."""

    def last_call(self, message: Message) -> str | None:
        """Return the last call of the turn of this message, ``None`` while something may still come to the turn."""
        if self.by_answer and message.was_last_call:
            return message.id
        return None if self.last is None else self.last.id


class _Habit(NamedTuple):
    """How the rows of one session are to be understood."""

    marked_from_ms: int
    """Rows that are newer are in turns that end with a row ``idle``."""
    copied_until_ms: int
    """Rows up to here were copied from another session; 0 for a session that is no fork."""


class TurnFinder:
    """Finds the turns of rows. What it keeps in mind is true until ``forget``, so for one read transaction."""

    def __init__(self, database: sqlite3.Connection, tables: Tables, order: RowOrder | None = None) -> None:
        """``order`` is that of the rows, if somebody else asks it too."""
        self._database, self._messages, self._notes_idle = database, tables.messages, tables.notes_idle
        self._has_turns = tables.has_turns
        self._habits: dict[str, _Habit] = {}
        self._last: dict[str, TurnOfRow] = {}
        self._woken: dict[tuple[str, int], tuple[int, Place]] = {}
        """Session and the row after which its notes were looked at, to the last one of them and what it belongs to."""
        self._got_idle_ms = self._time_of(_GOT_IDLE) if "migration" in tables.present else 0
        self._imported_ms = self._time_of(_IMPORTED) if "kv" in tables.present else 0
        self._order = order or RowOrder(database, tables.messages)

    def forget(self) -> None:
        """Forget what was found in the last read transaction."""
        self._habits.clear()
        self._last.clear()
        self._woken.clear()
        self._order.forget()

    def place(self, message_id: str) -> Place | None:
        """Return the place of a row, ``None`` if it is gone or the rows of this table are in no order."""
        return self._order.place(message_id) if self._has_turns else None

    def turn(self, session: Session, place: Place) -> TurnOfRow:
        """Return the turn of a row."""
        last = self._last.get(session.id)
        if last is not None and last.first <= place.seq < last.before and place.kind == ASSISTANT:
            return last
        habit = self._habit(session)
        marked = place.created_ms > habit.marked_from_ms
        # Rows from another time, or from another session, are in no turn with this one.
        bounds = (habit.copied_until_ms, habit.marked_from_ms if marked else 0)
        low = self._order.up_to(session.id, max((at for at in bounds if at < place.created_ms), default=0))
        found = self._between_idle(session.id, place, low) if marked else self._since_prompt(session.id, place, low)
        if place.created_ms <= habit.copied_until_ms:
            # No row ``idle`` need lie between what was copied and the fork's own first turn.
            own = self._order.up_to(session.id, habit.copied_until_ms) + 1
            found = found if found.before <= own else found._replace(before=own, last=None)
        if place.kind == ASSISTANT:  # a compaction can be outside the turn of the rows around it
            self._last[session.id] = found
        return found

    def ended_by(self, session: Session, idle: Place) -> tuple[str, str] | None:
        """Return the turn that a row ``idle`` ended, and the last call in it; ``None`` if there is none."""
        turn = self._last.get(session.id)
        if turn is not None and turn.before == idle.seq and turn.last is not None and turn.last.kind == ASSISTANT:
            last: Place | None = turn.last  # nearly always: the rows before were read just now
        else:
            last = self._last_before(idle, session.id)
        return None if last is None else (self.turn(session, last).id or last.id, last.id)

    def _last_before(self, idle: Place, session_id: str, since: Place | None = None) -> Place | None:
        """Return the last row of a model's call in the turn that a row ``idle`` ends, ``None`` if there is none.

        ``since`` is the row ``idle`` before, if that is known.
        """
        since = since or self._order.find(IDLE, session_id, START, idle.seq, newest=True)
        low = START if since is None else since.seq
        calls = (self._order.find(kind, session_id, low, idle.seq, newest=True) for kind in (ASSISTANT, COMPACTION))
        return max((call for call in calls if call is not None), key=lambda call: call.seq, default=None)

    def answer_before(self, session: Session, place: Place) -> Place | None:
        """Return the last answer of a model before a row, ``None`` if there is none of this session's own."""
        found = self._order.find(ASSISTANT, session.id, START, place.seq, newest=True)
        return None if found is None or found.created_ms <= self._habit(session).copied_until_ms else found

    def _between_idle(self, session_id: str, place: Place, low: int) -> TurnOfRow:
        """Return the turn between two rows ``idle``."""
        since = self._order.find(IDLE, session_id, low, place.seq, newest=True)
        low = low if since is None else since.seq
        end = self._order.find(IDLE, session_id, place.seq, END)
        first = self._order.find(ASSISTANT, session_id, low, place.seq + 1)
        # Only what came before the first answer: a later prompt must not rename a turn that is under way.
        upto = place.seq if first is None else first.seq
        began = (
            self._order.find(_PROMPT, session_id, low, upto) or self._order.find(WAKE, session_id, low, upto) or first
        )
        if began is None:
            return TurnOfRow("", place.created_ms, place.seq, place.seq + 1, last=place)
        last = None if end is None else self._last_before(end, session_id, since)
        before = END if end is None else end.seq
        return TurnOfRow(began.id, began.created_ms, began.seq, before, last)

    def _since_prompt(self, session_id: str, place: Place, low: int) -> TurnOfRow:
        """Return the turn since the last prompt, or since a note that woke the session."""
        began = self._prompt_or_wake(session_id, place, low)
        if place.kind == COMPACTION:
            # One that comes after the last call of a turn was ordered by a person, and is in no turn.
            answer = self._order.find(ASSISTANT, session_id, began.seq if began else low, place.seq, newest=True)
            if began is None or (answer is not None and self._was_last_call(answer)):
                return TurnOfRow("", place.created_ms, place.seq, place.seq + 1, last=place)
        began = began or place
        following = (self._order.find(kind, session_id, place.seq, END) for kind in (_PROMPT, WAKE))
        before = min((each.seq for each in following if each is not None), default=END)
        return TurnOfRow(began.id, began.created_ms, began.seq, before, by_answer=True)

    def _prompt_or_wake(self, session_id: str, place: Place, low: int) -> Place | None:
        prompt = self._order.find(_PROMPT, session_id, low, place.seq, newest=True)
        low = low if prompt is None else prompt.seq
        wake = newest = self._order.find(WAKE, session_id, low, place.seq, newest=True)
        if newest is None:
            return prompt
        # A model at work can get many notes. Each belongs to what the one before it does, and that was just found.
        seen, began = self._woken.get((session_id, low), (START, newest))
        while wake is not None and wake.seq != seen:
            earliest = wake
            answer = self._order.find(ASSISTANT, session_id, low, wake.seq, newest=True)
            if answer is not None and self._was_last_call(answer):
                began = wake
                break
            wake = self._order.find(WAKE, session_id, low, wake.seq, newest=True)
            if wake is None:
                began = prompt or earliest
        self._woken[session_id, low] = newest.seq, began
        return began

    def _habit(self, session: Session) -> _Habit:
        habit = self._habits.get(session.id)
        if habit is None:
            of_1_x = session.version.startswith("1.")
            since_ms = max(self._got_idle_ms, self._imported_ms if of_1_x else 0)
            first = self._order.find(IDLE, session.id, START, END)
            if first is not None and first.created_ms <= since_ms:
                since_ms = 0  # it comes from another database, in which such rows were written already
            marked_from_ms = since_ms if first is not None or self._writes_idle(session) else END
            habit = _Habit(marked_from_ms, session.created_ms - 1 if session.forked else 0)
            self._habits[session.id] = habit
        return habit

    def _writes_idle(self, session: Session) -> bool:
        """Return True if a turn of this session, which has no row ``idle`` yet, is going to get one."""
        # A store without any is a new one, whose first turn goes on, or a beta's that never writes one.
        return self._order.has(IDLE) or (self._notes_idle and _RELEASE.fullmatch(session.version) is not None)

    def _was_last_call(self, answer: Place) -> bool:
        query = (
            "SELECT coalesce(json_extract(data, '$.finish'), '') NOT IN ('', 'tool-calls', 'unknown') "
            f"OR json_extract(data, '$.error') IS NOT NULL FROM {self._messages} WHERE id = ? AND json_valid(data)"
        )
        row = first_of(self._database, query, (answer.id,))
        return row is not None and bool(row[0])

    def _time_of(self, query: str) -> int:
        """Return 0 if this release has no such column."""
        try:
            row = self._database.execute(query).fetchone()
        except sqlite3.Error as error:
            if not is_of_the_query(error):
                raise
            return 0
        return json_values.time_ms(row[0]) or 0 if row else 0
