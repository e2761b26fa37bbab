"""The project that a folder belongs to. A worktree that OpenCode made for itself belongs to its repository's project.

Its random name would be one more project, with one more set of series, for each session that works in one.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from otel_agent.model import Message, Session, Unreadable
from otel_agent.model.project import MadeWorktree, is_repository, made_worktree
from otel_agent.opencode.bounded_files import read_bounded

_GIT_FILE: Final = re.compile(r"gitdir:\s*(.+?)\s*")
_MAX_GIT_FILE: Final = 16 * 1024

WorktreeOf = Callable[[str], str]
"""Returns the worktree that a store has for a project's id, or for its first six letters; empty if it does not know the
project."""


def at_repository(message: Message, session: Session | None, worktree_of_project: WorktreeOf) -> Message:
    """Return the message with its repository as its worktree, if it was written in a worktree of OpenCode's own.

    It keeps the folder if the store does not say which repository that is, and if a user made the worktree.
    """
    repository = repository_of(message.project_directory, session, worktree_of_project)
    return replace(message, worktree=repository) if repository else message


def repository_of(project_directory: str, session: Session | None, worktree_of_project: WorktreeOf) -> str:
    """Return the repository of a worktree that OpenCode made; empty for any other folder, or if nothing tells it."""
    made = made_worktree(project_directory)
    if made is None:
        return ""
    # A project can get another id; the folder is then named by the old one.
    of_session = session.worktree if session and made.certain else ""
    known = (worktree_of_project(made.project_id), of_session)
    return next((each for each in known if is_repository(each)), "")


def worktree_of(directory: str, known_repository: Callable[[str], str] = lambda _: "") -> str:
    """Return the root of the repository that holds the folder, as OpenCode would name the project.

    Outside any repository it is the folder itself; empty for an empty path. ``known_repository`` returns the repository of
    a worktree that OpenCode made, empty if it is not known there; then git is asked.
    """
    if not directory:
        return ""
    made = made_worktree(directory)
    if made is not None and (made.certain or _is_data_folder(made)):
        known = (known_repository(made.folder), _repository_by_git(made.folder))
        return next((each for each in known if is_repository(each)), made.folder)
    folder = Path(directory)
    for candidate in (folder, *folder.parents):
        try:
            if (candidate / ".git").exists():
                return str(candidate)
        except OSError:
            break
    return directory


def _is_data_folder(made: MadeWorktree) -> bool:
    """Return True if OpenCode keeps its data beside the worktree."""
    try:
        return any((Path(made.data) / name).exists() for name in ("opencode.db", "storage"))
    except OSError:
        return False


def _repository_by_git(folder: str) -> str:
    """Return the repository that git names in a linked worktree, empty if it names none.

    Its file ``.git`` holds ``gitdir: <repository>/.git/worktrees/<name>``, which may be relative.
    """
    try:
        content = read_bounded(os.path.join(folder, ".git"), _MAX_GIT_FILE) or b""  # noqa: PTH118 - a path as text
    except Unreadable:
        return ""
    found = _GIT_FILE.fullmatch(content.decode("utf-8", "replace"))
    if found is None:
        return ""
    git = Path(os.path.normpath(Path(folder) / found[1])).parents
    linked = len(git) > 2 and git[0].name == "worktrees" and git[1].name == ".git"
    return str(git[2]) if linked else ""
