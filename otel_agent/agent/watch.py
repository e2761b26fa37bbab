"""That something changed, as a hint: a person's file system can lose it, and then nothing is missed but time.

watchdog reports what happens below the folders of JSON trees and beside databases. It cannot be had everywhere
(limits on watches, network file systems), loses events (a new folder's first files, an overflow of the kernel's queue),
and says nothing of that. So whoever reads looks again now and then, whatever is hinted at here.
"""

import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from otel_agent.opencode.locations import WatchedFolder

log = logging.getLogger(__name__)

_KINDS: Final[list[type[FileSystemEvent]]] = [
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileDeletedEvent,
    DirCreatedEvent,
    DirMovedEvent,
    DirDeletedEvent,
]
"""What changes content. Without this the kernel would also report each opening and closing, our own reading too."""
_MOST_HINTS: Final = 10_000
"""Folders and files remembered as changed; beyond, everything is."""


class Hints(Struct, frozen=True):
    """What may have changed since it was asked last. ``paths`` is ``None`` where that cannot be told."""

    paths: frozenset[str] | None = frozenset()

    def __bool__(self) -> bool:
        return self.paths is None or bool(self.paths)


class Watch:
    """watchdog's threads add to what is hinted at, and wake up whoever waits."""

    def __init__(self, wake: threading.Event) -> None:
        self._wake = wake
        self._observer: BaseObserver | None = None
        self._watched: dict[WatchedFolder, tuple[ObservedWatch, int]] = {}
        """With the inode of the folder."""
        self._refused: set[WatchedFolder] = set()
        """Not tried again: what is missing is a limit that only a person can raise."""
        self._lock = threading.Lock()
        self._paths: set[str] = set()  # guarded by _lock

    def set_folders(self, folders: Iterable[WatchedFolder]) -> bool:
        """Watch these and no others. One that is not there yet is tried again by the next call; so is one that was
        replaced, of which nothing more would be heard. Returns whether any was added: of what happened there before
        nothing was heard."""
        wanted = set(folders)
        for place in [
            each for each, (_, inode) in self._watched.items() if each not in wanted or _inode(each) != inode
        ]:
            self._forget(place)
        before = len(self._watched)
        for place in sorted(wanted - self._watched.keys() - self._refused, key=lambda each: each.folder):
            self._add(place)
        return len(self._watched) > before

    @property
    def blind(self) -> bool:
        """Whether there is a tree of which nothing is heard: then only looking tells."""
        return any(place.recursive for place in self._refused)

    def take(self) -> Hints:
        """What was hinted at since the last call."""
        with self._lock:
            taken, self._paths = self._paths, set()
        return Hints(None if len(taken) > _MOST_HINTS else frozenset(taken))

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
        self._observer = None
        self._watched.clear()

    def hint(self, path: str) -> None:
        with self._lock:
            if len(self._paths) <= _MOST_HINTS:
                self._paths.add(path)
        self._wake.set()

    def _add(self, place: WatchedFolder) -> None:
        inode = _inode(place)
        if inode is None:
            return
        if place.no_events:
            self._refuse(place, place.no_events)
            return
        if self._observer is None:
            self._observer = Observer()
            self._observer.name = "watch"
            self._observer.start()
        try:
            watched = self._observer.schedule(
                _Handler(self, place), place.folder, recursive=place.recursive, event_filter=_KINDS
            )
            self._watched[place] = watched, inode
        except OSError as error:
            limits = "; the limits are fs.inotify.max_user_watches and max_user_instances, see `otel-agent doctor`"
            self._refuse(place, f"{error.strerror or error}{limits}")

    def _refuse(self, place: WatchedFolder, why: str) -> None:
        self._refused.add(place)
        log.warning("cannot watch %s (%s): looking there every rescan_interval_seconds instead", place.folder, why)

    def _forget(self, place: WatchedFolder) -> None:
        watched, _ = self._watched.pop(place)
        if self._observer is not None:
            self._observer.unschedule(watched)


class _Handler(FileSystemEventHandler):
    def __init__(self, watch: Watch, place: WatchedFolder) -> None:
        self._watch, self._place = watch, place

    def on_any_event(self, event: FileSystemEvent) -> None:
        for each in (event.src_path, event.dest_path):
            path = each if isinstance(each, str) else each.decode("utf-8", "surrogateescape")
            if path and (self._place.recursive or path.endswith(self._place.endings)):
                self._watch.hint(path)


def _inode(place: WatchedFolder) -> int | None:
    try:
        return Path(place.folder).stat().st_ino
    except OSError:
        return None
