"""Sends the requests of one signal in a thread of its own, so that a backend that hangs delays nothing else.

The thread knows neither the ledger nor what a request means. It ends with the process, whatever it waits for.
"""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from otel_agent.export.generator import Data
from otel_agent.model import SendResult

_Content_contra = TypeVar("_Content_contra", contravariant=True)


class Sender(Protocol[_Content_contra]):
    """Sends one request at a time. All methods are called by one thread."""

    def begin(self, data: _Content_contra) -> None:
        """Begin to send a request. Its result is there later, or at once."""

    def take(self) -> SendResult | None:
        """Return the result of the request that was begun, once; ``None`` as long as there is none."""

    def close(self) -> None:
        """Begin nothing any more. A request under way is left to itself."""


class ThreadSender(Generic[Data]):
    """Sends in a daemon thread, which begins with the first request."""

    def __init__(self, send: Callable[[Data], SendResult], wake: Callable[[], None], name: str) -> None:
        """``wake`` is called from the thread when a result is there."""
        self._send, self._wake = send, wake
        self._requests: SimpleQueue[Data | None] = SimpleQueue()
        self._results: SimpleQueue[SendResult] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def begin(self, data: Data) -> None:
        """Hand the request to the thread."""
        if not self._thread.is_alive():
            self._thread.start()
        self._requests.put(data)

    def take(self) -> SendResult | None:
        """Return the result if it is there. Never waits."""
        return None if self._results.empty() else self._results.get()

    def close(self) -> None:
        """Let the thread end when it is done with what it does."""
        if self._thread.is_alive():
            self._requests.put(None)

    def _run(self) -> None:
        while (data := self._requests.get()) is not None:
            self._results.put(self._send(data))
            # What was sent can be megabytes: nothing keeps it until the next request.
            del data
            self._wake()
