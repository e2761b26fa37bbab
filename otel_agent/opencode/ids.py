"""What OpenCode's ids tell: when they were minted, and so whether a message is a fork's copy."""

import re
from typing import Final

from otel_agent.model import Session

_TIMED_ID: Final = re.compile(r"(?:msg|prt)_([0-9a-f]{12})[0-9A-Za-z]{14}")
_WRAP_MS: Final = 1 << 36
"""The 12 hex digits hold 48 bits, 12 of them a counter: the time they carry repeats after 795 days."""
_GENUINE_MS: Final = 2_000
"""Genuine rows of nine releases were minted 0 to 15 ms before their own ``time.created``; a copy is as late as it is
old. Two seconds leave room for a stalled process."""
_CLOCK_SLACK_MS: Final = 3_600_000
_LONGEST_WAIT_MS: Final = 86_400_000
"""Between a question and the first answer; an id that tells of more is not to be believed."""


def minted_after_ms(message_id: str, created_ms: int) -> int | None:
    """How much later than ``created_ms`` the id of a message or a part was minted (negative: earlier); ``None`` where it carries no time.

    Right up to 397 days either way, half of what the id can tell.
    """
    match = _TIMED_ID.fullmatch(message_id)
    if match is None:
        return None
    late = ((int(match[1], 16) >> 12) - created_ms) % _WRAP_MS
    return late - _WRAP_MS if late >= _WRAP_MS // 2 else late


def looks_copied(message_id: str, created_ms: int, completed_ms: int | None, session: Session | None) -> bool:
    """Whether this message may be a fork's copy. It is one only if another message records the same completion.

    The id decides where it carries a time. Where it does not (2.x copies), or where the time it carries wrapped
    around, the session decides: it is marked as a fork, or it began after the message that it holds. And no message
    was complete before its session began, however soon after the reply the fork was made.
    """
    if session is not None and completed_ms is not None and session.created_ms > completed_ms:
        return True
    late = minted_after_ms(message_id, created_ms)
    if late is not None and late >= -_CLOCK_SLACK_MS:
        return late > _GENUINE_MS
    return session is not None and (session.forked or session.created_ms > created_ms + _GENUINE_MS)


def turn_began_ms(turn_id: str, first_created_ms: int) -> int:
    """When a person asked, by the id of what was asked; where it does not tell, when the first answer was begun."""
    late = minted_after_ms(turn_id, first_created_ms)
    return first_created_ms + late if late is not None and -_LONGEST_WAIT_MS < late < 0 else first_created_ms
