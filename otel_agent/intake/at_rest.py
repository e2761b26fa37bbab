"""Knows, without opening a store, that there is nothing new in any: a summary then need not read at all.

A pass that left nothing open notes what every store looked like before it began. As long as all look the same, a further
pass would find nothing. That saves a summary a third of its time, which goes into imports, locks and connections.
"""

import os
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from otel_agent import __version__
from otel_agent.errors import LedgerError
from otel_agent.intake.store_finder import known_locations
from otel_agent.ledger import checkpoints, place, schema
from otel_agent.ledger.connection import connect_to_idle, connect_to_read
from otel_agent.ledger.open_ends import has_open_ends
from otel_agent.model import Checkpoint
from otel_agent.opencode.answering import NoAnswer, answer_of
from otel_agent.opencode.bounded_files import RACY_NS
from otel_agent.opencode.locations import StoreLocations, find_places
from otel_agent.settings import Settings
from otel_agent.settings.backend import keeps_everything_here, names_backend

if TYPE_CHECKING:
    from otel_agent.intake.ingest import Ingest
    from otel_agent.ledger.writer import Ledger

SWEEP_MS: Final = 86_400_000
"""A summary looks at everything once a day; with 100,000 messages that takes a second instead of a tenth."""
_MOST_IN_FLIGHT: Final = 200
"""Files in flight that are remembered. If there are more, a pass looks at them."""
_PLACE: Final = "at rest"
"""The name of the checkpoint that holds the note."""


class _Rest(Struct, frozen=True, array_like=True):
    """What a pass has left behind that had nothing more to do."""

    release: str
    """The one that read: a newer one may read more."""
    conditions: tuple[bool, ...]
    swept_ms: int
    stores: dict[bytes, bytes]
    """Each store by its real path, with its mark (``StorePlace.mark``)."""
    in_flight: dict[bytes, tuple[int, int, int]]
    """Files of a tree that are rewritten in place, each with its inode, size and time."""


def is_at_rest(settings: Settings) -> bool:
    """Return True if nothing has changed since a pass that left nothing open. In doubt it returns False."""
    try:
        noted = _noted(settings)
        if noted is None or abs(time.time_ns() // 1_000_000 - noted.swept_ms) > SWEEP_MS:
            return False
        if noted.release != __version__ or noted.conditions != _conditions(settings):
            return False
        if _marks(known_locations(settings)) != noted.stores:
            return False
        return all(_status(os.fsdecode(path)) == found for path, found in noted.in_flight.items())
    except LedgerError:
        return False


class StoresBefore:
    """The stores as they looked before a pass. Afterwards it notes in the ledger that they are at rest."""

    def __init__(self, settings: Settings, locations: StoreLocations) -> None:
        self._settings, self._began_ns = settings, time.time_ns()
        self._marks = _marks(locations)

    def note(self, ledger: "Ledger", ingest: "Ingest") -> None:
        """Note it if the pass left nothing open. Whatever is written to a store from now on changes its mark."""
        in_flight = self._in_flight(ingest.in_flight)
        if self._marks is None or in_flight is None or ledger.has_open_ends():
            return
        rest = _Rest(__version__, _conditions(self._settings), ledger.swept_ms, self._marks, in_flight)
        state = msgspec.msgpack.encode(rest)
        if ledger.recall(_PLACE) != state:
            with ledger.transaction():
                ledger.remember([Checkpoint(_PLACE, state)])

    def _in_flight(self, paths: Sequence[Path] | None) -> dict[bytes, tuple[int, int, int]] | None:
        """Return these files as the pass read them; ``None`` if they are too many, or one may have changed meanwhile."""
        if paths is None or len(paths) > _MOST_IN_FLIGHT:
            return None
        found = dict[bytes, tuple[int, int, int]]()
        for path in paths:
            status = _status(path)
            if status is None or status[2] > self._began_ns - RACY_NS:
                return None
            found[os.fsencode(path)] = status
        return found


def _status(path: Path | str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - the path comes as text too
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _noted(settings: Settings) -> _Rest | None:
    path = place.ledger_path(settings.state_dir)
    if not place.exists(path):
        return None
    # Nobody has it open without a log. An ordinary reader would leave files beside a ledger that a newer release wrote.
    connect = connect_to_read if Path(f"{path}-wal").exists() else connect_to_idle
    with closing(connect(path)) as database:
        if schema.version(database) != schema.VERSION:
            return None
        # An agent may have met something since, and a lock or a permission changes no mark when it goes.
        if has_open_ends(database):
            return None
        state = checkpoints.recall(database, _PLACE)
    try:
        return msgspec.msgpack.decode(state, type=_Rest) if state else None
    except msgspec.DecodeError:
        return None  # not what we wrote


def _conditions(settings: Settings) -> tuple[bool, ...]:
    """Return the settings by which a pass over stores at rest would do something else."""
    return settings.unattributed_usage, keeps_everything_here(settings), names_backend(settings, os.environ)


def _marks(locations: StoreLocations) -> dict[bytes, bytes] | None:
    """Return the mark of each store, ``None`` if one has none now or a folder cannot be looked into."""
    found, problems = find_places(locations)
    marks = dict[bytes, bytes]()
    for name, each in found.items():
        try:
            mark = answer_of(name, partial(each.mark, time.time_ns()))
        except NoAnswer:
            return None
        if not mark:
            return None
        marks[os.fsencode(name)] = mark
    return None if problems else marks
