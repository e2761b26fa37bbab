"""The exchange with a process that helps to read a tree: what it is asked, and the frames in which it answers."""

from typing import Final

import msgspec
from msgspec import Struct

from otel_agent.model import Lines, Message, Session
from otel_agent.opencode.process_beside import frame

MODULE: Final = "otel_agent.opencode.json_tree.reading_process"
MOST_MESSAGES: Final = 8_000
"""A folder with more messages is left to the process that counts: it reads them in several batches."""
_FRAME: Final = 400
"""Messages in a frame, about 130 KB: twice as much as a pipe holds."""


class Task(Struct, array_like=True, frozen=True):
    """The folders that one process reads. Paths are bytes, as the system knows them."""

    storage: bytes
    by_project: bool
    """True for a tree up to 0.5, which belongs to one project."""
    now_ns: int
    folders: list[bytes]


class AtRest(Struct, array_like=True, frozen=True):
    """The content of one folder in which nothing waits for anything: whole files, no problem, no message in flight."""

    messages: list[Message]
    sessions: list[Session]
    state: bytes
    """The state of the folder's checkpoint."""
    looked_at: int
    lines: list[Lines]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[AtRest | None]).decode


class FrameWriter:
    """Collects what was found until it fills a frame. Folders come in the order in which they were asked for."""

    def __init__(self) -> None:
        self._found: list[AtRest | None] = []
        self._messages = 0

    def add(self, found: AtRest | None) -> bytes:
        """Add a folder, ``None`` for one that is left to the asking process. Return a frame once there is enough for one."""
        self._found.append(found)
        self._messages += 1 if found is None else 1 + len(found.messages)
        return self.frame() if self._messages >= _FRAME else b""

    def frame(self) -> bytes:
        """Return what is left as a frame."""
        content = _encode(self._found)
        self._found, self._messages = [], 0
        return frame(content)


def folders_in(content: bytes) -> list[AtRest | None]:
    """Return the folders of a frame, ``None`` for one that is left to the asking process."""
    return _decode(content)
