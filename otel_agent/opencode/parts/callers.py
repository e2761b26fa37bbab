"""The tool call that began a sub-agent's turn."""

from collections.abc import Iterable
from typing import Final

from otel_agent.opencode.ids import minted_after_ms
from otel_agent.opencode.parts.part import Part

RECENT: Final = 8
"""Messages of the parent session that are looked through for the call. It is in the last one, or close to it if
several calls began at once."""
SLACK_MS: Final = 2_000
"""A call is written down a moment before or after the turn that it began."""
_TASK: Final = "task"
"""The tool that calls a sub-agent."""


def which_began(session_id: str, at_ms: int, parts: Iterable[Part]) -> str | None:
    """Return the id of the part whose call began a turn of this session at ``at_ms``, ``None`` if none of them did.

    A session can be called again: the last call before the turn began it. The time at which the part was made decides.
    The start in the call does not, because up to 1.1 OpenCode rewrites it for as long as the sub-agent works.

    If no part names the session, and just one running task names none, it is that one. On a busy machine the real 1.1.27
    left such a turn without its caller.
    """
    began: list[tuple[int, str]] = []
    silent: list[str] = []
    for part in parts:
        use = part.tool_use
        if use is None:
            continue
        made_ms = minted_after_ms(part.id, at_ms)
        late_ms = made_ms if made_ms is not None else (use.started_ms or at_ms) - at_ms
        if late_ms > SLACK_MS:
            continue  # this call began a later turn
        if use.child_session == session_id:
            began.append((late_ms, part.id))
        elif use.tool == _TASK and use.running and not use.child_session:
            silent.append(part.id)
    # Of several calls of this session, the last one before the turn began it.
    if began:
        return max(began)[1]
    return silent[0] if len(silent) == 1 else None
