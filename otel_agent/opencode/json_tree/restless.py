"""The folders of a tree that are not at rest: which files of them are to be read again, and when all of them."""

from collections.abc import Collection, Iterator
from typing import Final

from msgspec import Struct

from otel_agent.opencode.json_tree.folder import Folder

_YOUNG_NS: Final = 10 * 10**9
"""A folder that is not at rest is looked at without a hint for so long. As long as it is new it is listed then: its first
files appear before the watch exists, and are never reported."""
_LONG: Final = 10_000
"""Entries of a folder that is not listed in each pass any more …"""
_PAUSE_NS: Final = 200_000
"""… but after so long for each entry. To list one takes 5 µs, so this is a fortieth of the time, however long it is."""


class _State(Struct):
    since_ns: int
    """When it was last at rest, or a message of it was last put off. Nanoseconds since the Unix epoch."""
    met_ns: int
    """When it was met for the first time: the watch may not see all of its files. It is 0 if it was known long
    before."""
    files: frozenset[str] | None
    """The files to read again; ``None`` if they are too many, or if not all of its files were ever read."""
    put_off: bool
    """True if one of them waits for another file, such as that of its session."""


class Restless:
    """All such folders of one tree, by their names."""

    def __init__(self) -> None:
        self._states: dict[str, _State] = {}
        self._listed: dict[str, tuple[int, int]] = {}
        """Long folders: how many entries they had and when they were last listed."""

    def __contains__(self, name: str) -> bool:
        """Return True if a folder is known as one that is not at rest."""
        return name in self._states

    @property
    def in_flight(self) -> dict[str, frozenset[str]] | None:
        """Each such folder with the files to read again; ``None`` if not all files are known for which something waits."""
        found = {name: each.files for name, each in self._states.items() if each.files is not None and not each.put_off}
        return found if len(found) == len(self._states) else None

    def young(self, now_ns: int) -> Iterator[str]:
        """Yield the folders to look at without a hint."""
        return (name for name, each in self._states.items() if abs(now_ns - each.since_ns) < _YOUNG_NS)

    def files(self, name: str, hinted: frozenset[str] | None, now_ns: int) -> frozenset[str] | None:
        """Return the files to read in a known folder after a hint about these; ``None`` if it has to be listed."""
        state = self._states.get(name)
        if hinted is None or state is None:
            return hinted
        if state.files is None or abs(now_ns - state.met_ns) < _YOUNG_NS:
            between = self.files_between_listings(name, now_ns)
            return None if between is None else between | hinted
        return state.files | hinted

    def files_between_listings(self, name: str, now_ns: int) -> frozenset[str] | None:
        """Return the files to read in a long folder that was listed not long ago; ``None`` for any other folder."""
        entries, listed_ns = self._listed.get(name, (0, 0))
        if abs(now_ns - listed_ns) >= entries * _PAUSE_NS:
            return None
        state = self._states.get(name)
        return frozenset() if state is None or state.files is None else state.files

    def note_listing(self, name: str, entries: int, now_ns: int) -> None:
        """Note that a folder was listed, and how many entries it has; 0 if it was not listed."""
        if entries > _LONG:
            self._listed[name] = entries, now_ns
        elif entries:
            self._listed.pop(name, None)

    def note(self, name: str, read: Folder, files: Collection[str] | None, now_ns: int, *, is_watched: bool) -> None:
        """Note a folder that is not at rest. ``files`` were read of it, all if that is ``None``.

        ``is_watched``: it was at rest before, so its watch began long ago.
        """
        before = self._states.get(name)
        unsettled = None if read.unsettled is None else frozenset(read.unsettled)
        # If only some files of a folder were read and it had to be listed before, it is listed later.
        if files is not None and before is not None and before.files is None:
            unsettled = None
        met_ns = before.met_ns if before else 0 if is_watched else now_ns
        # A message that was put off must be looked at soon, however long its folder has been restless.
        since_ns = now_ns if read.put_off or before is None else before.since_ns
        self._states[name] = _State(since_ns, met_ns, unsettled, read.put_off)

    def forget(self, name: str) -> None:
        """Forget a folder that is at rest now."""
        self._states.pop(name, None)

    def keep(self, names: Collection[str]) -> None:
        """Forget the folders that are gone."""
        self._states = {name: each for name, each in self._states.items() if name in names}
        self._listed = {name: each for name, each in self._listed.items() if name in names}

    def clear(self) -> None:
        """Forget everything."""
        self._states.clear()
        self._listed.clear()
