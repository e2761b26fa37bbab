"""A TCP relay on the loopback interface that counts: what gRPC compressed is seen nowhere else."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class Relay:
    """Hands on what one client at a time says to `port`, and the answers back. `sent_bytes` counts the client's."""

    def __init__(self, port: int) -> None:
        self._target = "127.0.0.1", port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.sent_bytes = 0

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._open):
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            client, _ = self._listener.accept()
            server = socket.create_connection(self._target)
            self._open += [client, server]
            back = threading.Thread(target=self._hand_on, args=(server, client))
            self._threads.append(back)
            back.start()
            self._hand_on(client, server, count=True)

    def _hand_on(self, source: socket.socket, sink: socket.socket, *, count: bool = False) -> None:
        with suppress(OSError):
            while block := source.recv(1 << 16):
                self.sent_bytes += len(block) if count else 0
                sink.sendall(block)
