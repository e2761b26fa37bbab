"""Opens a database of OpenCode's for one look, so that OpenCode notices nothing."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event
from typing import Final

_BUSY_SECONDS: Final = 2.0
_YOUNG_SECONDS: Final = 2.0
"""A younger file may be a database that OpenCode is making: a reader could make OpenCode's start fail."""


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
            database.execute("PRAGMA query_only = ON")
            database.execute("BEGIN")
            yield database
            database.execute("ROLLBACK")
    except (OSError, sqlite3.Error) as error:
        raise NotReady(getattr(error, "strerror", None) or str(error)) from None


def _is_being_made(path: Path) -> bool:
    """True for a young file whose header does not name a WAL: that is the last thing that OpenCode does to a new one."""
    if time.time() - path.stat().st_mtime > _YOUNG_SECONDS:
        return False
    with path.open("rb") as file:
        return file.read(20)[18:20] != b"\x02\x02"


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
