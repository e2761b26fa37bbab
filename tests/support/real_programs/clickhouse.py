"""ClickHouse's engine behind a small server of the tests. Package registries have the engine, but not the server."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests

from tests.support.real_programs import require
from tests.support.real_programs.program import Program

SERVER = Path(__file__).with_name("clickhouse_server.py")


class ClickHouse(Program):
    """One ClickHouse, with its tables in `folder`."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        package = require("clickhouse")
        super().__init__(folder, PYTHONPATH=str(package))
        self._port = port
        self.url = ""

    @property
    def endpoint(self) -> str:
        """Return the value for `CLICKHOUSE_ENDPOINT` in the configurations."""
        return f"{self.url}?compress=none"

    def command(self) -> Sequence[str | Path]:
        """Return the command line that starts the server."""
        return [sys.executable, SERVER, str(self._port), self._folder / "tables"]

    def is_ready(self, line: str) -> bool:
        """True once the server listens. The line says at which URL."""
        if said := re.fullmatch(r"Listening on (\S+)\n", line):
            self.url = said[1]
        return bool(self.url)

    def do(self, statement: str) -> list[list[Any]]:
        """Run a statement and return the rows of its answer."""
        reply = requests.post(self.url, data=statement.encode(), timeout=60)
        assert reply.status_code == 200, f"{statement}: {reply.text}"
        rows: list[list[Any]] = reply.json()["data"] if reply.content else []
        return rows
