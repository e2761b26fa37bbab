"""A process that reads for the one that counts: start it, give it its task, take its frames, and end it.

Python runs the code of one thread at a time, and two threads that read files hinder each other. 100,000 messages took
3.9 s in two threads, 2.1 s in one, and 1.2 s in two processes.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Full, Queue
from typing import IO, Final, Self

import msgspec

from otel_agent.collecting import collect_seldom

_PIPE: Final = 1 << 20
"""Bytes that a pipe holds, of about 3,000 messages."""
_PATIENCE_SECONDS: Final = 0.1
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
_PASSED_ON_BY_BEGINNING: Final = ("LC_", "LD_", "DYLD_", "PYTHON", "COVERAGE_")
"""The variables that an interpreter needs. The others, keys of backends among them, are none of its business."""
_LONGEST_FRAME: Final = 64 * 1024 * 1024
BROKEN_FRAME: Final = (msgspec.MsgspecError, ValueError, RecursionError)
"""The ways in which the content of a frame fails to be decoded."""
_NICE: Final = 10
_LENGTH: Final = 4
"""Bytes before each frame that say how long it is."""


def can_read_beside() -> bool:
    """Return True on a machine that can do two things at once."""
    return os.name == "posix" and _processors() > 1 and bool(sys.executable)


def frame(content: bytes) -> bytes:
    """Return the content as a frame, which says its length first."""
    return len(content).to_bytes(_LENGTH, "big") + content


def frames(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the content of each whole frame. Raises ``ValueError`` for what is no frame.

    A frame is read into memory of its own size. To gather readings of a megabyte in one buffer broke the memory into
    pieces: a first look at a million messages peaked at 171 MB.
    """
    while len(length := stream.read(_LENGTH)) == _LENGTH:
        size = int.from_bytes(length, "big")
        if size > _LONGEST_FRAME:
            raise ValueError("not a frame")
        if len(content := stream.read(size)) < size:
            return
        yield content


class ProcessBeside:
    """A process that runs a module of ours. It gets a task, writes frames, and ends when nobody takes them any more."""

    def __init__(self, module: str) -> None:
        self._reader: threading.Thread | None = None
        # -P: a module of the same name in the current folder must not be taken for ours.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )

    def ask(self, task: bytes) -> None:
        """Give it its task. One that ended already answers nothing."""
        with suppress(OSError):
            _opened(self._process.stdin).write(task)
        with suppress(OSError):
            _opened(self._process.stdin).close()

    def follow(self, received: "Queue[tuple[Self, bytes]]", closing: threading.Event) -> None:
        """Put each frame that it answers into the queue, and an empty one at its end, until ``closing`` is set.

        The process works on while the caller counts. A pipe alone holds what it finds in a few milliseconds.
        """
        answers = _opened(self._process.stdout)
        _widen(answers)

        def put(content: bytes) -> None:
            while not closing.is_set():
                with suppress(Full):
                    received.put((self, content), timeout=_PATIENCE_SECONDS)
                    return

        def read() -> None:
            try:
                with suppress(OSError, ValueError, MemoryError):
                    for content in frames(answers):
                        put(content)
                        if closing.is_set():
                            break
            finally:
                put(b"")

        self._reader = threading.Thread(target=read, name="answers", daemon=True)
        self._reader.start()

    def end(self) -> None:
        """End the process, whatever it is at, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        if self._reader is not None:
            self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                _opened(stream).close()


def serve(work: Callable[[bytes, IO[bytes]], None]) -> None:
    """Read the task from standard input until its end, and let ``work`` write frames to standard output."""
    # Ctrl-C reaches the whole group of processes; this one has nothing to finish.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    collect_seldom()
    # The process that counts has more to do. With the same right to the processors, a first look at a tree took 7 % longer.
    os.nice(_NICE)
    try:
        work(sys.stdin.buffer.read(), sys.stdout.buffer)
    except BrokenPipeError:
        # The asking process ended. What could not be written must not be tried again at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold more than by default, if the system can do that."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl  # noqa: PLC0415 - only POSIX has it

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)


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
