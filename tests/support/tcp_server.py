"""A server on the loopback interface with a thread for each connection, for tests that speak below HTTP."""

from __future__ import annotations

import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

BLOCK = 1 << 16


class TcpServer(ABC):
    """Accepts connections while its context lasts. `port` is where it listens, and `visits` counts the connections.

    At the end, all connections are closed and all threads have ended.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.visits = 0
        self.port: int = self._listener.getsockname()[1]

    @abstractmethod
    def serve(self, client: socket.socket, number: int) -> None:
        """Serve one connection, counted from 0, in a thread of its own. An `OSError` ends it, and nothing else."""

    def listen_no_more(self) -> None:
        """Refuse further connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.listen_no_more()
        self._threads[0].join()  # or a connection taken in this moment would stay open
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._open:
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                # Counted first: who has an answer finds its visit in the count.
                self.visits += 1
                self._begin(self._serve, client, self.visits - 1)

    def _serve(self, client: socket.socket, number: int) -> None:
        with suppress(OSError):
            self.serve(client, number)

    def _begin(self, do: Callable[..., None], *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=do, args=arguments))
        self._threads[-1].start()

    def _join(
        self, client: socket.socket, server: socket.socket, count: Callable[[int], None] = lambda _: None
    ) -> None:
        """Hand on what either side says to the other one. `count` gets the number of bytes that the client says at once."""
        self._open.append(server)
        self._begin(_hand_on, server, client, lambda _: None)
        _hand_on(client, server, count)


def _hand_on(source: socket.socket, sink: socket.socket, count: Callable[[int], None]) -> None:
    with suppress(OSError):
        while block := source.recv(BLOCK):
            count(len(block))
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)
