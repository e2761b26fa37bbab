"""The parts of messages, read once for every question about them."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from otel_agent.model import Caller, Calls, CallsWanted, Generation, Message, Problem, ProblemKind, Session, Unreadable
from otel_agent.opencode.parts import step_usage
from otel_agent.opencode.parts.answer import answer
from otel_agent.opencode.parts.callers import Began, Origin
from otel_agent.opencode.parts.part import Part
from otel_agent.opencode.parts.tool_calls import tool_calls
from otel_agent.opencode.releases import release

_RESTAMPS: Final = (1, 17)
"""The first release that rewrites the start of a call with each piece of output, as all later ones of 1.x do."""
_DEEPEST: Final = 32
"""Sub-agents below each other. A longer chain, or a circle, ends in a trace of its own."""


class PartSource(Protocol):
    """The way to the parts of one store, and to the messages and sessions that they belong to."""

    def has_calls(self, message: Message) -> bool:
        """Return True if the message has its tool calls here."""

    def knows(self, message: Message) -> bool:
        """Return True if the store has the message now, with or without parts."""

    def parts(self, session_id: str, message_id: str, problems: list[Problem], *, at_work: bool) -> list[Part]:
        """Return the parts of a message in the order of their ids; torn ones are left out.

        ``at_work`` says that OpenCode may be writing the message: then this raises ``BeingWritten`` for a torn part that
        was changed a moment ago. ``problems`` gets what cannot be read: then what is returned may not be all.
        """

    def recent(self, session_id: str, until_ms: int) -> list[str]:
        """Return the ids of the session's last messages that began before ``until_ms``, newest first."""

    def caller_in(self, message_id: str, session: Session, at_ms: int) -> Began | None:
        """Return the call in this message that began a turn of ``session`` at ``at_ms``, ``None`` if none did.

        Raises ``BeingWritten``, and ``Unreadable`` if nobody can say it now. The message belongs to the session's parent.
        """

    def origin_of(self, session: Session, turn_id: str) -> Origin | None:
        """Return what began a turn of this session that neither a person nor a call began, ``None`` for any other turn."""

    def turn_began_ms(self, turn_id: str, first_created_ms: int) -> int:
        """Return when a turn began, whose first message was created at ``first_created_ms``."""

    def turn_of(self, session_id: str, message_id: str) -> str:
        """Return the turn of a message, empty if it cannot be read or names none."""

    def session(self, session_id: str) -> Session | None:
        """Return the session, ``None`` if the store does not know it."""

    def releases(self) -> Mapping[str, int]:
        """Return when each release of OpenCode began its first session here. Asked for calls of old sessions only."""


