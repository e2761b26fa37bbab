"""Hints that something changed, from the file system's events.

watchdog reports what happens below the folders of JSON trees and beside databases. Events are not available
everywhere (limits on watches, network file systems). Some get lost without a sign: a new folder's first files, an
overflow of the kernel's queue. A lost hint costs time and no message: whoever watches reads everything now and then
anyway.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
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

from otel_agent.intake.retry import Retry
from otel_agent.intake.watch_counts import watches_missing
from otel_agent.model.plural import counted
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


_WATCHDOG: Final = "watchdog"
"""The name of watchdog's log."""
_COUNT_SECONDS: Final = 30.0
"""Time between two looks at the kernel's list of watches: 2 ms with 4,000 folders."""
_LIMITS: Final = "the limits are fs.inotify.max_user_watches and max_user_instances, see `otel-agent doctor`"


class Watch:
    """Collects hints from watchdog's threads, and wakes who waits for them."""

    def __init__(self, wake: threading.Event, now: Callable[[], float] = time.monotonic) -> None:
        """``wake`` is set for each hint; ``now`` returns seconds that never go back."""
        self._wake, self._now = wake, now
        self._observer: BaseObserver | None = None
        self._watched: dict[WatchedFolder, tuple[ObservedWatch, int]] = {}
        """Each watched folder, with its inode when the watch began."""
        self._unwatchable: dict[WatchedFolder, str] = {}
        """Folders that send no events, and why. They are tried again now and then: a limit can be raised."""
        self._missing = 0
        """Folders inside trees that send no events."""
        self._suspected = False
        """True if the last count found too few watches."""
        self._again = Retry()
        self._count_at = 0.0
        self._said: set[str] = set()
        self._is_complete = False
        self._overflows = _Overflows(self)
        self._lock = threading.Lock()
        self._paths: set[str] = set()  # guarded by _lock
        self._everything = False  # guarded by _lock

    def set_folders(self, folders: Iterable[WatchedFolder]) -> bool:
        """Watch these folders and no others; return whether any was added, whose earlier changes gave no hint.

        A folder that does not exist yet is tried again by the next call.
        """
        wanted, now = set(folders), self._now()
        # A watch belongs to the inode: a folder that was replaced would never send an event again.
        at_work = self._at_work()
        gone = [
            each
            for each, (watched, inode) in self._watched.items()
            if each not in wanted or _inode(each) != inode or watched not in at_work
        ]
        for folder in gone:
            self._forget(folder)
        self._unwatchable = {each: why for each, why in self._unwatchable.items() if each in wanted}
        again = self._again.is_due(now)
        if again:
            self._begin_again()
        before = len(self._watched)
        for folder in sorted(wanted - self._watched.keys() - self._unwatchable.keys(), key=lambda each: each.folder):
            self._add(folder)
        added = len(self._watched) > before
        if added or again or now >= self._count_at:
            self._count_missing(wanted, now)
        self._is_complete = wanted == self._watched.keys() and not self._missing
        return added

    @property
    def is_complete(self) -> bool:
        """True if each folder of the last ``set_folders`` sends events; one that does not exist yet sends none."""
        return self._is_complete

    @property
    def blind(self) -> bool:
        """True if a tree or a part of it sends no events: then only a look at all its folders finds changes."""
        return self._missing > 0 or any(folder.recursive for folder in self._unwatchable)

    @property
    def trouble(self) -> str:
        """The reason why not all folders send events; empty if all do, or if the place of one never can."""
        reasons = [why for folder, why in self._unwatchable.items() if not folder.no_events]
        return reasons[0] if reasons else f"{counted(self._missing, 'folder')} without a watch" if self._missing else ""

    def take(self) -> Hints:
        """Return the hints since the last call, and forget them."""
        with self._lock:
            paths, self._paths = self._paths, set()
            everything, self._everything = self._everything, False
        return Hints(None if everything or len(paths) > _MOST_HINTS else frozenset(paths))

    def close(self) -> None:
        """Watch nothing any more, and end watchdog's threads."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
        logging.getLogger(_WATCHDOG).removeHandler(self._overflows)
        self._observer = None
        self._watched.clear()

    def hint(self, path: str) -> None:
        """Remember that something may have changed at this path. May be called from any thread."""
        with self._lock:
            # One more than the limit is kept: that is how ``take`` knows that it was passed.
            if len(self._paths) <= _MOST_HINTS:
                self._paths.add(path)
        self._wake.set()

    def hint_everything(self) -> None:
        """Remember that anything may have changed. May be called from any thread."""
        with self._lock:
            self._everything = True
        self._wake.set()

    def _at_work(self) -> set[ObservedWatch]:
        """Return the watches that still send events: one ends when its folder is removed, whatever gets its inode then."""
        emitters = self._observer.emitters if self._observer is not None else ()
        return {each.watch for each in emitters if each.is_alive()}

    def _begin_again(self) -> None:
        """Try the folders once more that could not be watched, and the trees in which some could not."""
        self._unwatchable = {each: why for each, why in self._unwatchable.items() if each.no_events}
        for folder in [each for each in self._watched if each.recursive and self._missing]:
            self._forget(folder)

    def _count_missing(self, wanted: Iterable[WatchedFolder], now: float) -> None:
        """Ask the kernel if each folder inside the trees is watched; say it if not, and when all are."""
        self._count_at = now + _COUNT_SECONDS
        missing, of = watches_missing(os.getpid(), self._watched)
        # A folder that was made this very moment gets its watch in the next one.
        suspected, self._suspected = self._suspected, missing > 0
        if missing and not suspected:
            self._count_at = now
            return
        self._missing = missing
        if self._missing:
            refused = [each.folder for each in self._watched if not os.access(each.folder, os.R_OK)]
            why = f"{refused[0]} cannot be listed" if refused else f"inotify watch limit reached; {_LIMITS}"
            self._say("", f"cannot watch {self._missing} of {of} folders ({why}); all are polled", logging.WARNING)
        if self._missing or any(not each.no_events for each in self._unwatchable):
            self._again.plan(now)
            return
        self._again = Retry()
        if self._said and self._watched.keys() >= {each for each in wanted if not each.no_events and _inode(each)}:
            self._said.clear()
            log.info("all folders are watched again")

    def _say(self, about: str, sentence: str, level: int) -> None:
        """Log a sentence once, until all folders are watched again."""
        if about not in self._said:
            log.log(level, "%s every rescan_interval_seconds instead", sentence)
        self._said.add(about)

    def _add(self, folder: WatchedFolder) -> None:
        inode = _inode(folder)
        if inode is None:  # not there yet
            return
        if folder.no_events:
            self._set_unwatchable(folder, folder.no_events)
            return
        observer = self._started()
        if observer is None:
            self._unwatchable[folder] = "no inotify instance"
            return
        try:
            # A link itself never changes; what it leads to does.
            path = os.path.realpath(folder.folder)
            watched = observer.schedule(_Handler(self, folder), path, recursive=folder.recursive, event_filter=_KINDS)
            self._watched[folder] = watched, inode
        except OSError as error:
            self._set_unwatchable(folder, f"{error.strerror or error}; {_LIMITS}")

    def _started(self) -> BaseObserver | None:
        """Return watchdog's observer, ``None`` if the user has no inotify instance left: the log says so once.

        The first watch starts its thread; an agent that watches nothing has none.
        """
        if self._observer is None:
            try:
                observer = Observer()
                observer.name = "watch"
                observer.start()
            except OSError as error:
                why = f"{error.strerror or error}; {_LIMITS}"
                self._say("instances", f"cannot watch any folder ({why}); all are polled", logging.WARNING)
            else:
                self._observer = observer
                logging.getLogger(_WATCHDOG).addHandler(self._overflows)
        return self._observer

    def _set_unwatchable(self, folder: WatchedFolder, why: str) -> None:
        self._unwatchable[folder] = why
        self._say(folder.folder, f"cannot watch {folder.folder} ({why}); it is polled", logging.WARNING)

    def _forget(self, folder: WatchedFolder) -> None:
        watched, _ = self._watched.pop(folder)
        if self._observer is not None:
            # watchdog forgets by itself what it could not remove.
            with suppress(KeyError, OSError):
                self._observer.unschedule(watched)


class _Overflows(logging.Handler):
    """Hears from watchdog's log that the kernel dropped events, which watchdog tells nobody else."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.WARNING)
        self._watch = watch

    def emit(self, record: logging.LogRecord) -> None:
        if "overflow" in record.getMessage():
            self._watch.hint_everything()


def watch_trouble(folders: Iterable[WatchedFolder]) -> str:
    """Return why these folders cannot all be watched now; empty if they can. It tries, and leaves no watch behind."""
    watch = Watch(threading.Event())
    try:
        folders = list(folders)
        for _ in range(2):  # the second call makes sure of what the first one found
            watch.set_folders(folders)
        return watch.trouble
    finally:
        watch.close()


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
    except (OSError, ValueError):
        return None
