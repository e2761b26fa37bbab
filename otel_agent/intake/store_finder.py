"""The places to look for OpenCode's stores: those of the settings, and those of OpenCode processes that were seen.

``configured_locations`` knows the settings only. ``known_locations`` adds what an agent noted in the ledger.
``StoreFinder`` does the same for the agent itself, and notes what it learns.
"""

import logging
import os
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from otel_agent.ledger.queries import open_to_read
from otel_agent.model import Checkpoint, Problem, Store
from otel_agent.opencode.locations import StoreLocations, doubts, find_stores, locations, together
from otel_agent.settings import Settings

if TYPE_CHECKING:
    from otel_agent.ledger.writer import Ledger

log = logging.getLogger(__name__)

_NOTED: Final = "places"
"""The name of the checkpoint that holds the environments of OpenCode processes."""
_MOST_NOTED: Final = 100
"""The newest environments are remembered, and no more than these."""

_Environment = dict[str, str]
"""The variables that decide where one OpenCode process keeps its data."""


def configured_locations(settings: Settings) -> StoreLocations:
    """Return where OpenCode started here would keep its data, and what the settings add."""
    return locations(os.environ, settings.data_dirs)


def known_locations(settings: Settings) -> StoreLocations:
    """Return every place known to the agent, for a process that only reads the ledger.

    Raises ``LedgerError`` if the ledger cannot be read.
    """
    with open_to_read(settings.state_dir) as ledger:
        if ledger is None:
            return _all_locations(settings, [])
        known = {each.store for each in ledger.store_counts()}
        return _all_locations(settings, _decoded(ledger.checkpoint(_NOTED)), known)


def named_locations(settings: Settings) -> StoreLocations:
    """Return the places that the settings and the environment name, for a ledger that cannot be read."""
    return _all_locations(settings, [])


class StoreFinder:
    """Finds the stores for the agent. It notes in the ledger where running OpenCode processes keep their data, so
    that we look there after these processes ended, too."""

    def __init__(self, settings: Settings, ledger: "Ledger") -> None:
        self._settings, self._ledger = settings, ledger
        self._noted = _decoded(ledger.recall(_NOTED))
        self._doubts: set[str] = set()

    @property
    def locations(self) -> StoreLocations:
        """Every place to look at."""
        return _all_locations(self._settings, self._noted, self._ledger.store_counts.names())

    def find(self) -> tuple[dict[str, Store], list[Problem]]:
        """Return the stores that are there now by name, and the folders that may not be read."""
        places = self.locations
        for doubt in doubts(places):
            if doubt not in self._doubts:
                self._doubts.add(doubt)
                log.warning("%s", doubt)
        return find_stores(places)

    def learn(self) -> None:
        """Note where the OpenCode processes that run now keep their data, unless ``discover_stores`` is off."""
        if not self._settings.discover_stores:
            return
        # Only an agent learns. A summary opens sooner without psutil, which takes 0.02 s to import.
        from otel_agent.opencode.running.processes import environments  # noqa: PLC0415

        new = [environment for environment in environments() if environment not in self._noted]
        if new:
            self._noted = [*self._noted, *new][-_MOST_NOTED:]
            with self._ledger.transaction():
                self._ledger.remember([Checkpoint(_NOTED, msgspec.json.encode(self._noted))])


def _all_locations(settings: Settings, noted: list[_Environment], known: Collection[str] = ()) -> StoreLocations:
    """Return the places of the settings and of these environments. ``known`` are the stores that were counted before."""
    places = together([configured_locations(settings), *map(locations, noted if settings.discover_stores else [])])
    return replace(places, known=frozenset(known))


def _decoded(noted: bytes | None) -> list[_Environment]:
    try:
        return msgspec.json.decode(noted, type=list[_Environment]) if noted else []
    except msgspec.DecodeError:
        return []  # not what we wrote: the processes that run now are noted again
