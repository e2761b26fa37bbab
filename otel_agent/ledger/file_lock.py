"""A lock file that one process has at a time: the same lock as that of the library filelock, at a tenth of its imports.

The system's own call does it on Linux and macOS. filelock does it elsewhere, and on a file system without that call.
"""

import os
import time
from errno import EACCES, EAGAIN, ENOSYS
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
_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


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
        """Let another process have it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._library is not None:
            self._library.release()

    def _acquired(self, path: Path) -> bool:
        if fcntl is None:
            return self._acquired_by_library(path)
        descriptor = os.open(path, _FLAGS, _MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A file that was removed meanwhile protects nothing: the next process makes another one.
            if os.fstat(descriptor).st_nlink:
                self._descriptor = descriptor
                return True
        except OSError as error:
            if error.errno == ENOSYS:
                return self._acquired_by_library(path)
            if error.errno not in (EACCES, EAGAIN):
                raise
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
