"""Single values from OpenCode's JSON. No value is trusted to be there or to be of its type.

Releases differ, and a bad value in one field must neither reach a counter nor cost the rest of the record.
"""

import math
from collections.abc import Callable
from typing import Final

MAX_TOKENS: Final = 10**12
"""More than any model call can use, and small enough that nine million of them fit in a signed 64-bit sum."""
MAX_COST_NUSD: Final = 10**6 * 10**9
"""A million dollars for one message, which fits likewise."""
MAX_TIME_MS: Final = 9_000_000_000_000
"""The year 2255: later times do not fit in the nanoseconds of OTLP."""
MAX_TEXT: Final = 1_024
"""Ids, names and paths are cut here; nothing real comes near."""


def text(value: object) -> str:
    """Return a string fit for SQLite and OTLP, empty for any value that is no string.

    Lone surrogates become ``?``, and so does NUL, at which SQLite's functions would cut an id.
    """
    if not isinstance(value, str):
        return ""
    if value.isascii() and len(value) <= MAX_TEXT and "\0" not in value:
        return value  # nearly every one
    return value[:MAX_TEXT].replace("\0", "?").encode("utf-8", "replace").decode("utf-8")


def field(value: object, *names: str) -> object:
    """Return the value under nested keys, ``None`` if one of them is missing."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def time_ms(value: object) -> int | None:
    """Return a time in milliseconds, ``None`` for a value that cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value < MAX_TIME_MS:
        return None
    return int(value)


def count(value: object) -> int | None:
    """Return a number of tokens, ``None`` for a value that cannot be one (negative, fractional, text, too large)."""
    if type(value) is float and math.isfinite(value) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= MAX_TOKENS:
        return None
    return value


def signed(convert: Callable[[object], int | None], value: object) -> int | None:
    """Return what ``count`` or ``cost_nusd`` makes of a value that may also be less than zero."""
    found = convert(value)
    if found is None and isinstance(value, int | float) and value < 0:
        opposite = convert(-value)
        return None if opposite is None else -opposite
    return found


def cost_nusd(value: object) -> int | None:
    """Return a cost in dollars as billionths of one, ``None`` for a value that cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_COST_NUSD / 10**9:
        return None
    return round(value * 10**9)
