"""The JSON trees of OpenCode up to 1.1. Every user from before 1.2 still has one on disk."""

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from os import DirEntry
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from otel_agent.model import AskWanted, Batch, Calls, CallsWanted, Checkpoint, Message, Problem, ReadScope, Recall
from otel_agent.opencode.bounded_files import RACY_NS, in_words, is_folder, listing, status
from otel_agent.opencode.json_tree.folder import Folder, place_of
from otel_agent.opencode.json_tree.layout import Layout
from otel_agent.opencode.json_tree.parts import TreeParts
from otel_agent.opencode.json_tree.restless import Restless
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.opencode.parts.reader import PartReader

if TYPE_CHECKING:
    from otel_agent.opencode.json_tree.exchange import AtRest

_FLUSH: Final = 8_000
"""Messages, problems and checkpoints in a batch, about 8 MB: memory does not follow the length of the history."""
_MANY: Final = 200
"""Folders from which on other processes help with a first look: they take 0.15 s to begin, and save more than that."""
_COUNTED: Final = 500
"""Folders whose files are counted at least, to know about how long a first look takes."""


class _Listed(NamedTuple):
    """A folder to look at, and when it changed."""

    name: str
    changed_ns: int
    files: frozenset[str] | None = None
    """The files to read; if it is ``None``, the folder is listed."""


class _Look(NamedTuple):
    """What is the same for all folders of a pass."""

    recall: Recall
    ask_wanted: AskWanted
    sessions: Sessions
    now_ns: int


