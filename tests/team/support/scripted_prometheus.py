"""An HTTP server that answers as a Prometheus with two rules would, and a promtool that makes one empty block.

For failures that a real Prometheus does not show on demand.
"""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

FROM_TOTALS = {"type": "recording", "name": "used:gained5m", "query": "used_total - used_total offset 5m"}
FROM_RECORDED = {"type": "recording", "name": "team:used:gained5m", "query": "sum(used:gained5m)"}
FAR_AHEAD_MS = 2**62
"""The time from which on a Prometheus without samples in memory holds them."""


class ScriptedPrometheus:
    """Serves on loopback while entered. `answers` has the data of each path; `failures` the status and body instead."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "rules": {"groups": [{"interval": 300, "rules": [FROM_TOTALS, FROM_RECORDED]}]},
            "query": {"result": [{"metric": {}, "value": [0, "1"]}]},
            "query_range": {"result": [{"metric": {"project": "shop"}, "values": [[1_000_000.5, "7"]]}]},
            "status/tsdb": {"headStats": {"minTime": FAR_AHEAD_MS}},
        }
        self.failures: dict[str, tuple[int, str]] = {}
        self.deleted: list[list[str]] = []
        """The matchers of each deletion, in their order."""
        self.logins: set[str] = set()
        """The user and password of requests, as `user:password`."""

    @property
    def url(self) -> str:
        """Its address, without a user."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                scripted.deleted.append(parse_qs(body)["match[]"])
                self._answer()

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing."""

            def _answer(self) -> None:
                if login := self.headers.get("Authorization"):
                    scripted.logins.add(b64decode(login.removeprefix("Basic ")).decode())
                status, body = scripted.reply(urlsplit(self.path).path.removeprefix("/api/v1/"))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="scripted Prometheus")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, path: str) -> tuple[int, bytes]:
        """Return the status and the body of the answer for a path below `/api/v1/`."""
        if path in self.failures:
            status, text = self.failures[path]
            return status, text.encode()
        if path == "admin/tsdb/delete_series":
            return 204, b""
        return 200, json.dumps({"status": "success", "data": self.answers[path]}).encode()


def data_folder(folder: Path) -> Path:
    """Make a folder that looks like that of `--storage.tsdb.path`."""
    (folder / "data" / "wal").mkdir(parents=True)
    return folder / "data"


def promtool(path: Path, does: str) -> Path:
    """Write a promtool that runs these lines of shell: `$5` is the file of samples, `$6` the folder for blocks."""
    path.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def making_blocks(folder: Path) -> Path:
    """Write a promtool that makes a block with a new name each time."""
    return promtool(folder / "promtool", 'mkdir "$6/block-$$" && cp "$5" "$6/block-$$/samples"')
