"""OpenCode's ids carry the time at which they were minted. It shows which message may be a fork copy."""

import re
from typing import Final

from otel_agent.model import Generation, Session

_V2: Final = Generation.V2
_TIMED_ID: Final = re.compile(r"(?:msg|prt)_[0-9a-f]{12}[0-9A-Za-z]{14}")
_MARKED_COPY: Final = re.compile(r"msg_.+_[0-9]+")
_WRAP_MS: Final = 1 << 36
"""The 12 hex digits hold 48 bits, 12 of them a counter: the time they carry repeats after 795 days."""
_GENUINE_MS: Final = 2_000
"""Genuine rows of nine releases were minted 0 to 15 ms before their own ``time.created``; a copy is as late as it is
old. Two seconds leave room for a stalled process."""
_LONGEST_WAIT_MS: Final = 86_400_000
"""A question is answered within this time. An id that says otherwise is not believed."""


def minted_after_ms(message_id: str, created_ms: int) -> int | None:
    """Return how much later than ``created_ms`` the id of a message or a part was minted; negative if earlier.

    ``None`` if the id carries no time. The answer is right up to 397 days either way, half of what an id can hold.
    """
    if _TIMED_ID.fullmatch(message_id) is None:
        return None
    # Modulo the wrap, the difference is right if it is less than half of it. The last three digits are the counter.
    late = (int(message_id[4:13], 16) - created_ms) % _WRAP_MS
    return late - _WRAP_MS if late >= _WRAP_MS // 2 else late


def is_marked_copy(message_id: str) -> bool:
    """Return True for an id by which OpenCode 2.x names a fork copy. No other row's id has a second underscore."""
    return _MARKED_COPY.fullmatch(message_id) is not None


def looks_copied(
    generation: Generation, message_id: str, created_ms: int, completed_ms: int | None, session: Session | None
) -> bool:
    """Return True if such a message may be a fork copy. It is one only if another message records the same call.

    A copy of 2.x has a marked id, or is older than its session, as the imported copies of 1.x are.
    In 1.x the id decides if it carries a time: a copy's was minted at another time than that of its message. Otherwise
    the session decides. It is a fork's if it is marked as one, or began after the message that it holds; one that 2.x
    imported may be any. No message was complete before its session began, however soon after the reply the fork was made.
    """
    if generation is _V2:
        # The import changes the time of completion, so only the creation says whether a message is older than its session.
        if is_marked_copy(message_id) or (session is not None and session.created_ms > created_ms):
            return True
    elif session is not None and completed_ms is not None and session.created_ms > completed_ms:
        return True
    late = minted_after_ms(message_id, created_ms)
    if late is not None:
        # Earlier is as suspicious as later: the clock was set back before the fork, or the time in the id wrapped around.
        return abs(late) > _GENUINE_MS
    if session is None:
        return False
    imported = generation is _V2 and session.version.startswith("1.")
    return imported or session.forked or session.created_ms > created_ms + _GENUINE_MS


def turn_began_ms(turn_id: str, first_created_ms: int) -> int:
    """Return when a person asked, by the id of the question; if the id does not say it, when the first answer began."""
    late = minted_after_ms(turn_id, first_created_ms)
    if late is None or not -_LONGEST_WAIT_MS < late < 0:
        return first_created_ms
    return max(first_created_ms + late, 1)  # before a clock is set, it shows the first minutes of 1970
