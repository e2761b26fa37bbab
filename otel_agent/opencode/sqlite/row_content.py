"""What the content of one row is: an assistant message, something else, or nothing that can be read."""

import msgspec

from otel_agent.model import Generation, Problem, ProblemKind
from otel_agent.opencode import decode, unknown_fields
from otel_agent.opencode.sqlite.known_tables import Tables
from otel_agent.opencode.sqlite.row import Row
from otel_agent.opencode.sqlite.row_json import LARGE, whole
from otel_agent.opencode.sqlite.sessions import Sessions


def assistant_in(row: Row, place: str, tables: Tables, sessions: Sessions) -> tuple[decode.Wire | None, list[Problem]]:
    """Return the assistant message in a row, ``None`` for anything else, and what cannot be read of the row."""
    if row.raw is None:
        broken = row.size is None or tables.generation is Generation.V2
        kind = ProblemKind.MALFORMED if broken else ProblemKind.TOO_LARGE
        return None, [Problem(kind, place, "no content" if row.size is None else f"{row.size} bytes")]
    try:
        raw = row.raw if isinstance(row.raw, bytes) else str(row.raw).encode()
        large = not tables.names_role and isinstance(row.size, int) and row.size > LARGE
        wire = decode.parse(whole(raw) if large else raw)
    except (decode.Malformed, msgspec.MsgspecError) as failure:
        return None, [Problem(ProblemKind.MALFORMED, place, str(failure))]
    if not tables.names_role and wire.role is None:
        return wire, []
    problems = unknown_fields.unknown_role(wire, place, sessions.find(row.session_id)) if tables.names_role else []
    return (wire if wire.role == "assistant" else None), problems
