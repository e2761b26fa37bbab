"""The processes that help with a long first look: start them, take what they find, and end them.

Python runs the code of one thread at a time, and two threads that read files hinder each other: 100,000 messages took
3.9 s in two threads, 2.1 s in one, and 1.2 s in two processes.
"""

import logging
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, Final, Self

import msgspec

from otel_agent.opencode.json_tree.exchange import MODULE, AtRest, FrameReader, Task
from otel_agent.opencode.json_tree.layout import Layout, ProjectLayout

log = logging.getLogger(__name__)

_HELPERS: Final = 2
_READ: Final = 1 << 20
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
_PASSED_ON_BY_BEGINNING: Final = ("LC_", "LD_", "DYLD_", "PYTHON", "COVERAGE_")
"""The variables that an interpreter needs. The others, keys of backends among them, are none of a helper's business."""


class Helpers:
    """Two processes that read every second folder each. A folder that they do not answer for is left to the caller.

    There are none on a machine that cannot do two things at once.
    """

    def __init__(self, layout: Layout, folders: Sequence[str], now_ns: int) -> None:
        self._layout, self._folders, self._now_ns = layout, folders, now_ns
        self._helpers: list[_Helper] = []

    def __enter__(self) -> Self:
        # All are started before the first one gets its task: a task waits until its process has loaded its modules.
        numbers = range(len(self._folders))
        if os.name != "posix" or _processors() < _HELPERS or not sys.executable:
            return self
        with suppress(OSError):
            for first in range(_HELPERS):
                self._helpers.append(_Helper(numbers[first::_HELPERS]))
        return self

    def __exit__(self, *_: object) -> None:
        for helper in self._helpers:
            helper.end()

    def found(self) -> Iterator[tuple[int, AtRest]]:
        """Yield the folders that were read, each with its number in the list. A process that fails only ends early."""
        for helper in self._helpers:
            helper.ask(self._task(helper.numbers))
        with selectors.DefaultSelector() as ready:
            for helper in self._helpers:
                ready.register(helper.answers, selectors.EVENT_READ, helper)
            while ready.get_map():
                for key, _ in ready.select():
                    found = key.data.take()
                    if found is None:
                        ready.unregister(key.fileobj)
                        continue
                    yield from found

    def _task(self, numbers: Sequence[int]) -> bytes:
        folders = [os.fsencode(self._folders[number]) for number in numbers]
        by_project = isinstance(self._layout, ProjectLayout)
        return msgspec.msgpack.encode(Task(os.fsencode(self._layout.storage), by_project, self._now_ns, folders))


class _Helper:
    """One process, and what came from it so far."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers
        self._answered = 0
        self._frames = FrameReader()
        # -P: a module of the same name in the current folder must not be taken for ours.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )

    @property
    def answers(self) -> IO[bytes]:
        """The stream of frames."""
        return _opened(self._process.stdout)

    def ask(self, task: bytes) -> None:
        """Give it its folders. One that ended already answers nothing."""
        with suppress(OSError):
            _opened(self._process.stdin).write(task)
        with suppress(OSError):
            _opened(self._process.stdin).close()

    def take(self) -> list[tuple[int, AtRest]] | None:
        """Return what came next, ``None`` after the last one."""
        try:
            received = os.read(self.answers.fileno(), _READ)
            found = self._frames.take(received)
        except (OSError, ValueError, msgspec.MsgspecError):
            received, found = b"", []
        if not received:
            if self._answered < len(self.numbers):
                log.debug("a helper ended early, with %d of %d folders", self._answered, len(self.numbers))
            return None
        numbers = self.numbers[self._answered : self._answered + len(found)]
        self._answered += len(numbers)
        return [(number, each) for number, each in zip(numbers, found, strict=False) if each is not None]

    def end(self) -> None:
        """End the process, whatever it is at, and wait until it is gone."""
        self._process.kill()
        with suppress(OSError):
            _opened(self._process.stdin).close()
        self.answers.close()
        self._process.wait()


def _opened(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise ValueError("not a pipe")
    return stream


def _environment() -> dict[str, str]:
    """Return the variables for a helper, which finds its modules where this process found them."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_BY_BEGINNING)
    }
    return kept | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
