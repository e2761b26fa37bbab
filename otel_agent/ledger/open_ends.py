"""What a ledger still waits for: with time alone, a further pass would decide some of it."""

import sqlite3
from typing import Final

from otel_agent.ledger import records
from otel_agent.ledger.turns import TurnState
from otel_agent.model import GOES_ON

_WITHOUT_CALLER: Final = f"""
SELECT 1 FROM turn AS t WHERE t.caller <> '' AND (
    instr(t.caller, '/') AND NOT EXISTS (
        SELECT 1 FROM message AS m WHERE m.id = substr(t.caller, 1, instr(t.caller, '/') - 1) AND m.{records.IS_COUNTED}
    ) OR t.caller GLOB '{GOES_ON}*' AND NOT EXISTS (SELECT 1 FROM turn AS top WHERE top.id = substr(t.caller, 2))
)"""
"""Turns whose calling message or turn did not count: after the grace period they are taken from below it."""
_OPEN: Final = (
    f"SELECT 1 FROM message WHERE {records.IS_UNDECIDED}",
    f"SELECT 1 FROM turn WHERE state = {TurnState.OPEN:d}",
    "SELECT 1 FROM counted_lines WHERE due",
    "SELECT 1 FROM problem",
)
"""Each has a row while something is open. There are indexes of such rows, and hardly ever a problem."""


def has_open_ends(database: sqlite3.Connection) -> bool:
    """Return True if messages, turns or lines wait to be decided, or if something could not be read."""
    return any(database.execute(f"{query} LIMIT 1").fetchone() for query in _OPEN)


def has_turns_without_caller(database: sqlite3.Connection) -> bool:
    """Return True if a turn may be taken from below its caller later. It looks at each turn of a sub-agent."""
    return database.execute(f"{_WITHOUT_CALLER} LIMIT 1").fetchone() is not None
