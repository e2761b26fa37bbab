"""OTLP over HTTP with one thread for each connection. All of them have ended when `close` returns."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.otlp_receiver.behaviours import HTML, LOGIN_PAGE, PROTOBUF, Reply, Silence, Stream
from tests.support.otlp_receiver.wire import Intake, Malformed, Signal, decode, decompress

SIGNAL_OF_PATH: dict[str, Signal] = {"/v1/traces": "traces", "/v1/metrics": "metrics"}
BLOCK_BYTES = 1 << 16
# The accepting thread checks this often if it shall stop. Each test would wait for the standard library's half second.
STOP_CHECK_SECONDS = 0.02


class HttpServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1; port 0 is any free one."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, intake: Intake, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", port), Exchange)
        self.intake = intake
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()  # guarded by _lock
        self._accepting = threading.Thread(target=self.serve_forever, args=(STOP_CHECK_SECONDS,), name="otlp-http")
        self._accepting.start()

    @property
    def endpoint(self) -> str:
        """Return the base URL for a client."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        """Stop listening, end every connection, and wait for every thread."""
        self.shutdown()
        self._accepting.join()
        with self._lock:
            for connection in self._open:
                # This bypasses the TLS layer: its own shutdown is not safe while another thread reads.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it for `close`."""
        connection, address = super().get_request()
        if self._tls:
            # The connection's own thread does the handshake: a client that never begins it must not stop others.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a connection that broke off. Errors of the receiver itself are printed."""
        error = sys.exception()
        if isinstance(error, OSError):
            self.intake.note_malformed(f"connection: {error}")
        else:
            super().handle_error(request, client_address)


class Exchange(BaseHTTPRequestHandler):
    """One connection, whose requests are read and answered one after the other."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: HttpServer

    def do_POST(self) -> None:
        """Answer a request as the receiver says, and anything that is not OTLP with 400."""
        try:
            behaviour = self._admit()
        except Malformed as malformed:
            self.server.intake.note_malformed(f"POST {self.path}: {malformed}")
            self._reply(Reply(400))
            return
        match behaviour:
            case Reply():
                self._reply(behaviour)
            case Silence(seconds):
                self.server.intake.closing.wait(seconds)
                self.close_connection = True
            case Stream():
                self._stream(behaviour)

    def do_GET(self) -> None:
        """Answer with the login page: the client followed a redirect."""
        self.server.intake.note_malformed(f"GET {self.path}")
        self._reply(Reply(content_type=HTML, body=LOGIN_PAGE))

    def _admit(self) -> Reply | Silence | Stream:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body(headers.get("content-length"))
        signal = SIGNAL_OF_PATH.get(self.path)
        if signal is None:
            raise Malformed("not a path of OTLP")
        if headers.get("content-type") != PROTOBUF:
            raise Malformed(f"content-type {headers.get('content-type')!r}")
        message = decode(signal, decompress(headers.get("content-encoding", ""), body))
        return self.server.intake.admit(signal, "http", headers, message).http

    def _body(self, content_length: str | None) -> bytes:
        if content_length is None:
            self.close_connection = True  # nothing shows where the next request begins
            raise Malformed("no content-length")
        body = self.rfile.read(int(content_length))
        if len(body) < int(content_length):
            raise Malformed(f"broke off after {len(body)} of {content_length} bytes")
        return body

    def _reply(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        if "Date" not in dict(reply.headers):
            self.send_header("Date", self.date_time_string())
        if reply.content_type:
            self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def _stream(self, stream: Stream) -> None:
        self.send_response(200)
        self.send_header("Content-Type", PROTOBUF)
        self.send_header("Connection", "close")
        self.end_headers()
        block = bytes(BLOCK_BYTES)
        with contextlib.suppress(ConnectionError):
            for _ in range(0, stream.limit_bytes, BLOCK_BYTES):
                self.wfile.write(block)
                if self.server.intake.closing.wait(stream.pause_seconds):
                    return

    def log_message(self, *_: Any, **__: Any) -> None:
        """Write nothing to standard error: the receiver knows what arrived."""
