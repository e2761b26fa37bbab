"""A lock file that one process has at a time: the same lock as that of the library filelock, at a tenth of its imports.

The system's own call does it on Linux and macOS, and filelock elsewhere. Nobody falls back to a file whose existence is
the lock: it would stay when its process is killed. SQLite cannot work without the system's locks either.
"""

import os
import time
from errno import EACCES, EAGAIN
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from filelock import BaseFileLock

_MODE: Final = 0o600
_POLL_SECONDS: Final = 0.05
_SAFE: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_ASKED: Final = 20
"""Tries while others only ask who has the lock, with a millisecond between two. To ask takes a tenth of that."""


class Locked(Exception):
    """Another process has the lock."""


class FileLock:
    """A lock that this process has, until it is released or the process ends. The file stays."""

    def __init__(self, path: Path, patience_seconds: float = 0.0) -> None:
        """Raises ``Locked`` if another process has it all that time, ``OSError`` if the file cannot be used."""
        self._descriptor: int | None = None
        self._library: BaseFileLock | None = None
        give_up = time.monotonic() + patience_seconds
        while not self._acquired(path):
            if time.monotonic() >= give_up:
                raise Locked
            Event().wait(_POLL_SECONDS)  # another process ends this wait, and no event of ours

    def release(self) -> None:
        """Let another process have it. A second call does nothing: the descriptor may be another file's by then."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        library, self._library = self._library, None
        if library is not None:
            library.release()

    def _acquired(self, path: Path) -> bool:
        if fcntl is None:
            return self._acquired_by_library(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _SAFE, _MODE)
        try:
            if _lock(descriptor) and _is_at(path, descriptor):
                self._descriptor = descriptor
                return True
        finally:
            if self._descriptor is None:
                os.close(descriptor)
        return False

    def _acquired_by_library(self, path: Path) -> bool:
        # It takes 0.02 s to import, a tenth of a whole summary.
        from filelock import FileLock as LibraryLock  # noqa: PLC0415
        from filelock import Timeout  # noqa: PLC0415

        lock = LibraryLock(path, mode=_MODE)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return False
        self._library = lock
        return True


def is_locked(path: Path) -> bool:
    """Return True if a process has the lock. Raises ``OSError`` if the file is not there or cannot be used.

    Who asks shares the lock for a moment, so that no other who asks takes that for an agent.
    """
    if fcntl is None:
        path.stat()  # the lock itself would make the file
        try:
            FileLock(path).release()
        except Locked:
            return True
        return False
    descriptor = os.open(path, os.O_RDONLY | _SAFE)
    try:
        return not _flocked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    for _ in range(_ASKED):
        if _flocked(descriptor, fcntl.LOCK_EX):
            return True
        # If it can be shared, others only asked, and are done in a moment.
        if not _flocked(descriptor, fcntl.LOCK_SH):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        Event().wait(0.001)
    return False


def _flocked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (EACCES, EAGAIN):
            raise
        return False
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    """Return False if the file was removed or moved meanwhile: the next process finds another one there."""
    try:
        there, ours = path.lstat(), os.fstat(descriptor)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, ours)