class JsonTree:
    """One tree. A folder in which everything was at rest is skipped until its time changes. A sweep reads it anyway,
    because a file that is rewritten in place does not touch its folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._unknown: dict[str, str] = {}
        self._at_rest: dict[str, int] = {}
        """Folder to its modification time, about 150 bytes for each session of the tree. Each sweep leaves it in the
        checkpoint of the tree, with which the next process begins."""
        self._restless = Restless()
        self._sessions_at: dict[str, int] = {}
        """Session to the time of its file when a sweep read it, about 150 bytes for each."""
        self._reported = {str(layout.messages), os.path.realpath(layout.messages)}
        """The paths by which a hint may name the folder: some systems report the path behind links."""
        self.name = in_words(layout.messages)
        self._place = f"tree:{self.name}"

    @property
    def folder(self) -> Path:
        """The folder that holds a folder of messages for each session."""
        return self._layout.messages

    @property
    def is_tree(self) -> bool:
        """Always True: it changes in the folders below."""
        return True

    @property
    def in_flight(self) -> list[Path] | None:
        """The files of messages in flight, which are rewritten in place: that does not touch their folders."""
        found = self._restless.in_flight
        if found is None:
            return None
        return [self._layout.messages / name / file for name, files in found.items() for file in files]

    def close(self) -> None:
        """Forget which folders are at rest and what sessions said, so that the next pass begins from the checkpoints."""
        self._at_rest.clear()
        self._restless.clear()
        self._sessions_at.clear()

    def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
        """Yield what may be new since the checkpoints; a folder that is at rest is not even listed, except in a sweep."""
        now_ns = now_ms * 1_000_000
        recalled = recall(self._place)
        # A new process begins with what the last sweep left; a store that was closed begins with it as well.
        if not self._at_rest and recalled:
            self._at_rest = _left_at(recalled)
        problems: list[Problem] = []
        listed = list(self._folders(scope, now_ns, problems))
        # Nothing in the others has changed since everything in them was final.
        changed = [
            each
            for each in listed
            if each.files != frozenset() and (scope.sweep or self._at_rest.get(each.name) != each.changed_ns)
        ]
        look = _Look(recall, ask_wanted, Sessions(self._layout, now_ns, self._unknown), now_ns)
        # A tree that appears while an agent runs is read as a whole without a sweep.
        first = recalled is None and scope.changed_paths is None
        batch = Batch(problems=problems)
        with closing(self._first_reads(changed, look) if first else self._reads(changed, look)) as reads:
            for read in reads:
                if _size(batch) + _size(read) > _FLUSH:
                    yield batch
                    batch = Batch()
                batch.add(read)
        if scope.sweep and not first:
            yield from look.sessions.look_at_lines(self._sessions_at)
            batch.lines += look.sessions.take_lines()
            batch.problems += look.sessions.take_problems()
        if scope.sweep or first:
            self._leave({each.name for each in listed}, recalled or b"", batch)
        if batch != Batch():
            yield batch

    def _reads(self, folders: Iterable[_Listed], look: _Look) -> Generator[Batch]:
        """Yield what is new in these folders. The checkpoint of a folder comes with its last messages."""
        for listed in folders:
            path = self._path(listed)
            folder = Folder(self._layout, look.sessions, path, look.recall, look.now_ns, listed.files)
            yield from folder.read(look.ask_wanted)
            last = Batch()
            folder.finish(last)
            last.settling = int(folder.settling)
            self._note(listed, look.now_ns, folder)
            yield last

    def _first_reads(self, folders: Sequence[_Listed], look: _Look) -> Generator[Batch]:
        """Yield the same; other processes read what is at rest, if there is much of it."""
        unknown = [each for each in folders if look.recall(place_of(self._path(each))) is None]
        if len(unknown) < _MANY:
            yield from self._reads(folders, look)
            return
        from otel_agent.opencode.json_tree.reading_processes import ReadingProcesses  # noqa: PLC0415 - only a long first look needs processes

        done: set[str] = set()
        with ReadingProcesses(self._layout, [each.name for each in unknown], look.now_ns) as processes:
            for several in processes.found():
                for number, found in _unasked(several, look.ask_wanted):
                    folder = unknown[number]
                    done.add(folder.name)
                    self._note(folder, look.now_ns)
                    checkpoints = [Checkpoint(place_of(self._path(folder)), found.state)] if found.state else []
                    yield Batch(
                        found.messages,
                        found.sessions,
                        [],
                        checkpoints,
                        looked_at=found.looked_at,
                        lines=found.lines,
                    )
        yield from self._reads([each for each in folders if each.name not in done], look)

    def read_calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
        """Return the calls of messages that were read earlier. Raises ``BeingWritten``."""
        return PartReader(TreeParts(self._layout, Sessions(self._layout, time_ns()))).calls(messages, wanted)

    def length(self) -> int:
        """Return about how many files there are: of many folders, some are counted and stand for all."""
        folders = [entry for entry in listing(self._layout.messages, []) if is_folder(entry)]
        # To count the files of 6,000 folders takes 0.2 s, in which nothing is read yet.
        some = folders[:: max(len(folders) // _COUNTED, 1)]
        counted = sum(map(_number_of_files, some))
        return counted if len(some) == len(folders) else round(counted / len(some) * len(folders))

    def _note(self, listed: _Listed, now_ns: int, read: Folder | None = None) -> None:
        """Note if the folder is at rest. One that changed a moment ago is not: it can change again without a new time.

        ``read`` is the folder as it was read here; another process passes on only folders in which everything is at rest.
        """
        name, changed_ns, files = listed
        if read is not None:
            self._restless.note_listing(name, read.entries, now_ns)
        # Of a folder that was not listed nobody knows. A time in the future is one of another clock, and moves with the
        # next change like any other.
        if (read is None or read.at_rest) and files is None and abs(now_ns - changed_ns) > RACY_NS:
            self._at_rest[name] = changed_ns
            self._restless.forget(name)
            return
        was_at_rest = self._at_rest.pop(name, None) is not None
        if read is not None:
            self._restless.note(name, read, files, now_ns, is_watched=was_at_rest)

    def _path(self, folder: _Listed) -> Path:
        return self._layout.messages / folder.name

    def _folders(self, scope: ReadScope, now_ns: int, problems: list[Problem]) -> Iterator[_Listed]:
        """Yield the folders to look at. Names instead of paths: a pass over 4,000 folders at rest takes half of the time so."""
        if scope.sweep or scope.changed_paths is None:
            for entry in listing(self._layout.messages, problems):
                # First what the listing itself tells: a file beside them costs nothing more.
                if is_folder(entry) and (found := status(entry)) is not None:
                    files = None if scope.sweep else self._restless.files_between_listings(entry.name, now_ns)
                    yield _Listed(entry.name, found.st_mtime_ns, files)
            return
        hinted = _below(self._reported, scope.changed_paths)
        for name in sorted({*self._restless.young(now_ns), *hinted}):
            path = self._layout.messages / name
            try:
                found = path.stat()
            except (OSError, ValueError):
                continue
            if path.is_dir():
                is_known = name in self._at_rest or name in self._restless
                files = self._restless.files(name, hinted.get(name, frozenset()), now_ns) if is_known else None
                yield _Listed(name, found.st_mtime_ns, files)

    def _leave(self, seen: set[str], recalled: bytes, batch: Batch) -> None:
        """Write down which folders are at rest, without those that are gone. A name that is no text is no session."""
        self._at_rest = {name: self._at_rest[name] for name in sorted(self._at_rest.keys() & seen)}
        self._restless.keep(seen)
        state = msgspec.msgpack.encode({name: at for name, at in self._at_rest.items() if name.isascii()})
        if state != recalled:
            batch.checkpoints.append(Checkpoint(self._place, state))


def _unasked(several: Sequence[tuple[int, "AtRest"]], ask_wanted: AskWanted) -> Iterator[tuple[int, "AtRest"]]:
    """Yield the folders that no calls are wanted from, each with its number.

    The parts of the others are read by the asking process, with the code that reads them for a message that comes today.
    """
    # One question for all, because another thread answers it. The process that counts then reads 800 folders in 0.11 s of
    # CPU instead of 0.13 s.
    wanted = ask_wanted([message for _, found in several for message in found.messages])
    for number, found in several:
        if wanted.messages or wanted.turns:
            wanted_here = ask_wanted(found.messages)
            if wanted_here.messages or wanted_here.turns:
                continue
        yield number, found


def _below(folders: set[str], hinted: frozenset[str]) -> dict[str, frozenset[str] | None]:
    """Return the folders directly below in which a hint says that something changed, each with the names of those files.

    ``None`` stands for any file: the hint is about the folder itself.
    """
    beginnings = [f"{folder}{os.sep}" for folder in folders]
    found: dict[str, frozenset[str] | None] = {}
    for path in hinted:
        for beginning in beginnings:
            if path.startswith(beginning):
                folder, _, rest = path[len(beginning) :].partition(os.sep)
                before = found.get(folder, frozenset())
                found[folder] = before | {rest.partition(os.sep)[0]} if rest and before is not None else None
    return found


def _size(batch: Batch) -> int:
    return len(batch.messages) + len(batch.problems) + len(batch.checkpoints)


def _number_of_files(folder: DirEntry[str]) -> int:
    # One after the other: the names of a million files would be 100 MB.
    return sum(1 for _ in listing(folder.path, []))


def _left_at(recalled: bytes) -> dict[str, int]:
    try:
        return msgspec.msgpack.decode(recalled, type=dict[str, int])
    except msgspec.DecodeError:
        return {}  # not what we wrote: every folder is listed again
