"""One exchange with a backend, from the look-up of its name to the last byte of its answer, with one deadline for all of it.

A socket's timeout is for each byte, and the look-up of a name has none at all. So the exchange runs in a thread of its own.
At the deadline, or when another thread wants it to end, its connections are shut down, whatever they wait for.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final

_PARTING_SECONDS: Final = 0.5
"""How long an exchange that was broken off is waited for. Only the look-up of a name takes longer."""
_CURRENT: Final[ContextVar["Exchange"]] = ContextVar("exchange")


class BrokenOff(OSError):
    """The exchange ended at its deadline or because the sender was closed, and must not go on."""


def current() -> "Exchange":
    """Return the exchange of this thread. Raises ``LookupError`` in a thread that has none."""
    return _CURRENT.get()


class Exchange:
    """Runs one request. ``left`` says afterwards if any byte of it may have reached the other side."""

    def __init__(self, deadline: float) -> None:
        """``deadline`` is on the monotonic clock."""
        self._deadline = deadline
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._connections: list[socket.socket] = []
        self._broken = False
        self._result: Any = None
        self._error: Exception | None = BrokenOff()
        self._thread = threading.Thread(target=self._work, name="exchange", daemon=True)
        self.left = False

    @property
    def remaining_seconds(self) -> float:
        """The time until the deadline, and never less than a millisecond: a timeout of 0 means something else."""
        return max(self._deadline - time.monotonic(), 0.001)

    @property
    def running(self) -> bool:
        """True as long as its thread lives, which may be longer than anybody waits for it."""
        return self._thread.is_alive()

    def run(self, work: Callable[[], Any]) -> Any:
        """Return what ``work`` returns or raise what it raises. Raises ``BrokenOff`` at the deadline or when closed."""
        self._job = work
        self._thread.start()
        self._ended.wait(self.remaining_seconds)
        if self._thread.is_alive():
            self.break_off()
            self._thread.join(_PARTING_SECONDS)
        with self._lock:
            if self._error is not None:
                raise self._error
            return self._result

    def break_off(self) -> None:
        """End it now. May be called from any thread. No byte leaves afterwards."""
        with self._lock:
            self._broken = True
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._ended.set()

    def hold(self, connection: socket.socket) -> None:
        """Remember a connection that has to be shut down at the end. Raises ``BrokenOff`` if that was long ago."""
        with self._lock:
            self._hold(connection)

    def leave(self, connection: socket.socket) -> None:
        """Note that bytes of the request are about to go out. Raises ``BrokenOff`` if nobody waits for them any more."""
        with self._lock:
            if not self.left:
                # A connection of an earlier exchange, which was kept open, is not held yet.
                self._hold(connection)
                self.left = True
            elif self._broken:
                raise BrokenOff

    def _hold(self, connection: socket.socket) -> None:
        if self._broken:
            raise BrokenOff
        # A second descriptor: TLS takes the first one away from its socket, and closing ends its number's meaning.
        self._connections.append(socket.socket(fileno=os.dup(connection.fileno())))

    def _work(self) -> None:
        _CURRENT.set(self)
        result, error = None, None
        try:
            result = self._job()
        except Exception as failure:  # noqa: BLE001 - raised again in the thread that waits
            error = failure
        with self._lock:
            # After a shutdown, half of an answer can look like a whole one.
            if not self._broken:
                self._result, self._error = result, error
            for connection in self._connections:
                connection.close()
            self._connections.clear()
        self._ended.set()
