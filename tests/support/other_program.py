"""Another program that uses a database: it opens, writes and closes it when it is asked to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.made_stores import Database, Message

_PROGRAM = """
import json, sqlite3, sys
database = None
for line in sys.stdin:
    order, *rest = json.loads(line)
    if order == "open":
        database = sqlite3.connect(rest[0], isolation_level=None, timeout=5)
    elif order == "close":
        database.close()
    else:
        database.execute(order, *rest).fetchall()
    print("done", flush=True)
"""


class OtherProgram:
    """One process, which has at most one connection."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def open(self, path: Path) -> None:
        """Open a database as OpenCode does."""
        self.open_as_it_is(path)
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = NORMAL")

    def open_as_it_is(self, path: Path) -> None:
        """Open a database in the journal mode that it has."""
        self._order("open", str(path))

    def close(self) -> None:
        """Close it. The last one to close a database moves its WAL into it and removes that."""
        self._order("close")

    def execute(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        """Run a statement."""
        self._order(sql, *([parameters] if parameters else []))

    def put(self, database: Database, message: Message) -> None:
        """Write a message with its session and project."""
        for record in (message.session.project, message.session, message):
            table, row = database.place(record)
            names = ", ".join(row)
            marks = ", ".join(f":{name}" for name in row)
            self.execute(f"INSERT INTO {table} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING", row)

    def _order(self, *order: Any) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


@contextmanager
def other_program() -> Iterator[OtherProgram]:
    """Start a program; end it as a kill does, without closing anything."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _PROGRAM], stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield OtherProgram(process)
        finally:
            process.kill()
