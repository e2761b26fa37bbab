"""Notices other agents that read the same store for a ledger of their own: if both report it, it is counted twice.

On Linux, an agent that exports binds a socket for each store, with a name and no file. The kernel lists the names to every
user and frees them when the process ends. Nothing is written anywhere. A name has the store's device and inode, so links
and mounts of one store are the same. It is seen in one network namespace only: not in a container with its own, and not on
another machine that has the home mounted. A container can share the network and number its processes itself, so a name also
has the PID namespace and the host name.
"""

import hashlib
import logging
import os
import re
import socket
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from otel_agent.opencode.answering import NoAnswer, answer_of
from otel_agent.settings import Settings

log = logging.getLogger(__name__)

_NAMES: Final = Path("/proc/net/unix")
_PID_NAMESPACE: Final = Path("/proc/self/ns/pid")
_PATIENCE_SECONDS: Final = 1.0
"""For the inode of a store: one on a dead mount gives none."""
_LONGEST_NAME: Final = 107
"""The kernel's limit for the name of a socket, without the zero byte before it."""
_NO_NAME: Final = re.compile(r"[^\w.-]", re.ASCII)
_CLAIM: Final = re.compile(
    r"@otel-agent-store-(\d+-\d+)-(\d+)-(\d+)-([0-9a-f]{16})(?:-(\d+)-(\d+)-([\w.-]*))?$", re.MULTILINE | re.ASCII
)
"""An agent of an earlier version claims without the last three."""


class _Ledger(Struct, frozen=True):
    """The ledger for which a store is read."""

    key: str
    """Its user and its path."""
    folder: int
    """The inode of its folder; 0 if it is not known. In a container, the same path is another folder."""
    pid_namespace: int
    """That of the agent; 0 if it is not known."""

    def is_that_of(self, other: "_Ledger") -> bool:
        """Return True if both are the same ledger, as far as can be known."""
        if self.key != other.key:
            return False
        is_one_namespace = 0 in (self.pid_namespace, other.pid_namespace) or self.pid_namespace == other.pid_namespace
        return is_one_namespace or 0 in (self.folder, other.folder) or self.folder == other.folder


class SharedStore(Struct, frozen=True):
    """A store that another agent reads too."""

    store: str
    pid: int
    user: int
    pid_namespace: int = 0
    """The namespace in which the process has this number, if that is not ours; else 0."""
    host: str = ""
    """The host name of the agent, which is a container's own."""

    def __str__(self) -> str:
        """Return sentences for people, without the last full stop."""
        container = ""
        if self.pid_namespace:
            # Outside, its number is another one, and 1 is another program.
            host = f"Its host name is {self.host}. " if self.host else ""
            container = (
                f"It counts its processes itself, like a container. {host}"
                f"`lsns -t pid` lists its PID namespace as {self.pid_namespace}. "
            )
        return (
            f"{self.store} is read by another otel-agent too (process {self.pid}, user {self.user}), which has a ledger of "
            f"its own. {container}If both send to one backend, its usage is there twice"
        )


ADVICE: Final = "Let one of the two agents read it: stop one, or take the store out of its XDG_DATA_HOME or data_dirs."


def shared_stores(stores: Iterable[str], state_dir: Path) -> list[SharedStore]:
    """Return the stores that an agent with another ledger reads now. Stores are named by their paths."""
    ours = _ledger(state_dir)
    identities = {identity: store for store in stores if (identity := _identity(store))}
    return [
        SharedStore(identities[identity], pid, user, *_elsewhere(ledger, ours, host))
        for identity, user, pid, ledger, host in _claims()
        if identity in identities and not ledger.is_that_of(ours)
    ]


def _elsewhere(theirs: _Ledger, ours: _Ledger, host: str) -> tuple[int, str]:
    if 0 in (theirs.pid_namespace, ours.pid_namespace) or theirs.pid_namespace == ours.pid_namespace:
        return 0, ""
    return theirs.pid_namespace, host


class StoreClaims:
    """The names that this agent holds, until it is closed."""

    def __init__(self, settings: Settings) -> None:
        """An agent that exports nothing claims nothing, because it reports nothing twice."""
        self._state_dir = settings.state_dir
        exports = any(settings.exporter_of(signal) != "none" for signal in ("traces", "metrics"))
        self._active = exports and sys.platform == "linux"
        self._held: dict[str, socket.socket] = {}
        self._said: set[SharedStore] = set()

    def renew(self, stores: Iterable[str]) -> None:
        """Claim these stores and no others, and log each other agent that reads one of them, once."""
        if not self._active:
            return
        stores = list(stores)
        wanted = {identity for store in stores if (identity := _identity(store))}
        for identity in self._held.keys() - wanted:
            self._held.pop(identity).close()
        for identity in wanted - self._held.keys():
            self._claim(identity)
        found = set(shared_stores(stores, self._state_dir))
        for shared in found - self._said:
            log.warning("%s. %s", shared, ADVICE)
        self._said = found

    def close(self) -> None:
        """Give all names back."""
        while self._held:
            self._held.popitem()[1].close()

    def _claim(self, identity: str) -> None:
        ours = _ledger(self._state_dir)
        name = (
            f"otel-agent-store-{identity}-{os.geteuid()}-{os.getpid()}-{ours.key}-{ours.pid_namespace}-{ours.folder}-"
        )
        name += _NO_NAME.sub("", socket.gethostname())[: max(_LONGEST_NAME - len(name), 0)]
        bound = None
        try:
            bound = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            bound.bind(b"\0" + name.encode("ascii"))
        except OSError:  # too many open files, or a sandbox without such sockets: nobody will notice this agent
            if bound is not None:
                bound.close()
            return
        self._held[identity] = bound


def _identity(store: str) -> str:
    try:
        # A name of its own: a question that hangs must not keep the reading of the store from being closed.
        found = answer_of(f"identity of {store}", lambda: os.stat(store), _PATIENCE_SECONDS)  # noqa: PTH116 - a path of any form
    except (NoAnswer, OSError, ValueError):
        return ""
    return f"{found.st_dev}-{found.st_ino}"


def _ledger(state_dir: Path) -> _Ledger:
    path = os.fsencode(os.path.realpath(state_dir))
    key = hashlib.sha256(b"%d\0%s" % (os.geteuid() if hasattr(os, "geteuid") else 0, path)).hexdigest()[:16]
    return _Ledger(key, _inode(state_dir), _inode(_PID_NAMESPACE))


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _claims() -> Iterator[tuple[str, int, int, _Ledger, str]]:
    """Yield store, user, process, ledger and host name of each claim that the kernel lists."""
    try:
        names = _NAMES.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for identity, user, pid, key, namespace, folder, host in _CLAIM.findall(names):
        yield identity, int(user), int(pid), _Ledger(key, int(folder or 0), int(namespace or 0)), host
