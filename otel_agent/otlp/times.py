"""Keeps impossible times out of OTLP: before 1970, zero, or far ahead of the clock.

A clock may be wrong when the agent starts, on a board without a battery for example, and is set later. Every function
here depends on its arguments only, so what is sent again has the same times.
"""

from typing import Final

FAR_AHEAD_NS: Final = 5 * 60 * 10**9
"""A start so far ahead of the clock was made by a clock that was wrong. Smaller steps of a clock are ordinary."""
_SET_BACK_NS: Final = 3_600 * 10**9
"""Up to this a clock counts as set back, and a start stays as it is: another one means a reset."""


def of_point(start_ns: int, now_ns: int) -> tuple[int, int]:
    """Return the start and the time of a point: the time always later."""
    start_ns, time_ns = max(start_ns, 1), max(now_ns, 2)
    if start_ns < time_ns:
        return start_ns, time_ns
    if start_ns - time_ns <= _SET_BACK_NS:
        return start_ns, start_ns + 1
    return time_ns - 1, time_ns


def of_span(start_ns: int, end_ns: int, now_ns: int) -> tuple[int, int]:
    """Return the start and the end of a span. One from a far future ends now: backends would reject it, or hide it.

    If it is sent again, it has the same id and ends a little later.
    """
    # A clock that was set back must not make a span end before it began.
    end_ns = max(end_ns, start_ns)
    ahead_ns = end_ns - now_ns
    if ahead_ns > _SET_BACK_NS:
        # If both are ahead, what they tell is the duration. If the end alone is, it tells nothing.
        start_ns, end_ns = start_ns - ahead_ns if start_ns > now_ns else start_ns, now_ns
    start_ns = max(start_ns, 1)
    return start_ns, max(end_ns, start_ns)


def healed_start(since_ns: int, now_ns: int) -> int:
    """Return when a sum of this process began: now, if a clock that was wrong said that it begins in the future."""
    return now_ns if since_ns - now_ns > FAR_AHEAD_NS else since_ns
