"""Read one of OpenCode's files: regular files only, and never more than a bound."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from os import DirEntry
from pathlib import Path
from typing import Final, Self

from otel_agent.model import Problem, ProblemKind, Unreadable
from otel_agent.opencode.long_listings import in_progress
from otel_agent.opencode.shortened import CHUNK, shortened

_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_HAS_DIR_FD: Final = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")
WHOLE_BYTES: Final = 1024 * 1024
"""Bytes of a file that is read as it is."""
RACY_NS: Final = 2 * 10**9
"""A younger file may be written again without a change of its status, so it is read again next time."""


SETTLED_NS: Final = 150_000_000
"""OpenCode overwrites a file in place. A younger file may be new text with an old tail, and be valid JSON by chance.

A message is read 0.2 s after its last hint, so this delays hardly any."""
_LONGEST_NAME: Final = 240
"""Bytes of a name; file systems take 255, the ending included. OpenCode's ids have 30."""


def expanded(path: str | Path) -> Path:
    """Return a path with the home of its user. If there is no such user it stays as it is, and nothing is found there."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path's raises then


def is_plain_name(name: str) -> bool:
    """Return True if a text from a file can name a file or a folder, and so cannot lead out of its folder."""
    if not name or name in (".", "..") or not name.isprintable():
        return False
    return not any(each in name for each in "/\\:") and len(name.encode("utf-8", "replace")) <= _LONGEST_NAME


def read_bounded(path: str, limit: int) -> bytes | None:
    """Return the file's bytes, ``None`` if it is gone or no regular file (a pipe would block for ever).

    The JSON in a file of more than ``WHOLE_BYTES`` comes with its long texts shortened. Raises ``Unreadable`` if access is refused or the file is larger than ``limit`` bytes.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # the last for a name that no file can have
        return None
    except OSError as error:
        raise Unreadable(Problem(ProblemKind.NO_ACCESS, in_words(path), error.strerror or "")) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > limit:
            raise Unreadable(Problem(ProblemKind.TOO_LARGE, in_words(path), f"{status.st_size} bytes"))
        if status.st_size <= WHOLE_BYTES:
            return os.read(descriptor, status.st_size + 1)
        found = shortened(iter(lambda: os.read(descriptor, CHUNK), b""))
        if found is None:
            raise Unreadable(Problem(ProblemKind.TOO_LARGE, in_words(path), f"{status.st_size} bytes"))
        return found
    except OSError as error:
        raise Unreadable(Problem(ProblemKind.NO_ACCESS, in_words(path), error.strerror or "")) from None
    finally:
        os.close(descriptor)


def last_bytes(path: str, limit: int) -> tuple[bytes, bool, float] | None:
    """Return the end of a file, whether that is all of it, and the time of its last change in seconds.

    ``None`` if it is gone or no regular file. Raises ``Unreadable`` if access is refused.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    except OSError as error:
        raise Unreadable(Problem(ProblemKind.NO_ACCESS, in_words(path), error.strerror or "")) from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None
        os.lseek(descriptor, max(found.st_size - limit, 0), os.SEEK_SET)
        return os.read(descriptor, limit), found.st_size <= limit, found.st_mtime
    except OSError as error:
        raise Unreadable(Problem(ProblemKind.NO_ACCESS, in_words(path), error.strerror or "")) from None
    finally:
        os.close(descriptor)


class OpenFolder:
    """A folder that stays open while its files are read, each by its name: a tenth faster than by its path."""

    def __init__(self, path: Path | str, limit: int) -> None:
        self._path, self._limit = path, min(limit, WHOLE_BYTES)
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        if _HAS_DIR_FD:
            with suppress(OSError, ValueError):
                self._descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY)
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self, name: str) -> tuple[bytes, os.stat_result] | None:
        """Return a file's bytes and its status from before they were read.

        ``None`` if anything is out of the ordinary: then ``read_bounded`` says what. Only the status of the open file
        is asked for: that saves a third of the time of reading a small file.
        """
        if self._descriptor is None:
            return None
        try:
            file = os.open(name, _FLAGS, dir_fd=self._descriptor)
        except (OSError, ValueError):
            return None
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode) or found.st_size > self._limit:
                return None
            return os.read(file, found.st_size + 1), found
        except OSError:
            return None
        finally:
            os.close(file)


class NamedFile:
    """A file whose name is known, so that its folder need not be listed. It may not be there."""

    def __init__(self, name: str, path: str) -> None:
        self.name, self.path = name, path

    def stat(self) -> os.stat_result:
        """Return its status, links followed. Raises ``OSError`` and, for a name that no file can have, ``ValueError``."""
        return os.stat(self.path)  # noqa: PTH116 - asked for each file


Entry = DirEntry[str] | NamedFile
"""A file of a folder, however it was found."""


def listing(folder: Path | str, problems: list[Problem]) -> Iterator[DirEntry[str]]:
    """Yield the folder's entries; none if it is not there, and add a problem if it may not be read."""
    try:
        with os.scandir(folder) as entries:
            yield from in_progress(folder, entries)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return
    except OSError as error:
        problems.append(Problem(ProblemKind.NO_ACCESS, in_words(folder), error.strerror or ""))


def is_folder(entry: DirEntry[str]) -> bool:
    """Return True if the entry, or what it links to, is a folder; False for a link that leads nowhere or in a circle."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def in_words(path: str | Path) -> str:
    """Return the path as text that SQLite and a terminal accept: bytes that are no UTF-8 are spelt out."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def status(entry: Entry) -> os.stat_result | None:
    """Return the entry's status, links followed; ``None`` if it went away meanwhile."""
    try:
        return entry.stat()
    except (OSError, ValueError):
        return None
