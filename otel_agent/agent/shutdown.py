"""Runs work until a signal asks it to stop, and ends it within a deadline. Knows threads and signals, not the work.

The main thread waits. The work runs in a thread of its own, which owns the ledger. SIGTERM and SIGINT ask it to finish.
A second one ends the process at once, which loses nothing: the ledger is written in whole transactions. SIGHUP, on
systems that have it, asks the work to finish and to start over with new settings.
"""

import logging
import os
import select
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from types import FrameType
from typing import Final, NoReturn, Protocol, Self

_INTERRUPTED: Final = 130
"""Exit code of a process that Ctrl-C ended, as shells count it."""


class Ended(StrEnum):
    """The reason why a run ended."""

    BY_ITSELF = "by itself"
    ASKED_TO_STOP = "asked to stop"
    ASKED_TO_RELOAD = "asked to reload"


class Work(Protocol):
    """Work that can be asked to finish. ``run`` is called in a thread of its own, the rest from other threads."""

    def run(self, stop: threading.Event) -> None:
        """Go on until the event is set; then finish what is under way."""

    def wake(self) -> None:
        """Look at the event now: it was just set."""

    def give_up(self) -> None:
        """Break off what hangs: time runs out."""


class Worker(threading.Thread):
    """A thread that does the work, keeps what it raises in ``error``, and reports when it ended."""

    def __init__(
        self,
        work: Callable[[threading.Event], None],
        stop: threading.Event,
        report: Callable[[Ended], None],
        *,
        name: str = "pipeline",
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._work, self._stop_event, self._report = work, stop, report
        self.error: BaseException | None = None

    def run(self) -> None:
        """Do the work. Nothing is raised here: an error in a thread would only be printed."""
        try:
            self._work(self._stop_event)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.error = error
        finally:
            self._report(Ended.BY_ITSELF)


def run_until_signal(work: Work, signals: "ShutdownSignals", *, deadline_seconds: float) -> Ended | None:
    """Do the work until it returns or a signal comes; then let it finish what is under way.

    ``give_up`` is called after half of the deadline, to break off a request that hangs. Returns why the run ended, or
    ``None`` if it did not end within the deadline; raises what the work raised. There is no
    deadline before a reload: the next run can only begin when this one has released the ledger.
    """
    stop = threading.Event()
    worker = Worker(work.run, stop, signals.report)
    worker.start()
    ended = signals.wait()
    stop.set()
    work.wake()
    # Half of the time to finish in order, half to break off.
    worker.join(deadline_seconds / 2)
    if worker.is_alive():
        work.give_up()
        worker.join(None if ended is Ended.ASKED_TO_RELOAD else deadline_seconds / 2)
    if worker.error is not None:
        raise worker.error
    return None if worker.is_alive() else signals.combined_with_later(ended)


def end_now() -> NoReturn:
    """End the process although its worker is still busy.

    Closing what the worker uses would crash it. The ledger can be left at any moment: it holds whole transactions.
    """
    logging.shutdown()
    os._exit(0)


class ShutdownSignals:
    """Collects what POSIX signals ask for while it is entered; on exit the previous handlers are back in place.

    A signal can reach the process in any of its threads, and does not wake the others. The interpreter therefore
    writes to a socket for each signal (``signal.set_wakeup_fd``), and the main thread waits for that socket.
    """

    def __init__(self) -> None:
        self._reported: deque[Ended] = deque()
        self._stopping = False
        self._previous: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._waiting_end, self._waking_end = socket.socketpair()
        for end in (self._waiting_end, self._waking_end):
            end.setblocking(False)
        self._previous_fd = signal.set_wakeup_fd(self._waking_end.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._ask_to_stop)
        if hasattr(signal, "SIGHUP"):  # not on Windows
            self._previous[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._ask_to_reload)
        return self

    def __exit__(self, *_: object) -> None:
        # The handlers first: none may run any more when the sockets are closed.
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._previous_fd)
        self._waiting_end.close()
        self._waking_end.close()

    @property
    def is_stopping(self) -> bool:
        """True once a signal has asked the process to stop."""
        return self._stopping

    def report(self, ended: Ended) -> None:
        """Add a reason to end, and wake the main thread. May be called from any thread."""
        self._reported.append(ended)
        with suppress(OSError):  # full: the main thread wakes anyway; closed: nobody waits any more
            self._waking_end.send(b"!")

    def wait(self) -> Ended:
        """Wait for the first reason to end, however long it takes."""
        while (ended := self.wait_for(None)) is None:
            pass
        return ended

    def wait_for(self, seconds: float | None) -> Ended | None:
        """Wait up to ``seconds`` and return the oldest reason that nobody asked for yet; ``None`` if there is none.

        It may return a little early: any byte in the socket ends the wait.
        """
        # What was reported before is not waited for: its byte may have been read by an earlier call.
        if not self._reported:
            select.select([self._waiting_end], [], [], seconds)
            with suppress(BlockingIOError):
                self._waiting_end.recv(4096)
        return self._reported.popleft() if self._reported else None

    def combined_with_later(self, ended: Ended) -> Ended:
        """Return the reason to act on, given what was reported since: to stop wins over to reload."""
        while self._reported:
            later = self._reported.popleft()
            if Ended.ASKED_TO_STOP in (ended, later):
                ended = Ended.ASKED_TO_STOP
            elif Ended.ASKED_TO_RELOAD in (ended, later):
                ended = Ended.ASKED_TO_RELOAD
        return ended

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        # Here the interpreter is between two bytecodes of the main thread: no lock, no log, only the least that works.
        if self._stopping:
            os._exit(_INTERRUPTED)
        self._stopping = True
        self._reported.append(Ended.ASKED_TO_STOP)

    def _ask_to_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reported.append(Ended.ASKED_TO_RELOAD)
