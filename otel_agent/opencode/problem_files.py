"""Files and folders with a problem: did they change or go away since, so that reading them again may succeed?"""

import os
from collections.abc import Iterable
from pathlib import Path
from time import time_ns
from typing import Final

from otel_agent.model import ProblemKind, ProblemPlace

_MINUTE_MS: Final = 60_000


def changed(problems: Iterable[ProblemPlace]) -> list[str]:
    """Return the places that went away or changed since their problem was noted."""
    return [problem.place for problem in problems if _changed(problem)]


def _changed(problem: ProblemPlace) -> bool:
    try:
        status = Path(problem.place).stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return True
    except OSError:
        return False
    if problem.kind in (ProblemKind.NO_ACCESS, ProblemKind.NOT_LISTED):
        # The permission may have been given to a folder above, which leaves no mark on the file. A disk that fails at
        # this place does not say so before it is read.
        return _can_be_read(problem.place)
    if problem.kind.is_of_a_store:
        return False
    # A clock that was ahead noted a time that no change of the file passes for years.
    return status.st_ctime_ns // 1_000_000 > problem.noted_ms or problem.noted_ms > time_ns() // 1_000_000 + _MINUTE_MS


def _can_be_read(place: str) -> bool:
    try:
        if os.path.isdir(place):  # noqa: PTH112 - Path's raises if a folder may not be searched
            with os.scandir(place) as entries:
                next(entries, None)
            return True
        # A pipe would block for ever without this.
        file = os.open(place, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            os.read(file, 1)
        finally:
            os.close(file)
    except OSError:
        return False
    return True
