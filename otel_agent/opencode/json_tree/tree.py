"""The JSON trees of OpenCode up to 1.1, of which every user from before 1.2 still has one on disk."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from otel_agent.model import Batch, Caller, Checkpoint, Generation, Message, ReadScope, Recall, Session, ToolCall
from otel_agent.opencode.bounded_files import RACY_NS, in_words, is_folder, listing, status
from otel_agent.opencode.json_tree.folder import Folder
from otel_agent.opencode.json_tree.layout import Layout
from otel_agent.opencode.json_tree.sessions import Sessions
from otel_agent.opencode.parts import tool_calls

_FLUSH: Final = 8_000
"""Messages, problems and checkpoints in a batch, about 8 MB: memory does not follow the length of the history."""
_YOUNG_NS: Final = 10 * 10**9
"""How long a folder that is not at rest is looked at without a hint: the first writes in a new folder come before the
watch on it, and are never reported."""


class JsonTree:
    """One tree. A folder of messages is skipped while it is as it was when everything in it was at rest, except in a
    sweep: a file that is written anew in place does not touch its folder."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._at_rest: dict[str, int] = {}
        """Folder to its modification time. About 150 bytes for each session of the tree. Each sweep leaves it in the
        checkpoint of the tree, with which the next process begins."""
        self._restless: dict[str, int] = {}
        """Folders that are not at rest, and since when, in nanoseconds since the Unix epoch."""
        self._reported = {str(layout.messages), os.path.realpath(layout.messages)}
        """What a hint may call the folder: some systems report the way behind links."""
        self.name = in_words(layout.messages)
        self._place = f"tree:{self.name}"

    @property
    def folder(self) -> Path:
        return self.layout.messages

    @property
    def is_tree(self) -> bool:
        return True

    def close(self) -> None:
        self._at_rest.clear()
        self._restless.clear()

    def read(self, recall: Recall, *, now_ms: int, scope: ReadScope) -> Iterator[Batch]:
        now_ns = now_ms * 1_000_000
        sessions = Sessions(self.layout, now_ns)
        recalled = recall(self._place) or b""
        if not self._at_rest and recalled:
            self._at_rest = msgspec.msgpack.decode(recalled, type=dict[str, int])
        seen: set[str] = set()
        batch = Batch()
        for path, changed_ns in self._folders(scope, now_ns, batch):
            name = path.name
            seen.add(name)
            if not scope.sweep and self._at_rest.get(name) == changed_ns:
                continue
            folder = Folder(self.layout, sessions, path, recall, now_ns)
            for message, problems in folder.read():
                batch.looked_at += 1
                batch.messages += message
                batch.problems += problems
                if _is_full(batch):
                    batch.sessions += folder.session
                    yield batch
                    batch = Batch()
            folder.finish(batch)
            if folder.at_rest and changed_ns < now_ns - RACY_NS:
                self._at_rest[name] = changed_ns
                self._restless.pop(name, None)
            else:
                self._at_rest.pop(name, None)
                self._restless.setdefault(name, now_ns)
        if scope.sweep:
            self._leave(seen, recalled, batch)
        if batch != Batch():
            yield batch

    def tool_calls(self, message: Message) -> list[ToolCall]:
        if message.generation is not Generation.TREE:
            return []
        return tool_calls.in_tree(self.layout, message)

    def caller(self, session: Session, at_ms: int) -> Caller | None:
        sessions = Sessions(self.layout, at_ms * 1_000_000)
        return tool_calls.caller_in_tree(self.layout, sessions.find, session, at_ms)

    def length(self) -> int:
        folders = (entry.path for entry in listing(self.layout.messages, []) if is_folder(entry))
        return sum(1 for folder in folders for _ in listing(folder, []))

    def _folders(self, scope: ReadScope, now_ns: int, batch: Batch) -> Iterator[tuple[Path, int]]:
        """Those to look at, with their modification times in nanoseconds."""
        if scope.sweep or scope.changed_paths is None:
            for entry in listing(self.layout.messages, batch.problems):
                found = status(entry)
                if found is not None and is_folder(entry):
                    yield Path(entry.path), found.st_mtime_ns
            return
        young = (name for name, since_ns in self._restless.items() if now_ns - since_ns < _YOUNG_NS)
        for name in sorted({*young, *_below(self._reported, scope.changed_paths)}):
            path = self.layout.messages / name
            try:
                found = path.stat()
            except (OSError, ValueError):
                continue
            if path.is_dir():
                yield path, found.st_mtime_ns

    def _leave(self, seen: set[str], recalled: bytes, batch: Batch) -> None:
        """Write down what is at rest, but for what is gone. A name that is no text is no session of OpenCode's."""
        self._at_rest = {name: self._at_rest[name] for name in sorted(self._at_rest.keys() & seen)}
        self._restless = {name: self._restless[name] for name in self._restless.keys() & seen}
        state = msgspec.msgpack.encode({name: at for name, at in self._at_rest.items() if name.isascii()})
        if state != recalled:
            batch.checkpoints.append(Checkpoint(self._place, state))


def _below(folders: set[str], hinted: frozenset[str]) -> set[str]:
    """The names of the folders directly below, in which something was hinted at."""
    beginnings = [f"{folder}{os.sep}" for folder in folders]
    return {
        path[len(beginning) :].split(os.sep, 1)[0]
        for path in hinted
        for beginning in beginnings
        if path.startswith(beginning)
    }


def _is_full(batch: Batch) -> bool:
    return len(batch.messages) + len(batch.problems) + len(batch.checkpoints) >= _FLUSH
