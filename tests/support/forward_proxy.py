"""Forward proxies on the loopback interface: HTTP's (absolute addresses and CONNECT), and SOCKS5 without a password."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

_BLOCK = 1 << 16


class ForwardProxy:
    """Hands each connection on to where the client asks. `targets` holds those addresses as `host:port`."""

    def __init__(self, kind: Literal["http", "socks"]) -> None:
        self._greet = self._http if kind == "http" else self._socks
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.targets: list[str] = []
        port = self._listener.getsockname()[1]
        self.url = f"{'http' if kind == 'http' else 'socks5h'}://127.0.0.1:{port}"

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
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, ValueError, IndexError):  # also a client that says nothing, and leaves
            server, first = self._greet(client)
            self._open.append(server)
            server.sendall(first)
            back = threading.Thread(target=_hand_on, args=(server, client))
            self._threads.append(back)
            back.start()
            _hand_on(client, server)

    def _http(self, client: socket.socket) -> tuple[socket.socket, bytes]:
        """Return the connection, and what has to be said there first."""
        head = b""
        while b"\r\n\r\n" not in head and (block := client.recv(_BLOCK)):
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


def _hand_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(_BLOCK):
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)
