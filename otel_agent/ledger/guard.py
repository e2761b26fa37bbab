"""Watches the file under an open ledger: it can be removed, replaced or overwritten, and SQLite would not notice.

A connection goes on writing into a file that has no name any more, and all of it is lost at the end. So the content is
brought back to the path, and ``LedgerMoved`` ends the use of this connection: whoever has the ledger opens it again.
"""

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from otel_agent.errors import LedgerError, LedgerMoved
from otel_agent.ledger import files, place
from otel_agent.private_files import make_private_folder, replace_private

_MOST_WAL_BYTES: Final = 4_000 * 4_120
"""A longer write-ahead log is moved into the database. SQLite does the same with 4,000 pages by default."""
_START_ANEW: Final = "To begin a new ledger, stop the agent first"


class Guard:
    """Knows what the open ledger's file looked like after our last write. Only ``checkpoint`` writes into it."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        self._path, self._database = path, database
        self._copy = path.with_name(f".{path.name}.copy")
        self._is_copied, self._ended = False, ""
        # SQLite must not write into the file at other times: then a new time means that somebody else did.
        database.execute("PRAGMA wal_autocheckpoint = 0")
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()  # makes the files beside it
        self._mark = place.mark_of(path)
        self._written = _written(path)
        self.checkpoint()

    def checkpoint(self) -> None:
        """Move what is in the write-ahead log into the database, as far as readers allow, and wait for the disk.

        What is there survives a power cut, and the loss of the write-ahead log.
        """
        others_wrote = _written(self._path) != self._written
        self._database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        # Otherwise the next check would find nothing strange.
        if not others_wrote:
            self._written = _written(self._path)

    def after_commit(self) -> None:
        """Keep the write-ahead log short."""
        if _size(Path(f"{self._path}-wal")) > _MOST_WAL_BYTES:
            self.checkpoint()

    def check(self) -> None:
        """Return if the open file is still the one at the path, which costs four looks at names.

        Otherwise bring its content back to the path, close the connection, and raise ``LedgerMoved``. Raises
        ``LedgerError`` if that is not possible now, and does the same at the next call.
        """
        if self._ended:
            raise LedgerMoved(self._ended)
        if place.mark_of(self._path) != self._mark:
            self._ended = self._bring_back()
        elif _written(self._path) != self._written:
            self._ended = self._take_what_is_there()
        if self._ended:
            raise LedgerMoved(self._ended)

    def _bring_back(self) -> str:
        """Write the open ledger to its path. What is there now is kept under another name."""
        try:
            if not self._is_copied:
                make_private_folder(self._path.parent)
                replace_private(self._copy, b"")
                with closing(sqlite3.connect(self._copy)) as target:
                    self._database.backup(target)
                # From here on only the copy has everything, and a further try begins with it.
                self._is_copied = True
                self._database.close()
            found = os.path.lexists(self._path) and place.mark_of(self._path)[0] != self._mark[0]
            kept = f", and what was there is now {files.move_aside(self._path, 'replaced').name}" if found else ""
            _put(self._copy, self._path)
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise LedgerError(
                f"{self._path} was removed or replaced while the agent ran, and cannot be written back: {reason}. "
                "Nothing is counted until it can"
            ) from None
        return (
            f"{self._path} was removed or replaced while the agent ran. It was written back, so nothing counts "
            f"twice{kept}. {_START_ANEW}"
        )

    def _take_what_is_there(self) -> str:
        """Use the content that somebody else wrote into the file, without what we had in the write-ahead log."""
        try:
            replace_private(self._copy, b"")
            # This drops SQLite's locks on the file, which is closed next.
            shutil.copyfile(self._path, self._copy)
            self._database.close()
            _put(self._copy, self._path)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"{self._path} was overwritten while the agent ran: {error}") from None
        return (
            f"{self._path} was overwritten by another program while the agent ran. Its content is used as it is, and what "
            f"it lacks is read again. {_START_ANEW}"
        )


def _put(copy: Path, path: Path) -> None:
    """Put a copy in the ledger's place, without the files beside it, which belong to another content."""
    for ending in place.BESIDE:
        with suppress(FileNotFoundError):
            Path(f"{path}{ending}").unlink()
    copy.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _written(path: Path) -> tuple[int, int]:
    try:
        found = os.lstat(path)
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
