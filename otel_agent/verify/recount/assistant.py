"""One record of a call, from the JSON of any release."""

from typing import Any, NamedTuple

from otel_agent.verify.recount.record import V2, AsImported, Five, Record
from otel_agent.verify.recount.values import LEAST, below, dollars, five, is_marked, is_suspect, moment, words


class Place(NamedTuple):
    """The place of a record, and the facts that are known beside its JSON."""

    store: str
    place: str
    form: str
    id: str
    session_id: str
    created_ms: int | None
    written_ms: int
    session: tuple[int, bool] | None
    """The beginning of its session, and True if that is marked as a fork; ``None`` if its record is gone."""


def unwrapped(data: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON as later releases write it: 0.1 kept an answer's fields in ``metadata``."""
    inner = below(data, "metadata", "assistant")
    if not isinstance(inner, dict):
        return data
    outer = data["metadata"]
    return {**inner, "id": data.get("id"), "sessionID": outer.get("sessionID"), "time": outer.get("time")}


def is_whole_turn(data: dict[str, Any], form: str) -> bool:
    """True for a record of 0.x, which names no question: its tokens are the last step's only, its parts have them all."""
    return form != V2 and not data.get("parentID")


def record(data: dict[str, Any], at: Place, used: Five | None = None) -> Record | None:
    """Return an assistant's record, ``None`` if it has no id, session or time. ``used`` replaces its own tokens."""
    completed_ms = moment(below(data, "time", "completed"))
    created_ms = moment(below(data, "time", "created")) or at.created_ms or completed_ms
    return _made(data, at, created_ms, completed_ms, used or five(data.get("tokens")), compaction=False)


def as_imported(data: dict[str, Any], record_id: str) -> AsImported | None:
    """Return what the import into 2.x found in a row of 1.x, ``None`` if that is what counts."""
    used = five(data.get("tokens"), LEAST)
    fits = all(isinstance(data.get(name), str) for name in ("parentID", "agent", "mode"))
    return None if fits and min(used) >= 0 else AsImported(record_id, fits, *used, dollars(data.get("cost")))


def compaction(data: dict[str, Any], at: Place) -> Record | None:
    """Return the record of a compaction of 2.x. It ends when its row is written for the last time."""
    created_ms = moment(below(data, "time", "created")) or at.created_ms
    completed_ms = moment(below(data, "time", "completed"))
    if completed_ms is None and data.get("status") != "running":
        completed_ms = at.written_ms or created_ms
    used = five(data.get("tokens"))
    if completed_ms is not None and not sum(used):
        return None  # no model was asked, or nobody wrote down what it used
    return _made(data, at, created_ms or completed_ms, completed_ms, used, compaction=True)


def _made(
    data: dict[str, Any], at: Place, created_ms: int | None, completed_ms: int | None, used: Five, *, compaction: bool
) -> Record | None:
    record_id, session_id = words(data.get("id")) or at.id, words(data.get("sessionID")) or at.session_id
    if not record_id or not session_id or created_ms is None:
        return None
    model = data.get("model")
    return Record(
        record_id,
        session_id,
        at.store,
        at.place,
        at.form,
        compaction,
        created_ms,
        completed_ms,
        words(data.get("providerID")) or words(below(model, "providerID")),
        words(data.get("modelID")) or words(below(model, "id")) or words(below(model, "modelID")),
        *used,
        dollars(data.get("cost")),
        is_suspect(record_id, at.form, created_ms, completed_ms, at.session),
        is_marked(record_id),
        bool(sum(used)) and (bool(data.get("finish")) or is_whole_turn(data, at.form)),
        at.written_ms,
    )
