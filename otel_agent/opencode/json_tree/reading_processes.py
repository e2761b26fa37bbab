"""The two processes that read a tree in a long first look: share the folders out, and take what they find."""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Queue
from typing import Final, Self

import msgspec

from otel_agent.opencode.json_tree.exchange import MODULE, AtRest, Task, folders_in
from otel_agent.opencode.json_tree.layout import Layout, ProjectLayout
from otel_agent.opencode.process_beside import BROKEN_FRAME, ProcessBeside, can_read_beside

log = logging.getLogger(__name__)

_PROCESSES: Final = 2
_AHEAD: Final = 24
"""Frames that wait to be counted: nearly always of 400 messages, and of 8,000 or 1.4 MB at most. With fewer the processes
stand still while a batch is written."""


class ReadingProcesses:
    """Two processes that read every second folder each. A folder that they do not answer for is left to the caller.

    There are none on a machine that cannot do two things at once.
    """

    def __init__(self, layout: Layout, folders: Sequence[str], now_ns: int) -> None:
        self._layout, self._folders, self._now_ns = layout, folders, now_ns
        self._processes: list[_Reader] = []
        self._received: Queue[tuple[_Reader, bytes]] = Queue(_AHEAD)
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        # All are started before the first one gets its task: a task waits until its process has loaded its modules.
        numbers = range(len(self._folders))
        if not can_read_beside():
            return self
        with suppress(OSError):
            for first in range(_PROCESSES):
                self._processes.append(_Reader(numbers[first::_PROCESSES]))
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for process in self._processes:
            process.end()

    def found(self) -> Iterator[list[tuple[int, AtRest]]]:
        """Yield the folders that were read, some hundreds at a time, each with its number in the list.

        A process that fails only ends early.
        """
        # The processes read on while the caller counts. A pipe alone holds what they find in a few milliseconds.
        for process in self._processes:
            process.ask(self._task(process.numbers))
            process.follow(self._received, self._closing)
        reading = len(self._processes)
        while reading:
            process, received = self._received.get()
            found = process.take(received)
            if found is None:
                reading -= 1
            elif found:
                yield found

    def _task(self, numbers: Sequence[int]) -> bytes:
        folders = [os.fsencode(self._folders[number]) for number in numbers]
        by_project = isinstance(self._layout, ProjectLayout)
        return msgspec.msgpack.encode(Task(os.fsencode(self._layout.storage), by_project, self._now_ns, folders))


class _Reader(ProcessBeside):
    """One process, and the folders that it has answered for."""

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(MODULE)
        self.numbers = numbers
        self._answered = 0
        self._failed = False

    def take(self, received: bytes) -> list[tuple[int, AtRest]] | None:
        """Return the folders of a frame, ``None`` after the last one."""
        if not received:
            if self._answered < len(self.numbers):
                log.debug("a reading process ended early, with %d of %d folders", self._answered, len(self.numbers))
            return None
        if self._failed:
            return []
        try:
            found = folders_in(received)
        except BROKEN_FRAME:
            self._failed, found = True, []
        numbers = self.numbers[self._answered : self._answered + len(found)]
        self._answered += len(numbers)
        return [(number, each) for number, each in zip(numbers, found, strict=False) if each is not None]
