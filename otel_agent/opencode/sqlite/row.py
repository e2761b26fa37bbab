"""One row of a table of messages, as it was read."""

from typing import NamedTuple

from otel_agent.opencode import json_values
from otel_agent.opencode.sqlite.turns import Place


class Row(NamedTuple):
    """One row of a table of messages; only the ids are known to be text."""

    id: str
    session_id: str
    created_ms: object
    updated_ms: object
    size: object
    """Characters of the JSON, ``None`` if there is none."""
    raw: object
    """The JSON, ``None`` if it is missing, too large or, if large, no JSON."""
    kind: str
    """The type of a row of 2.x; empty in 1.x."""
    seq: object = None
    """The number of a row of 2.x in its session."""

    @property
    def place(self) -> Place | None:
        """The place of the row in its session, ``None`` if the table knows no order."""
        created_ms = json_values.time_ms(self.created_ms) or 0
        return Place(self.id, self.seq, created_ms, self.kind) if isinstance(self.seq, int) else None
