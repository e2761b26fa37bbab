"""Opens a database of OpenCode's for one look, so that OpenCode notices nothing."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from threading import Event
from typing import Final

from otel_agent.verify.recount.rows import MOST_BYTES

_BUSY_SECONDS: Final = 2.0
_YOUNG_SECONDS: Final = 2.0
"""A younger file may be a database that OpenCode is making: a reader could make OpenCode's start fail."""

_FIRST_PAGE: Final = 4_096
"""Bytes of a database without tables."""
_STRIDE: Final = 1_000_000
_MOST_STRIDES: Final = 20_000
"""The whole look ends after so many strides of SQLite's virtual machine: some minutes of nothing else."""


class NotReady(Exception):
    """The database cannot be read now; the text says why."""


@contextmanager
def looked_at(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database inside one read transaction, so that rows and totals are of one moment. Raises ``NotReady``."""
    try:
        if _is_being_made(path):
            Event().wait(_YOUNG_SECONDS)
            if _is_being_made(path):
                raise NotReady("OpenCode is making it")
        with closing(
            sqlite3.connect(_address(path), uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
        ) as database:
            # Text may have bytes that are no UTF-8; one of them must not end the recount.
            database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
            strides = count()
            database.set_progress_handler(lambda: next(strides) > _MOST_STRIDES, _STRIDE)
            database.execute("PRAGMA query_only = ON")
            database.execute("BEGIN")
            yield database
            database.execute("ROLLBACK")
    except (OSError, sqlite3.Error) as error:
        raise NotReady(getattr(error, "strerror", None) or str(error)) from None


def _is_being_made(path: Path) -> bool:
    """Return True for a young file without tables and without a WAL: OpenCode makes the WAL before the tables.

    The file is not opened, because closing it would drop the locks of every connection that this process has to it.
    """
    status = path.stat()
    young = time.time() - status.st_mtime <= _YOUNG_SECONDS
    return young and status.st_size <= _FIRST_PAGE and not Path(f"{path}-wal").exists()


def _address(path: Path) -> str:
    """Return the address by which to open the file for reading.

    In a folder of another user, or one that cannot be written, SQLite's own files beside the database could lock OpenCode
    out. Without a WAL the file is whole, and needs none of them.
    """
    wal = Path(f"{path}-wal")
    has_wal = wal.exists() and wal.stat().st_size > 0
    foreign = hasattr(os, "geteuid") and os.geteuid() not in (0, path.stat().st_uid)
    alone = not has_wal and (foreign or not os.access(path.parent, os.W_OK))
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
