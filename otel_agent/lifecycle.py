"""Start, run until told to stop, stop within a deadline. Knows threads and signals, and nothing of what they are for.

The main thread waits; the work runs in one thread of its own, which owns the ledger. SIGTERM and SIGINT ask it to
finish; a second one ends the process at once, which loses nothing (the ledger is written in whole transactions).
"""

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn

_INTERRUPTED: Final = 130


class Worker(threading.Thread):
    """Runs ``work(stop)`` and keeps what it raises for whoever waits."""

    def __init__(self, work: Callable[[threading.Event], None], stop: threading.Event) -> None:
        super().__init__(name="pipeline", daemon=True)
        self._work, self._stop_event = work, stop
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._work(self._stop_event)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            self.error = error
        finally:
            self._stop_event.set()


def run_until_stopped(
    work: Callable[[threading.Event], None], *, give_up: Callable[[], None], deadline_seconds: float
) -> bool:
    """Run ``work`` until it returns or a signal comes; then let it finish what it is at.

    Half of the deadline after the signal ``give_up`` is called, to break off a delivery that hangs. Returns whether
    the work ended within the deadline; raises what it raised.
    """
    stop = threading.Event()
    with _Signals(stop):
        worker = Worker(work, stop)
        worker.start()
        stop.wait()
        worker.join(deadline_seconds / 2)
        if worker.is_alive():
            give_up()
            worker.join(deadline_seconds / 2)
    if worker.error is not None:
        raise worker.error
    return not worker.is_alive()


def end_now() -> NoReturn:
    """End the process while its worker is still at something: to close what the worker uses would crash it, and the
    ledger takes no harm from an end at any moment."""
    logging.shutdown()
    os._exit(0)


class _Signals:
    """While entered, SIGTERM and SIGINT set the event; the handlers that were there come back after."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._ask)

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._stop.is_set():
            os._exit(_INTERRUPTED)
        self._stop.set()
