"""The two kinds of JSON tree, and where each keeps what belongs together.

::

    0.6 to 1.1   <storage>/message/<session>/<message>.json          up to 0.5   <storage>/session/message/<session>/<message>.json
                 <storage>/session/<project>/<session>.json                      <storage>/session/info/<session>.json
                 <storage>/part/<message>/<part>.json                            <storage>/session/part/<session>/<message>/<part>.json
                 <storage>/project/<project>.json                                (the project is known by the message's own path)

The ids in these paths can come from the content of files. One that is no plain name has no path, so that nobody who can write
a file here chooses what else is read.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from otel_agent.model import Problem
from otel_agent.opencode.bounded_files import is_folder, is_plain_name, listing

_FILE: Final = ".json"


class Layout(Protocol):
    """The paths of one tree."""

    @property
    def storage(self) -> Path:
        """The folder that holds the tree."""

    @property
    def messages(self) -> Path:
        """The folder that holds a folder of messages for each session."""

    def session_files(self, problems: list[Problem]) -> dict[str, str]:
        """Return the path of each session's file, by the session's id. ``problems`` gets what cannot be listed."""

    def session_file(self, session_id: str) -> str | None:
        """Return the path of one session's file, ``None`` if there is none. The other files of its folder are not listed.

        The id is a plain name. Raises ``OSError`` if a folder cannot be looked into.
        """

    def project_file(self, project_id: str) -> Path | None:
        """Return the file that says where a project is; ``None`` if there can be none."""

    def parts(self, session_id: str, message_id: str) -> Path | None:
        """Return the folder that holds a message's parts; ``None`` if there can be none."""


class FlatLayout:
    """OpenCode 0.6 to 1.1: one tree for all projects."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage
        self.messages = storage / "message"

    def session_files(self, problems: list[Problem]) -> dict[str, str]:
        """Return the path of each session's file, by the session's id."""
        files: dict[str, str] = {}
        for project in listing(self.storage / "session", problems):
            if is_folder(project):
                files |= _json_files(project.path, problems)
        return files

    def session_file(self, session_id: str) -> str | None:
        """Look for a file of this name in each project. Raises ``OSError``."""
        found = None
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(self.storage / "session") as projects:
            for project in projects:
                found = _there(project.path, session_id) or found
        return found

    def project_file(self, project_id: str) -> Path | None:
        """Return the file that says where a project is; it may be missing. ``None`` for an id that is no name."""
        return self.storage / "project" / f"{project_id}.json" if is_plain_name(project_id) else None

    def parts(self, session_id: str, message_id: str) -> Path | None:
        """Return the folder that holds a message's parts; ``None`` for an id that is no name."""
        return self.storage / "part" / message_id if is_plain_name(message_id) else None


class ProjectLayout:
    """OpenCode up to 0.5: a tree for each project."""

    def __init__(self, storage: Path) -> None:
        self.storage, self._session = storage, storage / "session"
        self.messages = self._session / "message"

    def session_files(self, problems: list[Problem]) -> dict[str, str]:
        """Return the path of each session's file, by the session's id."""
        return _json_files(self._session / "info", problems)

    def session_file(self, session_id: str) -> str | None:
        """Look for a file of this name. Raises ``OSError``."""
        return _there(str(self._session / "info"), session_id)

    def project_file(self, project_id: str) -> Path | None:
        """Return ``None``: these trees name the project in each message."""
        return None

    def parts(self, session_id: str, message_id: str) -> Path | None:
        """Return the folder that holds a message's parts; ``None`` for an id that is no name."""
        plain = is_plain_name(session_id) and is_plain_name(message_id)
        return self._session / "part" / session_id / message_id if plain else None


def messages_of(layout: Layout, session_id: str) -> Path | None:
    """Return the folder that holds a session's messages; ``None`` for an id that is no name."""
    return layout.messages / session_id if is_plain_name(session_id) else None


def _there(folder: str, session_id: str) -> str | None:
    path = f"{folder}{os.sep}{session_id}{_FILE}"
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return path


def _json_files(folder: Path | str, problems: list[Problem]) -> dict[str, str]:
    names = ((entry.name, entry.path) for entry in listing(folder, problems))
    return {name.removesuffix(_FILE): path for name, path in names if name.endswith(_FILE)}
