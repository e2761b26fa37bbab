"""How far a thread is with the listing of a long folder. So whoever waits for it knows that it is busy and does not
hang."""

import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from os import DirEntry
from pathlib import Path
from typing import Final, NamedTuple

_AT_ONCE: Final = 1_000
"""Entries between two notes; a folder with fewer is never noted."""


class Listed(NamedTuple):
    """A folder that is being listed, and how many of its entries were passed on."""

    folder: str
    entries: int


_listed: Final[dict[int, Listed]] = {}
"""The long folder that a thread lists now, by the thread. Each thread writes only its own."""


def in_progress(folder: Path | str, entries: Iterable[DirEntry[str]]) -> Iterator[DirEntry[str]]:
    """Yield these entries of a folder, and note how many the calling thread has passed on."""
    entries, thread, number, note = iter(entries), threading.get_ident(), 0, None
    try:
        while some := list(islice(entries, _AT_ONCE)):
            yield from some
            number += len(some)
            if len(some) == _AT_ONCE:
                _listed[thread] = note = Listed(str(folder), number)
    finally:
        # A folder inside may have been noted since.
        if note is not None and _listed.get(thread) is note:
            del _listed[thread]


def listed_by(thread: threading.Thread) -> Listed | None:
    """Return what a thread lists now and how far it is; ``None`` if that is no long folder."""
    return None if thread.ident is None else _listed.get(thread.ident)
