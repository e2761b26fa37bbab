"""Times that a wrong clock wrote into the ledger: a start before the clock was set, or while it was years ahead.

Such a time stays wrong after the clock is right. No point with a negative start can be sent, and with a start in the
future no tool call counts before then. What is possible is put right when the ledger is opened, and at each sweep.
"""

import sqlite3
from typing import Final

_NS_PER_MS: Final = 1_000_000
_HOUR_MS: Final = 3_600_000
"""Two clocks differ by seconds, and a clock that is corrected moves by less than this."""
_DAY_MS: Final = 24 * _HOUR_MS
_NOT_BEFORE_MS: Final = 1_735_689_600_000
"""The year 2025, in which this program was not yet written: an earlier present is a clock that was not set."""


def put_right(database: sqlite3.Connection, *, now_ns: int, backfill_from_ms: int) -> None:
    """Replace impossible times, and those in the future. Writes nothing if there are none. Runs inside a transaction.

    As long as the present itself is impossible, only negative starts are replaced: nothing else can be said then.
    """
    database.execute("UPDATE series SET start_ns = ? WHERE start_ns <= 0", (max(now_ns, 1),))
    now_ms = now_ns // _NS_PER_MS
    if now_ms < _NOT_BEFORE_MS:
        return
    latest_ms = now_ms + _HOUR_MS
    # To a backend a series with another start has begun again. That is better than points of the future.
    for column in ("start_ns", "changed_ns"):
        database.execute(f"UPDATE series SET {column} = ? WHERE {column} > ?", (now_ns, latest_ms * _NS_PER_MS))
    _correct(database, "created_ns", now_ns, above=latest_ms * _NS_PER_MS)
    _correct(database, "backfill_from_ms", min(backfill_from_ms, now_ms), above=latest_ms)
    _correct(database, "lines_from_ms", now_ms, above=latest_ms)
    # A ledger that began in 1970 would want the tool calls of the whole history, which are tens of gigabytes.
    _correct(database, "calls_from_ms", now_ms - _DAY_MS, above=latest_ms, below=_NOT_BEFORE_MS)


def _correct(database: sqlite3.Connection, key: str, to: int, *, above: int, below: int = 0) -> None:
    database.execute(
        "UPDATE meta SET value = ? WHERE key = ? AND (CAST(value AS INTEGER) > ? OR CAST(value AS INTEGER) < ?)",
        (str(to), key, above, below),
    )
