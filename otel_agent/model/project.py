"""The words for a project's folder, without the name of the user whose home it is in."""

import os
from functools import lru_cache
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

OUTSIDE_ANY: Final = ("", "/")
"""The worktrees that OpenCode records for a session outside any project."""


def is_outside_any(worktree: str) -> bool:
    """True if OpenCode records no project for a session with this worktree."""
    return worktree in OUTSIDE_ANY


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
