"""A TCP relay on the loopback interface that counts: what gRPC compressed is seen nowhere else."""

from __future__ import annotations

import socket

from tests.support.tcp_server import TcpServer


class Relay(TcpServer):
    """Hands on what a client says to `port`, and the answers back. `sent_bytes` counts the client's."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._target = "127.0.0.1", port
        self.sent_bytes = 0

    def serve(self, client: socket.socket, number: int) -> None:
        """Connect the client with the target."""
        self._join(client, socket.create_connection(self._target), self._count)

    def _count(self, number: int) -> None:
        self.sent_bytes += number
