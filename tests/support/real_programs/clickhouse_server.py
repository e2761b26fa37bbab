"""ClickHouse's own engine (chDB) behind as much of its HTTP interface as the Collector's exporter speaks.

    clickhouse_server.py PORT FOLDER      PORT 0: any that is free; it says which on standard error

ClickHouse's server is in no package registry; its engine is. Statements, formats and tables are the engine's; the protocol
here is this file's, and so are its limits: no login, no compression, one statement at a time.
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
    """One request: the statement is in its body, or in `query` where the body is data to insert."""

    protocol_version = "HTTP/1.1"
    engine: session.Session

    def do_POST(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self._body()
        try:
            if "query" in asked:
                answer = self._insert(asked["query"], body)
            else:
                answer = self._ask(body.decode(), for_client="client_protocol_version" in asked)
        except RuntimeError as error:  # what the engine says of a statement that it cannot do
            self._reply(500, str(error).encode())
        else:
            self._reply(200, answer)

    def log_message(self, *_: object) -> None:
        """Nothing: who waits for this program reads one line of its log."""

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
    """An answer as a block of the native format, with the frame that a client of ClickHouse's protocol expects: the
    engine writes blocks without it. Of the two types that the exporter asks for."""
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


def _text(of: str) -> bytes:
    return _number(len(of.encode())) + of.encode()


def _number(of: int) -> bytes:
    made = b""
    while of >= 0x80:
        made, of = made + bytes([of & 0x7F | 0x80]), of >> 7
    return made + bytes([of])


def main(port: str, folder: str) -> None:
    Statement.engine = session.Session(folder)
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Statement)
    sys.stderr.write(f"Listening on http://127.0.0.1:{server.server_address[1]}\n")
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
