"""Turns: a user message and all that answered it, and what began a sub-agent's."""

from typing import Final

from msgspec import Struct

from otel_agent.model.message import KILLED, Generation, Message, Session

_V2: Final = Generation.V2


class Caller(Struct, frozen=True, gc=False):
    """The tool call that began a sub-agent's turn, or the turn that another one goes on with."""

    part_id: str
    """Empty for a turn that no call began: the end of a sub-agent woke its session, or a person had it summed up."""
    turn_id: str
    """The turn to which the calling message belongs, or the one that goes on …"""
    session: Session
    """… and its session."""
    saw_end: bool = False
    """True if the call is over, and the turn that it began with it."""


GOES_ON: Final = "@"
"""The beginning of ``Turn.caller`` of a turn that goes on with another one; no id of OpenCode's begins like this."""


class Turn(Struct, frozen=True, gc=False):
    """A user message and all that answered it: one ``invoke_agent`` span."""

    id: str
    trace: str
    """The turn that a person began: those of sub-agents, however deep, share its trace."""
    caller: str
    """The part id of the tool call that began it, or the turn that it goes on with; empty if a person began it."""
    started_ms: int

    @property
    def goes_on_with(self) -> str:
        """The turn that this one goes on with, empty if it goes on with none."""
        return self.caller.removeprefix(GOES_ON) if self.caller.startswith(GOES_ON) else ""


class EndedTurn(Struct, frozen=True, gc=False):
    """A turn at the moment when it ended for the first time: what its span says, as far as metrics have it."""

    last: Message
    """The message that ended it."""
    subagent: bool
    started_ms: int

    @property
    def duration_ms(self) -> int | None:
        """The time from its beginning to the end of its last message; ``None`` if nobody can know when that ended."""
        last = self.last
        # A call that was killed is closed by the next start of OpenCode, which may be days later.
        unknown = last.completed_ms is None or last.error_type == KILLED
        # The import into 2.x sets a completion to the last change of the row. 2.x itself also wrote when the answer had streamed.
        unknown |= last.generation is _V2 and (last.response_ms is None or last.may_have_run_tools)
        return None if unknown else last.ended_ms - self.started_ms
