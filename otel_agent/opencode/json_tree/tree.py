"""The JSON trees of OpenCode up to 1.1. Every user from before 1.2 still has one on disk."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import time_ns
from typing import Final

import msgspec

from otel_agent.model import AskWanted, Batch, Calls, CallsWanted, Checkpoint, Message, ReadScope, Recall
from otel_agent.opencode.bounded_files import RACY_NS, in_words, is_folder, listing, status
from otel_agent.opencode.json_tree.folder import Folder
from otel_agent.opencode.json_tree.layout import Layout
from otel_agent.opencode.json_tree.parts import TreeParts
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.opencode.parts.reader import PartReader

_FLUSH: Final = 8_000
"""Messages, problems and checkpoints in a batch, about 8 MB: memory does not follow the length of the history."""
_YOUNG_NS: Final = 10 * 10**9
"""A folder that is not at rest is looked at without a hint for so long. Its first files appear before the watch exists,
and are never reported."""


class JsonTree:
    """One tree. A folder in which everything was at rest is skipped until its time changes. A sweep reads it anyway,
    because a file that is rewritten in place does not touch its folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._at_rest: dict[str, int] = {}
        """Folder to its modification time, about 150 bytes for each session of the tree. Each sweep leaves it in the
        checkpoint of the tree, with which the next process begins."""
        self._restless: dict[str, int] = {}
        """Folders that are not at rest, and since when, in nanoseconds since the Unix epoch."""
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

    def close(self) -> None:
        """Forget which folders are at rest, so that the next pass begins from the checkpoints."""
        self._at_rest.clear()
        self._restless.clear()

    def read(self, recall: Recall, ask_wanted: AskWanted, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
        """Yield what may be new since the checkpoints; a folder that is at rest is not even listed, except in a sweep."""
        now_ns = now_ms * 1_000_000
        sessions = Sessions(self._layout, now_ns)
        recalled = recall(self._place) or b""
        # A new process begins with what the last sweep left; a store that was closed begins with it as well.
        if not self._at_rest and recalled:
            self._at_rest = msgspec.msgpack.decode(recalled, type=dict[str, int])
        seen: set[str] = set()
        batch = Batch()
        for name, changed_ns in self._folders(scope, now_ns, batch):
            seen.add(name)
            # Nothing in it has changed since everything in it was final.
            if not scope.sweep and self._at_rest.get(name) == changed_ns:
                continue
            path = self._layout.messages / name
            folder = Folder(self._layout, sessions, path, recall, now_ns)
            for read in folder.read(ask_wanted):
                if _size(batch) + _size(read) > _FLUSH:
                    # The folder's checkpoint comes with its last batch: a file that is read twice counts once.
                    batch.sessions += folder.session
                    yield batch
                    batch = Batch()
                batch.add(read)
            folder.finish(batch)
            self._note(folder, path.name, changed_ns, now_ns)
        if scope.sweep:
            self._leave(seen, recalled, batch)
        if batch != Batch():
            yield batch

    def read_calls(self, messages: Sequence[Message], wanted: CallsWanted) -> Calls:
        """Return the calls of messages that were read earlier. Raises ``BeingWritten``."""
        return PartReader(TreeParts(self._layout, Sessions(self._layout, time_ns()))).calls(messages, wanted)

    def length(self) -> int:
        """Return how many files there are."""
        folders = (entry.path for entry in listing(self._layout.messages, []) if is_folder(entry))
        return sum(1 for folder in folders for _ in listing(folder, []))

    def _note(self, folder: Folder, name: str, changed_ns: int, now_ns: int) -> None:
        """Note if the folder is at rest. One that changed a moment ago is not: it can change again without a new time."""
        if folder.at_rest and changed_ns < now_ns - RACY_NS:
            self._at_rest[name] = changed_ns
            self._restless.pop(name, None)
        else:
            self._at_rest.pop(name, None)
            # A message that was put off must be looked at soon, however long its folder has been restless.
            self._restless[name] = now_ns if folder.put_off else self._restless.get(name, now_ns)

    def _folders(self, scope: ReadScope, now_ns: int, batch: Batch) -> Iterator[tuple[str, int]]:
        """Yield the names of the folders to look at, with their modification times in nanoseconds.

        Names instead of paths, because a pass over 4,000 folders at rest takes half of the time so.
        """
        if scope.sweep or scope.changed_paths is None:
            for entry in listing(self._layout.messages, batch.problems):
                found = status(entry)
                if found is not None and is_folder(entry):
                    yield entry.name, found.st_mtime_ns
            return
        # Hints are not enough in a new folder: its first files come before the watch.
        young = (name for name, since_ns in self._restless.items() if now_ns - since_ns < _YOUNG_NS)
        for name in sorted({*young, *_below(self._reported, scope.changed_paths)}):
            path = self._layout.messages / name
            try:
                found = path.stat()
            except (OSError, ValueError):
                continue
            if path.is_dir():
                yield name, found.st_mtime_ns

    def _leave(self, seen: set[str], recalled: bytes, batch: Batch) -> None:
        """Write down which folders are at rest, without those that are gone. A name that is no text is no session."""
        self._at_rest = {name: self._at_rest[name] for name in sorted(self._at_rest.keys() & seen)}
        self._restless = {name: self._restless[name] for name in self._restless.keys() & seen}
        state = msgspec.msgpack.encode({name: at for name, at in self._at_rest.items() if name.isascii()})
        if state != recalled:
            batch.checkpoints.append(Checkpoint(self._place, state))


def _below(folders: set[str], hinted: frozenset[str]) -> set[str]:
    """Return the names of the folders directly below, in which a hint says that something changed."""
    beginnings = [f"{folder}{os.sep}" for folder in folders]
    return {
        path[len(beginning) :].split(os.sep, 1)[0]
        for path in hinted
        for beginning in beginnings
        if path.startswith(beginning)
    }


def _size(batch: Batch) -> int:
    return len(batch.messages) + len(batch.problems) + len(batch.checkpoints)
