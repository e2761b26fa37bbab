"""Opens an older ledger again and again in processes that are killed on the way: `python -m tests.ledger.killed_migrations`.

A process of its own does that, because it forks: the process of the tests has threads.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

from otel_agent.ledger import files
from otel_agent.ledger.connection import connect_to_write

PAGE = 4_096
"""Bytes."""


def before_statement(number: int) -> Callable[[], None]:
    """Let this process be killed before the statement with this number, from 1."""

    def prepare() -> None:
        statements = count(1)

        def kill(_: str) -> None:
            if next(statements) == number:
                os.kill(os.getpid(), signal.SIGKILL)

        def connect(path: Path) -> sqlite3.Connection:
            database = connect_to_write(path)
            database.set_trace_callback(kill)
            return database

        vars(files)["connect_to_write"] = connect

    return prepare


def beyond_pages(number: int) -> Callable[[], None]:
    """Let the kernel end this process when a file grows beyond so many pages: between two writes of a commit, for example."""

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (number * PAGE, number * PAGE))

    return prepare


def is_killed(ledger: Path, prepare: Callable[[], None]) -> bool:
    """Open the ledger as an agent does, in a process that is prepared so; return True if it was killed."""
    child = os.fork()
    if child == 0:
        prepare()
        files.open_writable(ledger)
        # Nothing is closed: an agent goes on from here.
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0, status
    return os.WIFSIGNALED(status)


def main(older: Path, step: int) -> None:
    """Leave each ledger whose migration was killed in a folder beside the older one: at each ``step``-th statement."""
    for kind, prepared, every in (("statement", before_statement, step), ("page", beyond_pages, 3 * step)):
        for number in count(1, every):
            ledger = older.parent / f"{kind}-{number}" / "ledger.db"
            ledger.parent.mkdir()
            shutil.copyfile(older, ledger)
            if not is_killed(ledger, prepared(number)):
                shutil.rmtree(ledger.parent)
                break


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        name, _, every = argument.rpartition(":")
        main(Path(name), int(every))
