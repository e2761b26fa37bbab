"""The path of the ledger: what is there, whether it can be used, and whether it is still the file that is open.

Nothing here opens a file. To close any descriptor of a database drops the locks that SQLite holds on it in this process.
"""

import os
import stat
from pathlib import Path
from typing import Final

from otel_agent.errors import LedgerError
from otel_agent.obstacles import cannot_write, obstacle
from otel_agent.private_files import kind_in_words, owner_in_words

NAME: Final = "ledger.db"
BESIDE: Final = ("-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps beside a database."""
OTHER_FILES: Final = ("ledger.lock", "holder.json", "sent.db")
_ELSEWHERE: Final = "or set OTEL_AGENT_STATE_DIR"
_MOVE_IT: Final = f"Move it away, {_ELSEWHERE}"


def ledger_path(state_dir: Path) -> Path:
    """Return the path of the ledger's database."""
    return state_dir / NAME


def exists(path: Path) -> bool:
    """Return False if there is no ledger yet. Raises ``LedgerError`` if something else is there, or it may not be read."""
    found = _status(path)
    if found is not None:
        _refuse_kind(path, found)
        if not _may(path, os.R_OK):
            raise LedgerError(f"{path} cannot be read: {_permissions(found)}. {_as_owner(found, 'u+rw', path)}")
    # A pipe or a folder in the place of a side file is as bad: SQLite would wait for it, or call the ledger damaged.
    for ending in BESIDE:
        side = Path(f"{path}{ending}")
        if (beside := _status(side)) is not None:
            _refuse_kind(side, beside)
    return found is not None


def refuse_strange_files(state_dir: Path) -> None:
    """Raise ``LedgerError`` if something else is in the place of one of the files beside the ledger."""
    for name in OTHER_FILES:
        if (found := _status(state_dir / name)) is not None:
            _refuse_kind(state_dir / name, found)


def refuse_unwritable(path: Path) -> None:
    """Raise ``LedgerError`` if the ledger may not be written, or belongs to another user."""
    found = _status(path)
    if found is None:
        return
    owner = owner_in_words(found)
    # To write as root into a user's ledger would begin all its totals again: they belong to a machine and a user.
    if owner and os.geteuid() == 0:
        raise LedgerError(f"{path} belongs to {owner}. Run otel-agent as that user, {_ELSEWHERE}.")
    if not _may(path, os.W_OK):
        raise LedgerError(f"cannot write to {path}: {_permissions(found)}. {_as_owner(found, 'u+rw', path)}")


def cannot_be_written(folder: Path, error: OSError, which: str = "") -> LedgerError:
    """Return the error for a folder in which nothing can be written; ``which`` is the file that the system refused."""
    why = cannot_write(folder, error, "Make it writable", _ELSEWHERE, is_folder=True, which=which)
    return LedgerError(f"cannot write to {folder}: {why}")


def can_be_written_beside(path: Path) -> bool:
    """Return True if SQLite can keep files beside the database, as each reader of a ledger needs."""
    return _may(path.parent, os.W_OK | os.X_OK)


Mark = tuple[tuple[int, int], ...]
"""Device and inode of a file, and of its write-ahead log with its index; zeros for one that is missing."""


def mark_of(path: Path) -> Mark:
    """Return what tells the file at a path from every other file."""
    # Several times for each message: as texts they take a third of the time of paths.
    name = os.fspath(path)
    return _identity(name), _identity(f"{name}-wal"), _identity(f"{name}-shm")


def _identity(name: str) -> tuple[int, int]:
    try:
        found = os.lstat(name)
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except FileNotFoundError:
        # A link to nowhere has the folder's name: nothing can be made there.
        if path.parent.is_symlink():
            _refuse_obstacle(path.parent)
        return None
    except OSError as error:
        _refuse_obstacle(path.parent)
        raise LedgerError(
            f"cannot look into {path.parent}: {error.strerror}. Make it yours (chown, chmod 700), {_ELSEWHERE}."
        ) from None


def _refuse_obstacle(folder: Path) -> None:
    if found := obstacle(folder, is_folder=True):
        what, todo = found
        raise LedgerError(f"{what}. {todo}, {_ELSEWHERE}.")


def _refuse_kind(path: Path, found: os.stat_result) -> None:
    if kind := kind_in_words(found.st_mode):
        followed = ", and links are not followed" if stat.S_ISLNK(found.st_mode) else ", and no file"
        raise LedgerError(f"{path} is {kind}{followed}. {_MOVE_IT}.")


def _may(path: Path, mode: int) -> bool:
    effective = os.access in os.supports_effective_ids
    return os.access(path, mode, effective_ids=effective)


def _permissions(found: os.stat_result) -> str:
    owner = owner_in_words(found)
    return f"it belongs to {owner or 'you'}, and its mode is {stat.S_IMODE(found.st_mode):04o}"


def _as_owner(found: os.stat_result, mode: str, path: Path) -> str:
    if owner_in_words(found):
        return f"Make it yours (chown), {_ELSEWHERE}."
    return f"`chmod {mode} {path}` makes it usable, unless the disk is read-only."
