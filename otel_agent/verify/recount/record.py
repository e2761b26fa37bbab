"""Records of model calls, sessions with OpenCode's own totals, and places that cannot be read."""

from typing import Final, NamedTuple

TREE: Final = "tree"
V1: Final = "v1"
V2: Final = "v2"

Five = tuple[int, int, int, int, int]
"""Input, output, reasoning, cache read and cache write."""

NONE: Final[Five] = (0, 0, 0, 0, 0)


class Record(NamedTuple):
    """One record of one call, complete or not. A call has several if it was imported into another format."""

    id: str
    session_id: str
    store: str
    place: str
    """The path of the file, or the rowid: it says whether the agent has read the record."""
    form: str
    compaction: bool
    created_ms: int
    completed_ms: int | None
    provider: str
    model: str
    input: int
    output: int
    reasoning: int
    cache_read: int
    cache_write: int
    cost_nusd: int
    suspect: bool
    """Minted later than it was created, or older than its session: a fork copy, if another record is the same call."""
    marked: bool
    """Its id has the form that 2.x gives to copies."""
    usable: bool
    """It has tokens and an end, so it counts even if OpenCode was killed before it wrote when it was complete."""
    written_ms: int


class AsImported(NamedTuple):
    """What the import into 2.x found in a row of 1.x, if that is another number than counts."""

    id: str
    fits: bool
    """False if it lacks what 2.x asks for: then the import leaves it out."""
    input: int
    output: int
    reasoning: int
    cache_read: int
    cache_write: int
    cost_nusd: int


class SessionRecord(NamedTuple):
    """A session, and what OpenCode itself says that it used; zeros if the release keeps no totals."""

    id: str
    store: str
    form: str
    created_ms: int
    forked: bool
    version: str
    input: int
    output: int
    reasoning: int
    cache_read: int
    cache_write: int
    cost_nusd: int


class Trouble(NamedTuple):
    """Something that cannot be recounted. ``id`` is that of a message, or empty for a whole store, folder or table."""

    place: str
    id: str
    what: str


class StoreFacts(NamedTuple):
    """A store as a whole."""

    store: str
    written_ms: int
    migrated_ms: int | None
    """The time at which 2.x imported the sessions of 1.x; ``None`` if it did not."""


Found = Record | AsImported | SessionRecord | Trouble | StoreFacts
