"""The marks of a folder's files: which of them are as they were when they were read for the last time.

A mark is made of size, times and inode. A folder with a million files costs 8 bytes for each mark, and one byte more
while it is listed. As Python's objects they would be 150 MB.
"""

import os
import sys
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from heapq import merge
from itertools import compress, pairwise
from typing import Final

_SIZE: Final = 8
"""Bytes of a mark. Two of one folder agree by chance once in 10^13 folders of a thousand files."""
_WHOLE_NUMBER: Final = "q"
_RUN: Final = 65_536
"""New marks that are sorted at once: as whole numbers of Python's they are 2 MB."""


def mark_of(found: os.stat_result) -> int:
    """Return the mark of a file with this status."""
    # Python's hash of whole numbers is the same in each process, and takes a quarter of the time of a cryptographic one.
    # A file that gets another name gets another change time with it.
    return hash((found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino))


class Marks:
    """The marks of a checkpoint, which of them were met again, and the new ones."""

    def __init__(self, state: bytes) -> None:
        """Take the state of a checkpoint, which may be of an earlier version, in another order."""
        self._state = state
        self._known = _numbers(state)
        self._met = bytearray(len(self._known))
        self._new = array(_WHOLE_NUMBER)
        self._runs: list[Sequence[int]] = []

    def __bool__(self) -> bool:
        """Return True if the checkpoint knew any."""
        return bool(self._known)

    def meet(self, mark: int) -> bool:
        """Return True if the checkpoint knew the mark, and keep it then."""
        place = bisect_left(self._known, mark)
        if place == len(self._known) or self._known[place] != mark:
            return False
        self._met[place] = 1
        return True

    def add(self, mark: int) -> None:
        """Keep the mark of a file that was read now."""
        if self.meet(mark):
            return
        self._new.append(mark)
        if len(self._new) >= _RUN:
            self._sort()

    def state(self) -> bytes:
        """Return the state with the marks that were met or added: that of before if they are the same."""
        if not self._new and not self._runs and all(self._met):
            return self._state
        self._sort()
        kept = compress(self._known, self._met)
        return _bytes(array(_WHOLE_NUMBER, merge(kept, *self._runs) if self._runs else kept))

    def _sort(self) -> None:
        if self._new:
            self._runs.append(array(_WHOLE_NUMBER, sorted(self._new)))
            self._new = array(_WHOLE_NUMBER)


def is_in(state: bytes, found: os.stat_result) -> bool:
    """Return True if the state of a checkpoint has the mark of a file with this status."""
    return Marks(state).meet(mark_of(found))


def _numbers(state: bytes) -> "array[int]":
    """Return the marks of a state in order, each once."""
    found = array(_WHOLE_NUMBER, state[: len(state) - len(state) % _SIZE])
    if sys.byteorder == "big":
        found.byteswap()
    # Earlier versions wrote them in the order of their bytes. Hard links to one file have the same mark.
    if any(one >= other for one, other in pairwise(found)):
        found = array(_WHOLE_NUMBER, sorted(set(found)))
    return found


def _bytes(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
