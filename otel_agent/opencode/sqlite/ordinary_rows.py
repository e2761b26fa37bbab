"""Ordinary rows of a table of messages: nearly all. Each becomes a message with the session and the turn that it is in."""

from typing import Final

from msgspec import Struct

from otel_agent.model import Message, Session
from otel_agent.opencode.ordinary import Answer, OrdinaryMessages, Question, ordinary, ordinary_row
from otel_agent.opencode.parts.reader import PartReader
from otel_agent.opencode.sqlite.calls import TurnNotes
from otel_agent.opencode.sqlite.known_tables import ASSISTANT, Tables
from otel_agent.opencode.sqlite.parts import text_of
from otel_agent.opencode.sqlite.row import CREATED, DATA, ID, KIND, SEQ, SESSION, SIZE, Columns, place_in
from otel_agent.opencode.sqlite.row_json import LARGE
from otel_agent.opencode.sqlite.sessions import Sessions
from otel_agent.opencode.sqlite.turns import TurnOfRow
from otel_agent.opencode.sqlite.whereabouts import Whereabouts

_ASSISTANT: Final = ASSISTANT.encode()


class OrdinaryRow(Struct, frozen=True, gc=False):
    """What an ordinary row holds."""

    message: Message | None = None
    """``None`` for a user's message."""
    row_id: str = ""
    session: Session | None = None
    turn: TurnOfRow | None = None
    """``None`` in 1.x, which says it in the message itself."""


_OF_A_USER: Final = OrdinaryRow()


class OrdinaryRows:
    """Reads ordinary rows. What it keeps in mind is true until ``forget``, so for one read transaction."""

    def __init__(
        self, tables: Tables, sessions: Sessions, turns: TurnNotes, parts: PartReader, whereabouts: Whereabouts
    ) -> None:
        self._tables, self._sessions, self._turns, self._parts = tables, sessions, turns, parts
        self._whereabouts = whereabouts
        self._of_sessions: dict[object, OrdinaryMessages] = {}
        """Session id, as its column has it, to the session's way of reading.

        A session as it was before it was moved is found by its id, folder and worktree.
        """

    def forget(self) -> None:
        """Forget the sessions of the last read transaction."""
        self._of_sessions.clear()

    def read(self, columns: Columns) -> OrdinaryRow | None:
        """Return what a row holds; ``None`` if it is not ordinary, or lacks something that an ordinary one has."""
        raw = columns[DATA]
        if not isinstance(raw, bytes) or columns[SIZE] > LARGE:
            return None
        found = self._of_1_x(raw, columns) if self._tables.names_role else self._of_2_x(raw, columns)
        whole = found is None or found.message is None or (found.message.id and found.message.session_id)
        return found if whole else None

    def _of_1_x(self, raw: bytes, columns: Columns) -> OrdinaryRow | None:
        answer = ordinary(raw)
        if not isinstance(answer, Answer):
            return _OF_A_USER if isinstance(answer, Question) else None
        of_session, row_id = self._of_session(columns), text_of(columns[ID])
        message, session = of_session.message(answer, row_id), of_session.session
        # Only these can ask their parts for more, or say that the call used nothing.
        if not message.turn_id or not message.tokens.input:
            message = self._parts.with_usage(message, session, [])
        return OrdinaryRow(message, row_id, session)

    def _of_2_x(self, raw: bytes, columns: Columns) -> OrdinaryRow | None:
        answer = ordinary_row(raw) if columns[KIND] == _ASSISTANT else None
        if answer is None:
            return None
        of_session, row_id, turn = self._of_session(columns), text_of(columns[ID]), None
        session = of_session.session
        if session is None and self._tables.needs_session:
            return None
        if self._tables.has_turns and session is not None:
            place = place_in(row_id, columns[CREATED], ASSISTANT, columns[SEQ])
            turn = self._turns.turn_of(place, session)
            if (then := self._whereabouts.at(session, place)) is not session:
                of_session = self._of_session_then(then)
        message = of_session.message_of_row(answer, row_id, "" if turn is None else turn.id)
        return OrdinaryRow(message, row_id, session, turn)

    def _of_session(self, columns: Columns) -> OrdinaryMessages:
        session_id = columns[SESSION]
        found = self._of_sessions.get(session_id)
        if found is None:
            name = text_of(session_id)
            found = self._of_sessions[session_id] = self._reading(name, self._sessions.find(name))
        return found

    def _of_session_then(self, session: Session) -> OrdinaryMessages:
        key = session.id, session.directory, session.worktree
        found = self._of_sessions.get(key)
        if found is None:
            found = self._of_sessions[key] = self._reading(session.id, session)
        return found

    def _reading(self, session_id: str, session: Session | None) -> OrdinaryMessages:
        return OrdinaryMessages(self._tables.generation, session_id, session, self._sessions.worktree_of_project)
