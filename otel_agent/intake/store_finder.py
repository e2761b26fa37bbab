"""Where OpenCode's stores are on this machine: where the settings say, and where a running OpenCode was seen."""

import os
from pathlib import Path
from typing import Final

import msgspec

from otel_agent.ledger.queries import open_to_read
from otel_agent.ledger.writer import Ledger
from otel_agent.model import Checkpoint, Problem, Store
from otel_agent.opencode.locations import StoreLocations, find_stores, locations, together
from otel_agent.opencode.running.processes import environments
from otel_agent.settings import Settings

_PLACES: Final = "places"
_MOST_PLACES: Final = 100
"""Environments of OpenCode processes that are remembered, the newest."""


class StoreFinder:
    """Where to look for stores: where the settings say, and where an OpenCode that was seen running kept its data. The
    latter is noted in the ledger, so that it is looked at after that OpenCode ended, too."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._ledger = ledger
        self._settings, self._seen = settings, _seen(ledger.recall(_PLACES))

    @property
    def known(self) -> StoreLocations:
        return _places(self._settings, self._seen)

    def find(self) -> tuple[dict[str, Store], list[Problem]]:
        return find_stores(self.known)

    def learn(self) -> None:
        """ReadScope where the OpenCode processes that run now keep their data."""
        new = [told for told in environments() if told not in self._seen] if self._settings.discover_stores else []
        if new:
            self._seen = [*self._seen, *new][-_MOST_PLACES:]
            with self._ledger.transaction():
                self._ledger.remember([Checkpoint(_PLACES, msgspec.json.encode(self._seen))])


def known_places(settings: Settings) -> StoreLocations:
    """The same for who only reads the ledger."""
    with open_to_read(settings.state_dir) as ledger:
        return _places(settings, _seen(ledger.checkpoint(_PLACES) if ledger else None))


def _places(settings: Settings, seen: list[dict[str, str]]) -> StoreLocations:
    own = locations(os.environ, settings.data_dirs)
    return together([own, *map(locations, seen if settings.discover_stores else [])])


def _seen(noted: bytes | None) -> list[dict[str, str]]:
    return msgspec.json.decode(noted, type=list[dict[str, str]]) if noted else []


def data_folders(settings: Settings) -> list[Path]:
    """The folders in which OpenCode's data would be."""
    places = locations(os.environ, settings.data_dirs)
    return list(dict.fromkeys([*places.folders, *(path.parent for path in places.databases)]))


def looked_in(settings: Settings) -> list[Path]:
    """Where OpenCode's data would be."""
    places = locations(os.environ, settings.data_dirs)
    return [*places.folders, *places.databases]
