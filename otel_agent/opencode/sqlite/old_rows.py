"""Rows of 1.x from which the import into 2.x made another number of the session's totals than what counts.

1.3 recorded inputs below zero. A row of 0.x has the tokens of its last step only.
"""

import sqlite3
from collections.abc import Sequence
from typing import Final

from otel_agent.model import Generation, OldRow, Tokens
from otel_agent.opencode.decode import Malformed, parse
from otel_agent.opencode.json_values import cost_nusd, count, field, signed
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.row import Row
from otel_agent.opencode.sqlite.row_size import TooLarge
from otel_agent.opencode.sqlite.rows import Rows

_PATHS: Final = (("input",), ("output",), ("reasoning",), ("cache", "read"), ("cache", "write"))


def old_rows(message_ids: Sequence[str], database: sqlite3.Connection, tables: Tables) -> list[OldRow]:
    """Return those of the messages that have such a row, as far as it can be read. Raises ``sqlite3.Error``."""
    if tables.generation is not Generation.V1:
        return []
    rows = Rows(database, tables).by_id(list(message_ids), len(message_ids))
    found = (_decoded(Row.of(row)) for row in rows if not isinstance(row, TooLarge))
    return [each for each in found if each is not None]


def _decoded(row: Row) -> OldRow | None:
    """Return ``None`` for any other row."""
    try:
        wire = parse(row.raw if isinstance(row.raw, bytes) else b"")
    except Malformed:
        return None
    numbers = [signed(count, field(wire.tokens, *path)) or 0 for path in _PATHS]
    fits = all(isinstance(name, str) for name in (wire.parentID, wire.agent, wire.mode))
    if fits and min(numbers) >= 0:
        return None
    return OldRow(row.id, Tokens(*numbers), signed(cost_nusd, wire.cost) or 0, fits)
