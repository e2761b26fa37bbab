"""Reading one of OpenCode's files: regular files only, and never more than a bound."""

import os
import stat
from collections.abc import Iterator
from os import DirEntry
from pathlib import Path

from otel_agent.model import Problem, ProblemKind


class Unreadable(Exception):
    """A file that is there and cannot be read; ``problem`` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


def read_bounded(path: str, limit: int) -> bytes | None:
    """The file's bytes, ``None`` where it is gone or no regular file (a pipe would block for ever).

    Raises ``Unreadable`` where access is refused or the file is larger than ``limit`` bytes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(Problem(ProblemKind.NO_ACCESS, path, error.strerror or "")) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        if status.st_size > limit:
            raise Unreadable(Problem(ProblemKind.TOO_LARGE, path, f"{status.st_size} bytes"))
        return os.read(descriptor, status.st_size + 1)
    except OSError as error:
        raise Unreadable(Problem(ProblemKind.NO_ACCESS, path, error.strerror or "")) from None
    finally:
        os.close(descriptor)


def listing(folder: Path | str, problems: list[Problem]) -> Iterator[DirEntry[str]]:
    """The folder's entries; nothing where it is not there, and a problem where it may not be read."""
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        problems.append(Problem(ProblemKind.NO_ACCESS, str(folder), error.strerror or ""))


def status(entry: DirEntry[str]) -> os.stat_result | None:
    """The entry's status, links followed; ``None`` where it went away meanwhile."""
    try:
        return entry.stat()
    except OSError:
        return None
