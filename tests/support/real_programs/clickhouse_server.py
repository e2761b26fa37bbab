"""ClickHouse's own engine (chDB) behind the part of its HTTP interface that the Collector's exporter uses.

Its arguments are PORT and FOLDER. PORT 0 takes any free one, and standard error says which.

ClickHouse's engine is in a package registry, and its server is not. Statements, formats and tables are the engine's.
The protocol is this file's, with these limits: no login, no compression, one statement at a time.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chdb import session

_ONE_AT_A_TIME = threading.Lock()
_INSERT = re.compile(r"\s*INSERT\b.*\bFORMAT\s+Native\s*", re.IGNORECASE | re.DOTALL)


class Statement(BaseHTTPRequestHandler):
    """One request. Its body is the statement, or the data to insert if `query` holds the statement."""

    protocol_version = "HTTP/1.1"
    engine: session.Session

    def do_POST(self) -> None:
        """Run the statement and answer with its rows, or with 500 and the engine's error."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self._body()
        try:
            if "query" in asked:
                answer = self._insert(asked["query"], body)
            else:
                answer = self._ask(body.decode(), for_client="client_protocol_version" in asked)
        except RuntimeError as error:  # the engine raises it for a statement that it cannot run
            self._reply(500, str(error).encode())
        else:
            self._reply(200, answer)

    def log_message(self, *_: object) -> None:
        """Write nothing: the log has only the line that says that the server listens."""

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _insert(self, statement: str, rows: bytes) -> bytes:
        assert _INSERT.fullmatch(statement), statement
        with tempfile.NamedTemporaryFile() as file, _ONE_AT_A_TIME:
            file.write(rows)
            file.flush()
            into = re.sub(r"\bFORMAT\s+Native\s*$", "", statement, flags=re.IGNORECASE)
            self.engine.query(f"{into} FROM INFILE '{file.name}' FORMAT Native")
        return b""

    def _ask(self, statement: str, *, for_client: bool) -> bytes:
        with _ONE_AT_A_TIME:
            found = self.engine.query(statement, "JSONCompact")
        return _block(json.loads(found.bytes())) if for_client and found.bytes() else found.bytes()

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _block(answer: dict[str, Any]) -> bytes:
    """Return an answer as a block of the native format, with the frame that ClickHouse's protocol puts before it.

    The engine writes blocks without that frame. Only the two types that the exporter asks for are supported.
    """
    made = b"\x01\x00\x02\xff\xff\xff\xff\x00" + _number(len(answer["meta"])) + _number(len(answer["data"]))
    for at, column in enumerate(answer["meta"]):
        made += _text(column["name"]) + _text(column["type"]) + b"\x00"
        values = [row[at] for row in answer["data"]]
        if column["type"] == "String":
            made += b"".join(map(_text, values))
        else:
            assert column["type"] == "UInt32", column
            made += b"".join(int(value).to_bytes(4, "little") for value in values)
    return made


def _text(value: str) -> bytes:
    return _number(len(value.encode())) + value.encode()


def _number(value: int) -> bytes:
    """Return a number in LEB128: seven bits a byte, the lowest ones first."""
    made = b""
    while value >= 0x80:
        made, value = made + bytes([value & 0x7F | 0x80]), value >> 7
    return made + bytes([value])


def main(port: str, folder: str) -> None:
    """Serve the tables in a folder until the process is killed."""
    Statement.engine = session.Session(folder)
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Statement)
    sys.stderr.write(f"Listening on http://127.0.0.1:{server.server_address[1]}\n")
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
