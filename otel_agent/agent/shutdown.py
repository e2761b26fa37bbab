"""Start, run until told to stop, stop within a deadline. Knows threads and signals, and nothing of what they are for.

The main thread waits; the work runs in one thread of its own, which owns the ledger. SIGTERM and SIGINT ask it to
finish; a second one ends the process at once, which loses nothing (the ledger is written in whole transactions). SIGHUP,
where there is one, asks it to finish and be begun anew with new settings.
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


class Ended(StrEnum):
    BY_ITSELF = "by itself"
    ASKED_TO_STOP = "asked to stop"
    ASKED_TO_RELOAD = "asked to reload"


class Work(Protocol):
    def run(self, stop: threading.Event) -> None:
        """Go on until the event is set; then finish what is under way."""

    def wake(self) -> None:
        """Called after the event was set, from another thread: look at it now."""

    def give_up(self) -> None:
        """Called when time runs out, from another thread: break off what hangs."""


class Worker(threading.Thread):
    """Does the work, keeps what it raises for whoever waits, and says that it ended."""

    def __init__(
        self,
        work: Callable[[threading.Event], None],
        stop: threading.Event,
        say: Callable[[Ended], None],
        *,
        name: str = "pipeline",
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._work, self._stop_event, self._say = work, stop, say
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work(self._stop_event)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.error = error
        finally:
            self._say(Ended.BY_ITSELF)


def run_until_signal(work: Work, signals: "Signals", *, deadline_seconds: float) -> Ended | None:
    """Do the work until it returns or a signal comes; then let it finish what it is at.

    Half of the deadline after the signal ``give_up`` is called, to break off a delivery that hangs. Returns what ended
    it, ``None`` where it did not end within the deadline; raises what it raised. Before it is begun anew there is no
    deadline: that has to wait until the old one let go of what it holds.
    """
    stop = threading.Event()
    worker = Worker(work.run, stop, signals.say)
    worker.start()
    told = signals.wait()
    stop.set()
    work.wake()
    worker.join(deadline_seconds / 2)
    if worker.is_alive():
        work.give_up()
        worker.join(None if told is Ended.ASKED_TO_RELOAD else deadline_seconds / 2)
    if worker.error is not None:
        raise worker.error
    return None if worker.is_alive() else signals.also(told)


def end_now() -> NoReturn:
    """End the process while its worker is still at something: to close what the worker uses would crash it, and the
    ledger takes no harm from an end at any moment."""
    logging.shutdown()
    os._exit(0)


class Signals:
    """While entered, what signals ask for is kept until it is asked for; the handlers that were there come back after.

    A signal can reach the process in any of its threads, and then wakes no other: the interpreter writes to a socket
    for each (``signal.set_wakeup_fd``), at which the main thread waits.
    """

    def __init__(self) -> None:
        self._said: deque[Ended] = deque()
        self._stopping = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        self._bell, self._rope = socket.socketpair()
        for each in (self._bell, self._rope):
            each.setblocking(False)
        self._fd_before = signal.set_wakeup_fd(self._rope.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._ask_to_stop)
        if hasattr(signal, "SIGHUP"):
            self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._ask_to_reload)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]
        signal.set_wakeup_fd(self._fd_before)
        self._bell.close()
        self._rope.close()

    def say(self, ended: Ended) -> None:
        """From any thread."""
        self._said.append(ended)
        with suppress(OSError):  # full: it rings already; closed: nobody waits any more
            self._rope.send(b"!")

    def wait(self) -> Ended:
        while (told := self.wait_for(None)) is None:
            pass
        return told

    def wait_for(self, seconds: float | None) -> Ended | None:
        """What was said first of what nobody asked for yet; ``None`` where nothing was, for so long or a little less."""
        if not self._said:
            select.select([self._bell], [], [], seconds)
            with suppress(BlockingIOError):
                self._bell.recv(4096)
        return self._said.popleft() if self._said else None

    def also(self, told: Ended) -> Ended:
        """What was asked for, and what was asked for since: to stop wins."""
        while self._said:
            later = self._said.popleft()
            if Ended.ASKED_TO_STOP in (told, later):
                told = Ended.ASKED_TO_STOP
            elif Ended.ASKED_TO_RELOAD in (told, later):
                told = Ended.ASKED_TO_RELOAD
        return told

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            os._exit(_INTERRUPTED)
        self._stopping = True
        self._said.append(Ended.ASKED_TO_STOP)

    def _ask_to_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._said.append(Ended.ASKED_TO_RELOAD)