class PartReader:
    """Reads parts from one source, for the messages of one batch at a time."""

    def __init__(self, source: PartSource) -> None:
        self._source = source
        self._kept: dict[str, tuple[list[Part], list[Problem]]] = {}
        """Parts that were read for a message's usage, and may be wanted for its calls; and what could not be read."""
        self._callers: dict[str, list[Caller]] = {}
        """Id of a sub-agent's turn to its callers: a turn has many messages and is looked up once."""
        self._last_session = Session("")
        self.problems: list[Problem] = []
        """Parts that could not be read for the calls of messages."""

    def with_usage(self, message: Message, session: Session | None, problems: list[Problem]) -> Message:
        """Return the message with what its parts say about its usage; most messages need no part for that."""
        if not step_usage.wants_parts(message):
            return message
        unread: list[Problem] = []
        parts = self._source.parts(message.session_id, message.id, unread, at_work=False)
        problems += unread
        self._kept[message.id] = parts, unread
        return step_usage.with_parts(message, parts, session.version if session else "")

    def calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
        """Return the calls that are wanted of these messages.

        Raises ``BeingWritten`` if the call that began a turn is being written just now. What cannot be read is noted in
        ``Calls.unread``: that it is there and cannot be read now is no reason to take it for missing.
        """
        found = Calls()
        if not wanted.messages and not wanted.turns:
            return found
        for message in messages:
            # Callers first: if one is being written, no part of this message is read in vain.
            try:
                if message.turn in wanted.turns and (callers := self._callers_of(message)):
                    found.callers[message.turn] = callers
            except Unreadable as failure:
                self._note_unread(found, message, [failure.problem])
            if message.id in wanted.messages and self._source.has_calls(message):
                self._add(found, message)
        return found

    def forget(self) -> None:
        """Forget the parts that were read for the usage of messages whose calls nobody asks for any more."""
        self._kept.clear()
        self.problems.clear()

    def _add(self, found: Calls, message: Message) -> None:
        """Add the tool calls of one message and, for 1.x, the times of its answer: rows of 2.x say those themselves."""
        parts, unread = self._parts_of(message)
        self._note_unread(found, message, unread)
        # What may not be read, or is gone, may have had calls.
        if not unread and (parts or self._source.knows(message)):
            found.read.add(message.id)
        restamped = any(part.tool_use for part in parts) and self._is_restamped(message)
        if calls := tool_calls(message, parts, restamped=restamped):
            found.tool_calls[message.id] = calls
        if message.generation is not Generation.V2 and (times := answer(message, parts, restamped=restamped)):
            found.answers[message.id] = times

    def _is_restamped(self, message: Message) -> bool:
        """Return True if a release wrote the message that rewrites the start of a call with each piece of output.

        A session names the release that began it. A later one may have gone on with it: one that began another
        session before this message.
        """
        if message.generation is not Generation.V1:
            return False
        began_by = release(self._session(message.session_id).version)
        if began_by is not None and began_by >= _RESTAMPS:
            return True
        return any(
            at_ms <= message.created_ms
            for version, at_ms in self._source.releases().items()
            if (found := release(version)) is not None and found >= _RESTAMPS
        )

    def _note_unread(self, found: Calls, message: Message, problems: Sequence[Problem]) -> None:
        self.problems += problems
        for problem in problems:
            # What is too large will be so for ever.
            if problem.kind is not ProblemKind.TOO_LARGE:
                found.unread.setdefault(message.id, problem)

    def _parts_of(self, message: Message) -> tuple[list[Part], list[Problem]]:
        """OpenCode completes a message after its parts: a torn part beside it was left by a killed writer. It is left
        out, and the message counts without that call."""
        kept = self._kept.get(message.id)
        if kept is None:
            unread: list[Problem] = []
            return self._source.parts(message.session_id, message.id, unread, at_work=False), unread
        return kept

    def _callers_of(self, message: Message) -> list[Caller]:
        session = self._session(message.session_id)
        began_ms = self._source.turn_began_ms(message.turn_id, message.created_ms)
        if not session.parent_id:
            # Nearly all turns: nothing is kept of them, so memory does not follow the history.
            return self._chain(session, message.turn, began_ms)
        if message.turn not in self._callers:
            self._callers[message.turn] = self._chain(session, message.turn, began_ms)
        return self._callers[message.turn]

    def _session(self, session_id: str) -> Session:
        """Return the session; messages that follow each other are mostly of one."""
        if self._last_session.id != session_id:
            self._last_session = self._source.session(session_id) or Session(session_id)
        return self._last_session

    def _chain(self, session: Session, turn_id: str, at_ms: int) -> list[Caller]:
        """Follow the calls upwards: the calling message is not complete yet, so the ledger may not know its turn."""
        chain: list[Caller] = []
        while len(chain) <= _DEEPEST and (caller := self._begun_by(session, turn_id, at_ms)) is not None:
            chain.append(caller)
            session, turn_id = caller.session, caller.turn_id
            at_ms = self._source.turn_began_ms(turn_id, at_ms)
        return chain

    def _begun_by(self, session: Session, turn_id: str, at_ms: int) -> Caller | None:
        origin = self._source.origin_of(session, turn_id)
        if origin is None:
            return self._caller(session, at_ms) if session.parent_id else None
        if origin.child is None:
            return Caller("", origin.turn_id, session)
        caller = self._caller(origin.child, origin.at_ms)
        # The sub-agent's own turn is below the call. The turn that its end begins only goes on with the calling one.
        return None if caller is None else replace(caller, part_id="", saw_end=False)

    def _caller(self, session: Session, at_ms: int) -> Caller | None:
        """Return the tool call of the parent session that began a turn of this session at ``at_ms``."""
        parent = session.parent_id
        for message_id in self._source.recent(parent, at_ms) if parent else []:
            call = self._source.caller_in(message_id, session, at_ms)
            if call is not None:
                turn_id = self._source.turn_of(parent, message_id) or message_id
                calling = self._source.session(parent) or Session(parent)
                return Caller(call.part_id, turn_id, calling, saw_end=call.saw_end)
        return None
