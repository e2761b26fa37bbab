"""One row of a table of messages, as it was read."""

from typing import Any, Final, NamedTuple, Self

from otel_agent.opencode import json_values
from otel_agent.opencode.sqlite.parts import text_of
from otel_agent.opencode.sqlite.row_order import Place

Columns = tuple[Any, ...]
"""A row as SQLite gives it; our connection returns text as bytes."""
ROWID: Final = 0
ID: Final = 1
SESSION: Final = 2
CREATED: Final = 3
UPDATED: Final = 4
SIZE: Final = 5
DATA: Final = 6
KIND: Final = 7
SEQ: Final = 8


class Row(NamedTuple):
    """One row of a table of messages; only the ids are known to be text."""

    id: str
    session_id: str
    created_ms: object
    updated_ms: object
    size: object
    """Bytes of the JSON, ``None`` if there is none."""
    raw: object
    """The JSON, ``None`` if it is missing, too large or, if large, no JSON."""
    kind: str
    """The type of a row of 2.x; empty in 1.x."""
    seq: object = None
    """The number of a row of 2.x in its session."""
    rowid: int = 0

    @classmethod
    def of(cls, columns: Columns) -> Self:
        """Return the row with its texts decoded."""
        rowid, row_id, session_id, created_ms, updated_ms, size, raw, kind, seq = columns
        return cls(text_of(row_id), text_of(session_id), created_ms, updated_ms, size, raw, text_of(kind), seq, rowid)

    @property
    def name(self) -> str:
        """The name of the row in a problem: its id, or its number if it has none."""
        return self.id or f"row {self.rowid}"

    @property
    def place(self) -> Place | None:
        """The place of the row in its session, ``None`` if the table knows no order."""
        return place_in(self.id, self.created_ms, self.kind, self.seq)


def place_in(row_id: str, created_ms: object, kind: str, seq: object) -> Place | None:
    """Return the place of a row with these columns, ``None`` if its table knows no order."""
    return Place(row_id, seq, json_values.time_ms(created_ms) or 0, kind) if isinstance(seq, int) else None
