"""Answers which repository and branch a folder was on at a time. Everything is read when it is asked for."""

import os
import time
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Final

from msgspec import Struct

from otel_agent.model import Message, Unreadable
from otel_agent.model.project import project_name
from otel_agent.opencode.answering import NoAnswer, answer_of
from otel_agent.opencode.bounded_files import is_plain_name, last_bytes, read_bounded
from otel_agent.opencode.git.reflog import NOTHING_KNOWN, Branches, branches, head_branch
from otel_agent.opencode.git.remotes import name_in, remote_url
from otel_agent.opencode.json_values import text

_NAMES_GIT_FOLDER: Final = "gitdir:"
_SMALL_BYTES: Final = 16 * 1024
_CONFIG_BYTES: Final = 64 * 1024
_REFLOG_BYTES: Final = 512 * 1024
"""Some 3,000 lines, of the end of a longer one."""
_FOLDERS: Final = 32
"""As many folders are remembered: together they have 25 MB at most."""
_PATIENCE_SECONDS: Final = 1.0
"""A healthy disk answers in a thousandth of it. Nothing is exported meanwhile."""


class CheckedOut(Struct, frozen=True):
    """A repository and one of its branches; what is not known is empty."""

    repository: str = ""
    branch: str = ""


class _Checkout(Struct, frozen=True):
    repository: str
    branches: Branches


class _Reading(Struct, frozen=True):
    began_ms: int
    found: _Checkout | None


class Checkouts:
    """Belongs to one thread.

    The same question has the same answer later, so a span that is sent again is the same: git only adds lines to a
    reflog. It is another one if a remote was renamed meanwhile, the folder is gone, or its lines became too old.
    """

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._now_ns = now_ns
        self._readings: dict[str, _Reading] = {}

    def of(self, message: Message, ms: int) -> CheckedOut:
        """Return what was checked out at a time in the folder in which a message was written."""
        # Not its worktree: one that OpenCode made has become its repository there, which is on another branch.
        return self.at(message.directory or message.worktree, ms)

    def at(self, directory: str, ms: int) -> CheckedOut:
        """Return what was checked out in a folder at a time; nothing if it is in no repository, or does not answer."""
        if not os.path.isabs(directory):  # noqa: PTH117 - a path as text
            return CheckedOut()
        reading = self._readings.get(directory)
        # Lines of the second in which it was read may have come since.
        if reading is None or ms >= reading.began_ms - 1000:
            reading = self._read(directory)
        if reading.found is None:
            return CheckedOut()
        return CheckedOut(reading.found.repository, text(reading.found.branches.at(ms)))

    def _read(self, directory: str) -> _Reading:
        began_ms = self._now_ns() // 1_000_000
        # On a mount that is dead, one thread hangs for the folders that lie together, and not one for each.
        place = f"git below {PurePath(*PurePath(directory).parts[:4])}"
        try:
            found = answer_of(place, lambda: _checkout(Path(directory)), _PATIENCE_SECONDS)
        except NoAnswer:
            # It is not remembered: a disk that was slow once is asked again for the next message.
            return _Reading(began_ms, None)
        except (Unreadable, OSError, ValueError):
            found = None
        self._readings.pop(directory, None)
        while len(self._readings) >= _FOLDERS:
            del self._readings[next(iter(self._readings))]
        self._readings[directory] = reading = _Reading(began_ms, found)
        return reading


def _checkout(directory: Path) -> _Checkout | None:
    # What lies above a folder that is gone may be another repository.
    if not directory.is_dir():
        return None
    root = next((each for each in (directory, *directory.parents) if os.path.lexists(each / ".git")), None)
    git = _git_folder(root) if root else None
    if root is None or git is None:
        return None
    # HEAD comes first: git writes the reflog before it, so the two never say that a branch is out too early.
    head = _text(git / "HEAD", _SMALL_BYTES)
    if head is None:
        return None
    shared = _text(git / "commondir", _SMALL_BYTES)
    common = Path(os.path.normpath(git / shared.strip())) if shared else git
    return _Checkout(_repository(root, git, common), _branches(git, head_branch(head)))


def _git_folder(root: Path) -> Path | None:
    """Return the folder that git keeps for this root; the file ``.git`` of a worktree or a submodule names it."""
    place = root / ".git"
    if place.is_dir():
        return place
    mark, found, named = (_text(place, _SMALL_BYTES) or "").partition(_NAMES_GIT_FOLDER)
    named = named.strip()
    return Path(os.path.normpath(root / named)) if found and named and not mark else None


def _branches(git: Path, head: str) -> Branches:
    try:
        found = last_bytes(str(git / "logs" / "HEAD"), _REFLOG_BYTES)
        if found is not None:
            lines, is_whole, written = found
            return branches(head, lines.decode("utf-8", "replace"), is_whole=is_whole, written=written)
        # Without a reflog HEAD has named its branch since it was written, and nobody knows what it named before.
        return branches(head, "", is_whole=True, written=(git / "HEAD").stat().st_mtime)
    except (Unreadable, OSError):
        return NOTHING_KNOWN


def _repository(root: Path, git: Path, common: Path) -> str:
    """Return the name of the remote's repository; without a remote the name of the folder that holds it."""
    try:
        config = _text(common / "config", _CONFIG_BYTES) or ""
    except Unreadable:
        return ""
    name = name_in(remote_url(config))
    if name:
        return name
    if common.name == ".git":
        root = common.parent
    elif common != git:  # a worktree of a repository without a folder of its own
        root = common.with_name(common.name.removesuffix(".git"))
    name = project_name(str(root))
    return name if is_plain_name(name) else ""


def _text(path: Path, limit: int) -> str | None:
    content = read_bounded(str(path), limit)
    return None if content is None else content.decode("utf-8", "replace")
