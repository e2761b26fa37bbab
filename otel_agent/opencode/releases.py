"""The releases of OpenCode: which one comes first, and which ones this version is known to read right.

These are 0.1 to 1.18, by running them, and 2.x by its source.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_NEWEST: Final = {0: 99, 1: 18, 2: 99}
"""Major version to the newest minor that is known. Each minor of 0 and of 2 counts as known: their storage is their own."""
_VERSION: Final = re.compile(r"v?([0-9]{1,6})\.([0-9]{1,6})(?:\.([0-9]{1,6}))?(?![0-9])")
_LONGEST: Final = 64


@lru_cache(maxsize=256)
def release(version: str) -> tuple[int, int] | None:
    """Return major and minor version, ``None`` for a text that names no release: ``0.0.0-dev`` is somebody's own build."""
    found = _VERSION.match(version[:_LONGEST])
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    return None if number == (0, 0) else number


def newer_than_known(versions: Iterable[str]) -> list[str]:
    """Return the versions that are newer than what is known, the oldest first. A text that is no version, such as
    ``local``, is somebody's own build and is left out."""
    newer: dict[tuple[int, int, int], str] = {}
    for version in versions:
        found = _VERSION.match(version[:_LONGEST])
        if found:
            major, minor, patch = int(found[1]), int(found[2]), int(found[3] or 0)
            if minor > _NEWEST.get(major, -1):
                newer[major, minor, patch] = found[0]
    return [newer[number] for number in sorted(newer)]
