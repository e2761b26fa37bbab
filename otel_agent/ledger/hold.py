"""The right to write a ledger, which one process has at a time, and its note about how that process is doing."""

import json
import os
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from errno import ENOLCK, ENOSYS, EOPNOTSUPP
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.errors import LedgerError, LedgerHeld
from otel_agent.ledger import place
from otel_agent.ledger.file_lock import FileLock, Locked, is_locked
from otel_agent.ledger.name_lock import NameLock, NameLocked, locked_by
from otel_agent.private_files import make_private_folder, open_private, read_private, replace_private

_LOCK: Final = "ledger.lock"
_HOLDER: Final = "holder.json"
_NOTE_BYTES: Final = 1_024
"""The note always has this size and is rewritten in place: a full disk cannot prevent that."""
_POLL_SECONDS: Final = 0.05
_WITHOUT_LOCKS: Final = (ENOSYS, ENOLCK, EOPNOTSUPP)
"""What a network file system answers that does not support locks, or whose lock service does not run."""


class CannotWrite(Struct, frozen=True):
    """The reason why the agent cannot write its ledger now."""

    reason: str
    since_ms: int
    """Unix milliseconds."""
    waiting: int | None = None
    """Messages that were read and could not be counted, at least; ``None`` if that is not known."""


class Holder(Struct, frozen=True):
    """The process that writes a ledger."""

    pid: int
    since: str
    """ISO 8601, UTC."""
    trouble: CannotWrite | None = None
    """``None`` while the ledger can be written."""


class Hold:
    """The right to write a ledger. The operating system revokes it when the process ends, however it ends."""

    def __init__(self, state_dir: Path, patience_seconds: float = 0.0) -> None:
        """Raises ``LedgerHeld`` if another process has it, ``LedgerError`` if the folder cannot be used."""
        self._note_file = state_dir / _HOLDER
        self._holder = Holder(os.getpid(), datetime.now(UTC).isoformat(timespec="seconds"))
        give_up = time.monotonic() + patience_seconds
        try:
            make_private_folder(state_dir)
            self._lock = FileLock(state_dir / _LOCK, patience_seconds)
        except Locked:
            raise LedgerHeld(_in_words(state_dir, _holder(state_dir))) from None
        except OSError as error:
            raise _unusable(state_dir, error) from None
        try:
            self._name_lock = _name_lock(state_dir, give_up)
            # Written after the locks were won, so that it names the process that has them.
            self._note = self._begin_note(state_dir)
        except BaseException:
            self._lock.release()
            raise

    def note_trouble(self, reason: str, waiting: int | None = None) -> None:
        """Note why the ledger cannot be written, for ``otel-agent status``. The same trouble keeps its beginning."""
        before = self._holder.trouble
        since_ms = before.since_ms if before else time.time_ns() // 1_000_000
        # A pass that is tried again reads the same messages again: the largest number is the nearest to the truth.
        most = max(waiting or 0, (before.waiting if before else None) or 0) or None
        self._rewrite(CannotWrite(reason[:400], since_ms, most))

    def note_written(self, *, everything: bool) -> None:
        """Note that something was written, or ``everything`` that waited. This costs nothing unless there was a trouble."""
        trouble = self._holder.trouble
        # A nearly full disk has room for a note on a delivery, and none for the messages that wait.
        if trouble is not None and (everything or not trouble.waiting):
            self._rewrite(None)

    def release(self) -> None:
        """Let other processes have the ledger."""
        os.close(self._note)
        with suppress(OSError):
            self._note_file.unlink()
        self._name_lock.release()
        self._lock.release()

    def _begin_note(self, state_dir: Path) -> int:
        try:
            replace_private(self._note_file, _as_note(self._holder))
            return open_private(self._note_file, os.O_WRONLY)
        except OSError as error:
            self._name_lock.release()
            raise _unusable(state_dir, error) from None

    def _rewrite(self, trouble: CannotWrite | None) -> None:
        if trouble == self._holder.trouble:
            return
        self._holder = Holder(self._holder.pid, self._holder.since, trouble)
        with suppress(OSError):  # the log has it too
            os.pwrite(self._note, _as_note(self._holder), 0)


def held_by(state_dir: Path) -> Holder | None:
    """Return the process that writes the ledger now, ``None`` if there is none."""
    # The locks alone decide whether there is one; the file beside them only says which.
    if _is_locked(state_dir):
        return _holder(state_dir) or Holder(0, "")
    pid = locked_by(state_dir)
    return None if pid is None else Holder(pid, "")


def _is_locked(state_dir: Path) -> bool:
    try:
        return is_locked(state_dir / _LOCK)
    except OSError:
        return False


def _name_lock(state_dir: Path, give_up: float) -> NameLock:
    pid: int | None = None
    while True:
        try:
            return NameLock(state_dir, pid)
        except NameLocked as locked:
            pid = locked.pid
            if time.monotonic() >= give_up:
                raise LedgerHeld(_in_words(state_dir, Holder(locked.pid, ""))) from None
        threading.Event().wait(_POLL_SECONDS)  # another process ends this wait, and no event of ours


def _as_note(holder: Holder) -> bytes:
    trouble = holder.trouble
    note = {"pid": holder.pid, "since": holder.since}
    if trouble is not None:
        # Letters that JSON would write as six could make the note too long.
        reason = "".join(each if " " <= each <= "~" else "?" for each in trouble.reason)
        note |= {"trouble": reason, "trouble_since_ms": trouble.since_ms, "waiting": trouble.waiting}
    return json.dumps(note).encode()[:_NOTE_BYTES].ljust(_NOTE_BYTES)


def _holder(state_dir: Path) -> Holder | None:
    try:
        found = json.loads(read_private(state_dir / _HOLDER, _NOTE_BYTES))
        trouble = None
        if reason := found.get("trouble"):
            waiting = found.get("waiting")
            trouble = CannotWrite(
                str(reason), int(found["trouble_since_ms"]), None if waiting is None else int(waiting)
            )
        return Holder(int(found["pid"]), str(found["since"])[:32], trouble)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Half written, or by another version: the lock still protects the ledger, only the name is missing.
        return None


def _unusable(state_dir: Path, error: OSError) -> LedgerError:
    if error.errno in _WITHOUT_LOCKS:
        return LedgerError(
            f"cannot lock {state_dir}: {error.strerror}. Its file system has no locks, so two agents could count into one "
            "ledger. Set OTEL_AGENT_STATE_DIR to a folder on a local disk."
        )
    # A file that is put in another one's place has two names.
    names = {Path(each).name for each in (error.filename, error.filename2) if each} & {_LOCK, _HOLDER}
    return place.cannot_be_written(state_dir, error, " and ".join(sorted(names)))


def _in_words(state_dir: Path, holder: Holder | None) -> str:
    since = f", since {holder.since}" if holder is not None and holder.since else ""
    who = f"process {holder.pid}{since}" if holder is not None and holder.pid else "another process"
    return (
        f"the ledger in {state_dir} is written by another otel-agent ({who}). Stop that one first, "
        "or set OTEL_AGENT_STATE_DIR to give this one a ledger of its own."
    )
