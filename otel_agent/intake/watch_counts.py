"""How many folders the kernel really watches for a process.

watchdog says nothing when a folder inside a tree cannot be watched, because the user has no watch left. The kernel lists
the watches of each process, and a process of the same user may read the list.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from otel_agent.opencode.bounded_files import listing
from otel_agent.opencode.locations import WatchedFolder

_YOUNG_SECONDS: Final = 60.0
_PROC: Final = Path("/proc")
_INOTIFY: Final = "anon_inode:inotify"
_WATCH: Final = b"inotify wd:"


def watches_of(pid: int, proc: Path = _PROC) -> int | None:
    """Return how many inotify watches a process has, ``None`` if that cannot be known here."""
    process = proc / str(pid)
    try:
        descriptors = [each for each in (process / "fd").iterdir() if _leads_to_inotify(each)]
        return sum((process / "fdinfo" / each.name).read_bytes().count(_WATCH) for each in descriptors)
    except OSError:
        return None


def watches_wanted(folders: Iterable[WatchedFolder]) -> int:
    """Return how many watches these folders need at least: one each, and one for each folder directly in a tree."""
    there = [each for each in folders if not each.no_events and os.path.isdir(each.folder)]  # noqa: PTH112 - never raises
    paths = {os.path.realpath(each.folder): each.recursive for each in there}
    return sum(1 + (_folders_in(path) if recursive else 0) for path, recursive in paths.items())


def watches_missing(pid: int, folders: Iterable[WatchedFolder]) -> tuple[int, int]:
    """Return how many of these folders a process does not watch, and how many it should; 0 missing if nobody can know."""
    wanted, found = watches_wanted(folders), watches_of(pid)
    return 0 if found is None else max(wanted - found, 0), wanted


def unwatched(pid: int, since: str, folders: Iterable[WatchedFolder]) -> str:
    """Return how many of these folders an agent watches that has the ledger ``since``; empty if it watches all of them."""
    # An agent that has just begun watches nothing yet, and a summary that brings the ledger up to date never does.
    try:
        is_young = (datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds() < _YOUNG_SECONDS
    except (ValueError, TypeError):
        is_young = False
    missing, wanted = (0, 0) if is_young else watches_missing(pid, folders)
    return f"the running agent watches {wanted - missing} of {wanted}" if missing else ""


def _leads_to_inotify(descriptor: Path) -> bool:
    # A descriptor can be closed at any moment by another thread.
    with suppress(OSError):
        return str(descriptor.readlink()) == _INOTIFY
    return False


def _folders_in(folder: str) -> int:
    with suppress(OSError):
        return sum(entry.is_dir(follow_symlinks=False) for entry in listing(folder, []))
    return 0
