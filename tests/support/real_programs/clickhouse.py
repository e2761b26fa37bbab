"""ClickHouse, as far as it can be had from a package registry: its engine, behind a small server of the tests."""

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
    """One, with its tables in `folder`."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        package = require("clickhouse")
        super().__init__(folder, PYTHONPATH=str(package))
        self._port = port
        self.url = ""

    @property
    def endpoint(self) -> str:
        """As `CLICKHOUSE_ENDPOINT` of the configurations takes it."""
        return f"{self.url}?compress=none"

    def command(self) -> Sequence[str | Path]:
        return [sys.executable, SERVER, str(self._port), self._folder / "tables"]

    def is_ready(self, line: str) -> bool:
        if said := re.fullmatch(r"Listening on (\S+)\n", line):
            self.url = said[1]
        return bool(self.url)

    def do(self, statement: str) -> list[list[Any]]:
        """The rows of its answer."""
        reply = requests.post(self.url, data=statement.encode(), timeout=60)
        assert reply.status_code == 200, f"{statement}: {reply.text}"
        rows: list[list[Any]] = reply.json()["data"] if reply.content else []
        return rows
