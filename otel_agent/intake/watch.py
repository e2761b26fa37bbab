"""Hints that something changed, from the file system's events.

watchdog reports what happens below the folders of JSON trees and beside databases. Events are not available
everywhere (limits on watches, network file systems). Some get lost without a sign: a new folder's first files, an
overflow of the kernel's queue. A lost hint costs time and no message: whoever watches reads everything now and then
anyway.
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
"""The events that change content. The kernel would also report each opening and closing, our own reading included."""
_MOST_HINTS: Final = 10_000
"""Number of paths remembered as changed; with more, everything counts as changed."""


class Hints(Struct, frozen=True):
    """The paths that may have changed. ``paths`` is ``None`` if they were too many: then everything may have changed."""

    paths: frozenset[str] | None = frozenset()

    def __bool__(self) -> bool:
        return self.paths is None or bool(self.paths)


_LIMITS: Final = "the limits are fs.inotify.max_user_watches and max_user_instances, see `otel-agent doctor`"


class Watch:
    """Collects hints from watchdog's threads, and wakes who waits for them."""

    def __init__(self, wake: threading.Event) -> None:
        """``wake`` is set for each hint."""
        self._wake = wake
        self._observer: BaseObserver | None = None
        self._no_instance = False
        self._watched: dict[WatchedFolder, tuple[ObservedWatch, int]] = {}
        """Each watched folder, with its inode when the watch began."""
        self._unwatchable: set[WatchedFolder] = set()
        """Folders that are not tried again: only a person can raise the limit that is missing."""
        self._is_complete = False
        self._lock = threading.Lock()
        self._paths: set[str] = set()  # guarded by _lock

    def set_folders(self, folders: Iterable[WatchedFolder]) -> bool:
        """Watch these folders and no others; return whether any was added, whose earlier changes gave no hint.

        A folder that does not exist yet is tried again by the next call.
        """
        wanted = set(folders)
        # A watch belongs to the inode: a folder that was replaced would never send an event again.
        gone = [each for each, (_, inode) in self._watched.items() if each not in wanted or _inode(each) != inode]
        for folder in gone:
            self._forget(folder)
        before = len(self._watched)
        for folder in sorted(wanted - self._watched.keys() - self._unwatchable, key=lambda each: each.folder):
            self._add(folder)
        self._is_complete = wanted == self._watched.keys()
        return len(self._watched) > before

    @property
    def is_complete(self) -> bool:
        """True if each folder of the last ``set_folders`` sends events; one that does not exist yet sends none."""
        return self._is_complete

    @property
    def blind(self) -> bool:
        """True if there is a tree that sends no events: then only a look at all its folders finds changes."""
        return any(folder.recursive for folder in self._unwatchable)

    def take(self) -> Hints:
        """Return the hints since the last call, and forget them."""
        with self._lock:
            paths, self._paths = self._paths, set()
        return Hints(None if len(paths) > _MOST_HINTS else frozenset(paths))

    def close(self) -> None:
        """Watch nothing any more, and end watchdog's threads."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
        self._observer = None
        self._watched.clear()

    def hint(self, path: str) -> None:
        """Remember that something may have changed at this path. May be called from any thread."""
        with self._lock:
            # One more than the limit is kept: that is how ``take`` knows that it was passed.
            if len(self._paths) <= _MOST_HINTS:
                self._paths.add(path)
        self._wake.set()

    def _add(self, folder: WatchedFolder) -> None:
        inode = _inode(folder)
        if inode is None:  # not there yet
            return
        if folder.no_events:
            self._set_unwatchable(folder, folder.no_events)
            return
        observer = self._started()
        if observer is None:
            self._unwatchable.add(folder)
            return
        try:
            watched = observer.schedule(
                _Handler(self, folder), folder.folder, recursive=folder.recursive, event_filter=_KINDS
            )
            self._watched[folder] = watched, inode
        except OSError as error:
            self._set_unwatchable(folder, f"{error.strerror or error}; {_LIMITS}")

    def _started(self) -> BaseObserver | None:
        """Return watchdog's observer, ``None`` if the user has no inotify instance left: the log says so once.

        The first watch starts its thread; an agent that watches nothing has none.
        """
        if self._observer is None and not self._no_instance:
            try:
                observer = Observer()
                observer.name = "watch"
                observer.start()
            except OSError as error:
                self._no_instance = True
                why = f"{error.strerror or error}; {_LIMITS}"
                log.warning("cannot watch any folder (%s); all are polled every rescan_interval_seconds instead", why)
            else:
                self._observer = observer
        return self._observer

    def _set_unwatchable(self, folder: WatchedFolder, why: str) -> None:
        self._unwatchable.add(folder)
        log.warning("cannot watch %s (%s); it is polled every rescan_interval_seconds instead", folder.folder, why)

    def _forget(self, folder: WatchedFolder) -> None:
        watched, _ = self._watched.pop(folder)
        if self._observer is not None:
            self._observer.unschedule(watched)


def no_instance_left() -> str:
    """Return why no folder at all can be watched; empty if one can. inotify's instances are limited for each user."""
    try:
        observer = Observer()
        observer.start()
    except OSError as error:
        return error.strerror or str(error)
    observer.stop()
    observer.join()
    return ""


class _Handler(FileSystemEventHandler):
    def __init__(self, watch: Watch, folder: WatchedFolder) -> None:
        self._watch, self._folder = watch, folder

    def on_any_event(self, event: FileSystemEvent) -> None:
        # A move has two paths: something may be missing at the one and new at the other.
        for raw in (event.src_path, event.dest_path):
            path = raw if isinstance(raw, str) else raw.decode("utf-8", "surrogateescape")
            if path and (self._folder.recursive or path.endswith(self._folder.endings)):
                self._watch.hint(path)


def _inode(folder: WatchedFolder) -> int | None:
    try:
        return Path(folder.folder).stat().st_ino
    except OSError:
        return None
