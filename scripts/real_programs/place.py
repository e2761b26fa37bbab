"""Put something into .cache so that it is there as a whole or not at all, and made once however many ask for it."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from scripts.real_programs.running import say

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"

_SCRATCH = ".making-"


@contextmanager
def alone(lock: Path, what: str) -> Iterator[None]:
    """Let one process at a time into the block. The lock goes with the process, however that ends."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another call that is getting {what}")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def make_once(place: Path, what: str, is_there: Callable[[Path], bool], make: Callable[[Path], None]) -> None:
    """Have `make` write a file or folder at the path that it is given, then rename that to `place`.

    Nothing happens if `is_there(place)`, also if another process has just made it. Whatever stops `make`, nothing of it
    stays. The path that `make` gets lies in a folder that is empty and goes away, so there is room for its work beside it.
    """
    with alone(place.parent / ".lock", what):
        if is_there(place):
            return
        _remove_left_overs(place.parent)
        scratch = Path(mkdtemp(prefix=_SCRATCH, dir=place.parent))
        try:
            made = scratch / place.name
            make(made)
            if os.path.lexists(place):
                # It is there and not whole, such as an empty folder of an interrupted build by hand.
                place.rename(scratch / "replaced")
            made.rename(place)
        finally:
            _remove(scratch)


def _remove_left_overs(folder: Path) -> None:
    """Remove the scratch folders of calls that were killed. The lock is ours, so no other call is using one."""
    for left in folder.glob(f"{_SCRATCH}*"):
        _remove(left)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
