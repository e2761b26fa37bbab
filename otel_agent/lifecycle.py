"""Start, run until told to stop, stop within a deadline. Knows threads and signals, and nothing of what they are for.

The main thread waits; the work runs in one thread of its own, which owns the ledger. SIGTERM and SIGINT ask it to
finish; a second one ends the process at once, which loses nothing (the ledger is written in whole transactions). SIGHUP,
where there is one, asks it to finish and be begun anew with new settings.
"""

import logging
import os
import queue
import signal
import threading
from collections.abc import Callable
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
        said: "queue.SimpleQueue[Ended]",
        *,
        name: str = "pipeline",
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._work, self._stop_event, self._said = work, stop, said
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work(self._stop_event)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.error = error
        finally:
            self._said.put(Ended.BY_ITSELF)


def run_until_told(work: Work, signals: "Signals", *, deadline_seconds: float) -> Ended | None:
    """Do the work until it returns or a signal comes; then let it finish what it is at.

    Half of the deadline after the signal ``give_up`` is called, to break off a delivery that hangs. Returns what ended
    it, ``None`` where it did not end within the deadline; raises what it raised. Before it is begun anew there is no
    deadline: that has to wait until the old one let go of what it holds.
    """
    stop = threading.Event()
    worker = Worker(work.run, stop, signals.said)
    worker.start()
    told = signals.said.get()
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
    """While entered, what signals ask for is put into a queue, which a handler may do at any moment; the handlers that
    were there come back after."""

    def __init__(self) -> None:
        self.said: queue.SimpleQueue[Ended] = queue.SimpleQueue()
        self._stopping = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._ask_to_stop)
        if hasattr(signal, "SIGHUP"):
            self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._ask_to_reload)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def also(self, told: Ended) -> Ended:
        """What was asked for, and what was asked for since: to stop wins."""
        while True:
            try:
                later = self.said.get_nowait()
            except queue.Empty:
                return told
            if Ended.ASKED_TO_STOP in (told, later):
                told = Ended.ASKED_TO_STOP
            elif Ended.ASKED_TO_RELOAD in (told, later):
                told = Ended.ASKED_TO_RELOAD

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            os._exit(_INTERRUPTED)
        self._stopping = True
        self.said.put(Ended.ASKED_TO_STOP)

    def _ask_to_reload(self, _number: int, _frame: FrameType | None) -> None:
        self.said.put(Ended.ASKED_TO_RELOAD)
