"""A lock on the path of the state folder, which stays when the folder is removed, renamed or made again.

The lock file inside the folder goes away with it. On Linux this one is a socket with a name and no file, which the kernel
frees when the process ends. Elsewhere it is a lock file in the folder for temporary files. It holds among processes of
one machine and one network namespace: two containers that share a home only have the lock file in the folder.
"""

import hashlib
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Final

from otel_agent.ledger.file_lock import FileLock, Locked, is_locked

_ABSTRACT: Final = sys.platform == "linux"
_ASKING: Final = 16
"""How many may ask who has the lock until the answer is only that somebody has it."""
_CREDENTIALS: Final = struct.Struct("3i")
"""Process, user and group of the other end of a socket."""


class NameLocked(Exception):
    """Another process has the lock. ``pid`` is its number, 0 if it is not known."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pid = pid


class NameLock:
    """The lock on one state folder's path, for one user."""

    def __init__(self, folder: Path, known_pid: int | None = None) -> None:
        """Raises ``NameLocked`` if another process has it: ``known_pid``, if that one was asked already."""
        self._socket: socket.socket | None = None
        self._file: FileLock | None = None
        if _ABSTRACT:
            self._bind(_name(folder), known_pid)
        else:
            self._lock(_file(folder))

    def _bind(self, name: bytes, known_pid: int | None) -> None:
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(name)
            bound.listen(_ASKING)  # so that others can ask who has it
        except OSError:
            bound.close()
            # Another user may have taken the name, to keep us from running: that says nothing about our ledger.
            if (pid := known_pid if known_pid is not None else _owner(name)) is not None:
                raise NameLocked(pid) from None
            return
        self._socket = bound

    def _lock(self, path: Path) -> None:
        try:
            self._file = FileLock(path)
        except Locked:
            raise NameLocked(0) from None
        except OSError:
            return  # the lock file in the state folder has to be enough

    def release(self) -> None:
        """Let another process have it."""
        if self._socket is not None:
            self._socket.close()
        if self._file is not None:
            self._file.release()


def locked_by(folder: Path) -> int | None:
    """Return the process that has the lock, 0 if its number is not known, ``None`` if nobody has it."""
    if _ABSTRACT:
        return _owner(_name(folder))
    try:
        return 0 if is_locked(_file(folder)) else None
    except OSError:
        return None


def _owner(name: bytes) -> int | None:
    """Return the process of this user that bound a name, ``None`` if there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(name)
            found = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            pid, uid, _ = _CREDENTIALS.unpack(found)
        except BlockingIOError:
            return 0  # nobody accepts, and many have asked
        except OSError:
            return None
        return int(pid) if uid in (os.geteuid(), 0) else None


def _key(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]


def _name(folder: Path) -> bytes:
    return b"\0otel-agent-%d-%s" % (os.geteuid(), _key(folder).encode())


def _file(folder: Path) -> Path:
    import tempfile  # noqa: PLC0415 - not on Linux, and it takes 0.004 s

    user = os.geteuid() if hasattr(os, "geteuid") else 0
    return Path(tempfile.gettempdir()) / f"otel-agent-{user}-{_key(folder)}.lock"
