"""Forward proxies on the loopback interface: HTTP's (absolute addresses and CONNECT), and SOCKS5 without a password."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Literal
from urllib.parse import urlsplit

from tests.support.tcp_server import BLOCK, TcpServer


class ForwardProxy(TcpServer):
    """Hands each connection on to where the client asks. `targets` holds those addresses as `host:port`."""

    def __init__(self, kind: Literal["http", "socks"]) -> None:
        super().__init__()
        self._greet = self._http if kind == "http" else self._socks
        self.targets: list[str] = []
        self.url = f"{'http' if kind == 'http' else 'socks5h'}://127.0.0.1:{self.port}"

    def serve(self, client: socket.socket, number: int) -> None:
        """Connect the client with its target."""
        with suppress(ValueError, IndexError):  # a client that says nothing, and leaves
            server, first = self._greet(client)
            server.sendall(first)
            self._join(client, server)

    def _http(self, client: socket.socket) -> tuple[socket.socket, bytes]:
        """Return the connection, and what has to be said there first."""
        head = b""
        while b"\r\n\r\n" not in head and (block := client.recv(BLOCK)):
            head += block
        line, _, rest = head.partition(b"\r\n")
        method, address, version = line.decode().split()
        if method == "CONNECT":
            server = self._connected(address)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            return server, head.partition(b"\r\n\r\n")[2]
        parts = urlsplit(address)
        return self._connected(parts.netloc), f"{method} {parts.path} {version}\r\n".encode() + rest

    def _socks(self, client: socket.socket) -> tuple[socket.socket, bytes]:
        """Follow RFC 1928: a greeting, a request with a name or an IPv4 address, and an answer to each."""
        methods = client.recv(2)[1]
        client.recv(methods)
        client.sendall(b"\x05\x00")
        kind = client.recv(4)[3]
        host = client.recv(client.recv(1)[0]).decode() if kind == 3 else socket.inet_ntoa(client.recv(4))
        server = self._connected(f"{host}:{int.from_bytes(client.recv(2), 'big')}")
        client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        return server, b""

    def _connected(self, target: str) -> socket.socket:
        self.targets.append(target)
        host, _, port = target.rpartition(":")
        return socket.create_connection((host, int(port)))
