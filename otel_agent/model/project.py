"""The folder of a project, and the words for it, without the name of the user whose home it is in."""

import os
import re
from functools import lru_cache
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from msgspec import Struct

OUTSIDE_ANY: Final = ("", "/")
"""The worktrees that OpenCode records for a session outside any project."""


_MADE: Final = re.compile(
    r"(?P<folder>(?P<data>.*?[/\\]opencode)[/\\]worktree[/\\](?P<project>[^/\\]+)[/\\][^/\\]+)(?:[/\\].*)?", re.DOTALL
)
"""A folder in ``<data>/worktree/<project id>/<random name>``. The name of a data folder is always ``opencode``, and 2.x
takes the first six letters of the id."""
_USUAL_DATA: Final = re.compile(r".*[/\\]\.local[/\\]share[/\\]opencode", re.DOTALL)
_PROJECT_ID: Final = re.compile(r"[0-9a-f][0-9a-f-]{5,}", re.IGNORECASE)
"""A commit, another hash, a UUID, or the first letters of one."""


class MadeWorktree(Struct, frozen=True):
    """A worktree that OpenCode made in its data folder, so that a session has the repository for itself."""

    folder: str
    """Its root, named at random."""
    data: str
    """The data folder …"""
    project_id: str
    """… and in it the project of the repository, or the first six letters of its id."""
    certain: bool
    """False if someone could have named a folder so who works on a repository called opencode."""


def is_outside_any(worktree: str) -> bool:
    """True if OpenCode records no project for a session with this worktree."""
    return worktree in OUTSIDE_ANY


@lru_cache(maxsize=4096)
def made_worktree(folder: str) -> MadeWorktree | None:
    """Return the worktree of OpenCode's own that the folder is in, ``None`` if its path is not that of one."""
    found = _MADE.fullmatch(folder)
    if found is None:
        return None
    certain = bool(_PROJECT_ID.fullmatch(found["project"]) or _USUAL_DATA.fullmatch(found["data"]))
    return MadeWorktree(found["folder"], found["data"], found["project"], certain)


def is_repository(worktree: str) -> bool:
    """True if a project has its name from this folder: it is known, and OpenCode did not make it as a worktree."""
    return not is_outside_any(worktree) and made_worktree(worktree) is None


@lru_cache(maxsize=4096)
def project_name(directory: str) -> str:
    """Return the last part of the project's directory, the same for everyone who works on it, wherever they keep it.

    The home folder, whose last part is a person's name, is ``~``.
    """
    shown = from_home(directory)
    path = PureWindowsPath(shown) if "\\" in shown else PurePosixPath(shown)
    return path.name or shown


def from_home(directory: str) -> str:
    """Return the directory with the home folder as ``~``, so that no user name leaves the machine with it."""
    home = os.path.expanduser("~").rstrip("/\\")  # noqa: PTH111 - Path.home raises if a user has none
    rest = directory.removeprefix(home)
    # Only whole parts of the path count: /home/dev is not the home of /home/developer.
    return "~" + rest if home and rest != directory and rest[:1] in ("", "/", "\\") else directory
