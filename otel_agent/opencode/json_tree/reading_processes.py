"""The processes that help with a long first look: start them, take what they find, and end them.

Python runs the code of one thread at a time, and two threads that read files hinder each other: 100,000 messages took
3.9 s in two threads, 2.1 s in one, and 1.2 s in two processes.
"""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Full, Queue
from typing import IO, Final, Self

import msgspec

from otel_agent.opencode.json_tree.exchange import MODULE, AtRest, FrameReader, Task
from otel_agent.opencode.json_tree.layout import Layout, ProjectLayout

log = logging.getLogger(__name__)

_PROCESSES: Final = 2
_READ: Final = 1 << 20
"""Bytes that are taken at once, of about 3,000 messages."""
_AHEAD: Final = 12
"""Readings that wait to be counted. With fewer the processes stand still while a batch is written."""
_PATIENCE_SECONDS: Final = 0.1
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
_PASSED_ON_BY_BEGINNING: Final = ("LC_", "LD_", "DYLD_", "PYTHON", "COVERAGE_")
"""The variables that an interpreter needs. The others, keys of backends among them, are none of its business."""


class ReadingProcesses:
    """Two processes that read every second folder each. A folder that they do not answer for is left to the caller.

    There are none on a machine that cannot do two things at once.
    """

    def __init__(self, layout: Layout, folders: Sequence[str], now_ns: int) -> None:
        self._layout, self._folders, self._now_ns = layout, folders, now_ns
        self._processes: list[_Process] = []
        self._received: Queue[tuple[_Process, bytes]] = Queue(_AHEAD)
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        # All are started before the first one gets its task: a task waits until its process has loaded its modules.
        numbers = range(len(self._folders))
        if os.name != "posix" or _processors() < _PROCESSES or not sys.executable:
            return self
        with suppress(OSError):
            for first in range(_PROCESSES):
                self._processes.append(_Process(numbers[first::_PROCESSES]))
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for process in self._processes:
            process.end()

    def found(self) -> Iterator[tuple[int, AtRest]]:
        """Yield the folders that were read, each with its number in the list. A process that fails only ends early."""
        # The processes read on while the caller counts. A pipe alone holds what they find in a few milliseconds.
        for process in self._processes:
            process.ask(self._task(process.numbers))
            process.pass_on(self._received, self._closing)
        reading = len(self._processes)
        while reading:
            process, received = self._received.get()
            found = process.take(received)
            if found is None:
                reading -= 1
            else:
                yield from found

    def _task(self, numbers: Sequence[int]) -> bytes:
        folders = [os.fsencode(self._folders[number]) for number in numbers]
        by_project = isinstance(self._layout, ProjectLayout)
        return msgspec.msgpack.encode(Task(os.fsencode(self._layout.storage), by_project, self._now_ns, folders))


class _Process:
    """One process, and what came from it so far."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers
        self._answered = 0
        self._frames = FrameReader()
        self._failed = False
        self._reader: threading.Thread | None = None
        # -P: a module of the same name in the current folder must not be taken for ours.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )

    def ask(self, task: bytes) -> None:
        """Give it its folders. One that ended already answers nothing."""
        with suppress(OSError):
            _opened(self._process.stdin).write(task)
        with suppress(OSError):
            _opened(self._process.stdin).close()

    def pass_on(self, to: "Queue[tuple[_Process, bytes]]", closing: threading.Event) -> None:
        """Put everything that it answers into the queue, and nothing at its end, until ``closing`` is set."""
        answers = _opened(self._process.stdout)
        _widen(answers)

        def read() -> None:
            received = b"."
            while received and not closing.is_set():
                try:
                    received = os.read(answers.fileno(), _READ)
                except (OSError, ValueError):
                    received = b""
                while not closing.is_set():
                    with suppress(Full):
                        to.put((self, received), timeout=_PATIENCE_SECONDS)
                        break

        self._reader = threading.Thread(target=read, name="answers", daemon=True)
        self._reader.start()

    def take(self, received: bytes) -> list[tuple[int, AtRest]] | None:
        """Return the folders that came, ``None`` after the last one."""
        if self._failed:
            return [] if received else None
        try:
            found = self._frames.take(received)
        except (ValueError, msgspec.MsgspecError):
            self._failed, found = True, []
        if not received and self._answered < len(self.numbers):
            log.debug("a reading process ended early, with %d of %d folders", self._answered, len(self.numbers))
        if not received:
            return None
        numbers = self.numbers[self._answered : self._answered + len(found)]
        self._answered += len(numbers)
        return [(number, each) for number, each in zip(numbers, found, strict=False) if each is not None]

    def end(self) -> None:
        """End the process, whatever it is at, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        if self._reader is not None:
            self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                _opened(stream).close()


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold as much as one reading takes, if the system can do that."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl  # noqa: PLC0415 - only POSIX has it

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _READ)


def _opened(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("not a pipe")
    return stream


def _environment() -> dict[str, str]:
    """Return the variables for such a process, which finds its modules where this process found them."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_BY_BEGINNING)
    }
    return kept | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
