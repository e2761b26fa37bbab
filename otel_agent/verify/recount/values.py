"""Single values of OpenCode's JSON, for the recount only."""

import re
from typing import Any, Final

from otel_agent.verify.recount.record import NONE, V2, Five

_MOST_TOKENS: Final = 10**12
LEAST: Final = -_MOST_TOKENS
"""1.3 recorded inputs below zero, and the import into 2.x added them up."""
_MOST_DOLLARS: Final = 10**6
_LATEST_MS: Final = 9_000_000_000_000
_LONGEST: Final = 1_024
_TIMED: Final = re.compile(r"msg_([0-9a-f]{12})[0-9A-Za-z]{14}")
_MARKED: Final = re.compile(r"msg_.+_[0-9]+")
_WRAP_MS: Final = 2**36
"""The time in an id repeats after this: its 12 hex digits are milliseconds times 4,096, cut to 48 bits."""
_LATE_MS: Final = 2_000
"""An original is minted within milliseconds of its time; a copy is as late as it is old."""
_EARLY_MS: Final = 3_600_000
"""An id that is earlier than its message by more has wrapped around, and says nothing."""


def words(value: object) -> str:
    """Return a text that SQLite can compare; empty for anything else. A column may hold a text as bytes."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    if value.isascii() and len(value) <= _LONGEST and "\0" not in value:
        return value  # all that OpenCode writes itself
    return value[:_LONGEST].replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


def below(value: object, *names: str) -> Any:
    """Return what is under nested keys, ``None`` if one of them is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def moment(value: object) -> int | None:
    """Return a time in milliseconds, ``None`` if it is none."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and 1 <= value < _LATEST_MS else None  # type: ignore[operator, call-overload]


def dollars(value: object) -> int:
    """Return a cost in billionths of a dollar, 0 for what cannot be one."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return round(value * 10**9) if is_number and 0 <= value <= _MOST_DOLLARS else 0  # type: ignore[operator]


def five(value: object, least: int = 0) -> Five:
    """Return the five categories of a record's ``tokens``."""
    if not isinstance(value, dict):
        return NONE
    read, write = below(value, "cache", "read"), below(value, "cache", "write")
    return numbers(value.get("input"), value.get("output"), value.get("reasoning"), read, write, least=least)


def numbers(*values: object, least: int = 0) -> Five:
    """Return five numbers of tokens; what cannot be one, or is below ``least``, is 0."""
    found = [_number(value, least) for value in values]
    return found[0], found[1], found[2], found[3], found[4]


def plus(one: Five, other: Five) -> Five:
    """Return the sum in each category."""
    return numbers(*(mine + theirs for mine, theirs in zip(one, other, strict=True)))


def is_marked(message_id: str) -> bool:
    """True for an id by which 2.x names a copy: it has a second underscore and a number."""
    return _MARKED.fullmatch(message_id) is not None


def is_suspect(
    message_id: str, form: str, created_ms: int, completed_ms: int | None, session: tuple[int, bool] | None
) -> bool:
    """True if the record may be a fork copy. ``session`` is when its session began, and whether it is marked as a fork."""
    began_ms, forked = session or (0, False)
    if is_marked(message_id):
        return True
    # No call ends before its session begins. The import into 2.x changes the end, so there only the beginning counts.
    if began_ms > (created_ms if form == V2 else completed_ms or _LATEST_MS):
        return True
    timed = _TIMED.fullmatch(message_id)
    if timed is not None:
        late = ((int(timed[1], 16) >> 12) - created_ms) % _WRAP_MS
        late = late - _WRAP_MS if late >= _WRAP_MS // 2 else late
        if late >= -_EARLY_MS:
            return late > _LATE_MS
    return forked or began_ms > created_ms + _LATE_MS


def _number(value: object, least: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and least <= value <= _MOST_TOKENS else 0
