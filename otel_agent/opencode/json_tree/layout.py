"""The two kinds of JSON tree, and where each keeps what belongs together.

::

    0.6 to 1.1   <storage>/message/<session>/<message>.json          up to 0.5   <storage>/session/message/<session>/<message>.json
                 <storage>/session/<project>/<session>.json                      <storage>/session/info/<session>.json
                 <storage>/part/<message>/<part>.json                            <storage>/session/part/<session>/<message>/<part>.json
                 <storage>/project/<project>.json                                (the project is known by the message's own path)
"""

from pathlib import Path
from typing import Protocol

from otel_agent.model import Problem
from otel_agent.opencode.bounded_files import is_folder, listing


class Layout(Protocol):
    """The paths of one tree."""

    @property
    def messages(self) -> Path:
        """The folder that holds a folder of messages for each session."""

    def session_files(self) -> dict[str, Path]:
        """Return the file of each session, by the session's id."""

    def project_file(self, project_id: str) -> Path | None:
        """Return the file that says where a project is; ``None`` if this kind of tree has none."""

    def parts(self, session_id: str, message_id: str) -> Path:
        """Return the folder that holds a message's parts."""


class FlatLayout:
    """OpenCode 0.6 to 1.1: one tree for all projects."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage
        self.messages = storage / "message"

    def session_files(self) -> dict[str, Path]:
        """Return the file of each session, by the session's id."""
        return {
            path.stem: path
            for project in listing(self._storage / "session", [])
            if is_folder(project)
            for path in _json_files(Path(project.path))
        }

    def project_file(self, project_id: str) -> Path | None:
        """Return the file that says where a project is; it may be missing."""
        return self._storage / "project" / f"{project_id}.json"

    def parts(self, session_id: str, message_id: str) -> Path:
        """Return the folder that holds a message's parts."""
        return self._storage / "part" / message_id


class ProjectLayout:
    """OpenCode up to 0.5: a tree for each project."""

    def __init__(self, storage: Path) -> None:
        self._session = storage / "session"
        self.messages = self._session / "message"

    def session_files(self) -> dict[str, Path]:
        """Return the file of each session, by the session's id."""
        return {path.stem: path for path in _json_files(self._session / "info")}

    def project_file(self, project_id: str) -> Path | None:
        """Return ``None``: these trees name the project in each message."""
        return None

    def parts(self, session_id: str, message_id: str) -> Path:
        """Return the folder that holds a message's parts."""
        return self._session / "part" / session_id / message_id


def _json_files(folder: Path) -> list[Path]:
    unreported: list[Problem] = []
    return [Path(entry.path) for entry in listing(folder, unreported) if entry.name.endswith(".json")]
