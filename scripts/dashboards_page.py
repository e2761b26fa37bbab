"""The dashboards as a page: Grafana's own panels on the answers of a Prometheus, without Grafana.

`make team` serves it, and tests draw pictures with it. The panels come from npm (`make grafana-panels`).
"""

from __future__ import annotations

import hashlib
import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib import error, request

from scripts.real_programs import table
from scripts.real_programs.place import ROOT, make_once
from scripts.real_programs.running import run

GRAFANA = ROOT / "collector" / "grafana"
SOURCE = GRAFANA / "page"
BOARDS = GRAFANA / "dashboards"
FIRST = "overview"
"""The dashboard that is shown first."""
ANSWER_DEADLINE_S = 120.0
"""How long Prometheus may take for an answer. Seconds; it gives up at the same time."""
_ASKED = ("/api/v1/query?", "/api/v1/query_range?", "/api/v1/label/")
"""What the page may ask Prometheus: it can read, and nothing else."""
_PACKAGES = ("@grafana/data", "@grafana/ui")
_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".json": "application/json"}


def bundle() -> Path:
    """Return the page's script in one file, bundled with Grafana's panels, which must be here already."""
    panels = table.kept("grafana-panels").path
    sources = sorted(SOURCE.glob("*.js*"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    place = panels / f"page-{digest}.js"

    def make(made: Path) -> None:
        loaders = ("--loader:.ttf=empty", "--loader:.css=text")
        # The CommonJS builds: in an .mjs file, esbuild takes a default import for the whole module, as Node.js does.
        aliases = (f"--alias:{name}={panels}/node_modules/{name}/dist/cjs/index.cjs" for name in _PACKAGES)
        command: list[str | Path] = [
            panels / "node_modules/.bin/esbuild",
            SOURCE / "page.jsx",
            "--bundle",
            "--minify",
            *loaders,
            *aliases,
        ]
        run(
            [*command, '--define:process.env.NODE_ENV="production"', "--log-level=warning", f"--outfile={made}"],
            ROOT,
            {"NODE_PATH": str(panels / "node_modules")},
        )

    make_once(place, "the page of the dashboards", Path.is_file, make)
    return place


class Page:
    """Serves the page at `address` (host:port), with the answers of the Prometheus at `prometheus` (host:port)."""

    def __init__(self, address: str, prometheus: str) -> None:
        host, _, port = address.rpartition(":")
        script = bundle()

        class Handler(_Handler):
            files: ClassVar = {"/": SOURCE / "index.html", "/page.js": script}
            backend: ClassVar = f"http://{prometheus}"

        self._server = ThreadingHTTPServer((host, int(port)), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()


def boards() -> list[dict[str, str]]:
    """Return the name and the title of each dashboard; the one to show first is the first."""
    found = [
        {"name": path.stem, "title": json.loads(path.read_text(encoding="utf-8"))["title"]}
        for path in BOARDS.glob("*.json")
    ]
    return sorted(found, key=lambda board: (board["name"] != FIRST, board["title"]))


class _Handler(BaseHTTPRequestHandler):
    files: ClassVar[dict[str, Path]] = {}
    backend: ClassVar[str] = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if self.path.startswith(_ASKED):
            self._pass_on()
        elif path in self.files:
            self._answer(HTTPStatus.OK, self.files[path].read_bytes(), self.files[path].suffix)
        elif path == "/boards.json":
            self._answer(HTTPStatus.OK, json.dumps(boards()).encode())
        elif path in {f"/boards/{each['name']}.json" for each in boards()}:
            self._answer(HTTPStatus.OK, (BOARDS / path.rpartition("/")[2]).read_bytes())
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the terminal belongs to whoever runs the tier."""

    def _pass_on(self) -> None:
        try:
            with request.urlopen(self.backend + self.path, timeout=ANSWER_DEADLINE_S) as reply:  # noqa: S310 - always http
                self._answer(HTTPStatus.OK, reply.read())
        except error.HTTPError as refused:
            self._answer(HTTPStatus(refused.code), refused.read())
        except OSError as failed:
            said = {"status": "error", "error": f"Prometheus does not answer: {failed}"}
            self._answer(HTTPStatus.BAD_GATEWAY, json.dumps(said).encode())

    def _answer(self, status: HTTPStatus, body: bytes, suffix: str = ".json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", _TYPES[suffix])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
