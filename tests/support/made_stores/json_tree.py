"""The JSON trees: `storage/` of 0.6 to 1.1, and `project/<slug>/storage/` of the releases before it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.made_stores.records import Message, Part, Project, Record, Session, UserMessage


def as_file(document: dict[str, Any]) -> bytes:
    """The bytes OpenCode writes: two-space indentation, no newline at the end; lone surrogates stay escaped."""
    return json.dumps(document, indent=2, ensure_ascii=True).encode()


def settle(path: Path) -> None:
    """Let a file be as old as one is at the first look after its hint: the agent does not wait for a younger one."""
    written = path.stat().st_mtime_ns - 200_000_000
    os.utime(path, ns=(written, written))


@dataclass(frozen=True, slots=True)
class JsonTree:
    """`<data>/storage` as 1.1.27 leaves it."""

    data_dir: Path

    def path(self, record: Record) -> Path:
        storage = self.data_dir / "storage"
        match record:
            case Project():
                return storage / "project" / f"{record.id}.json"
            case Session():
                return storage / "session" / record.project.id / f"{record.id}.json"
            case Message() | UserMessage():
                return storage / "message" / record.session.id / f"{record.id}.json"
            case Part():
                return storage / "part" / record.message.id / f"{record.id}.json"

    def put(self, *records: Record) -> None:
        for record in records:
            self.put_bytes(record, as_file(record.document()))

    def put_bytes(self, record: Record, content: bytes) -> Path:
        """Write `content` where `record` belongs, whatever it is: torn, mangled, half a file."""
        path = self.path(record)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        settle(path)
        return path

    def put_turn(self, *messages: Message) -> None:
        """Each message with the session and project it belongs to."""
        for each in messages:
            self.put(each.session.project, each.session, each)

    def remove(self, *records: Record) -> None:
        for record in records:
            self.path(record).unlink()


@dataclass(frozen=True, slots=True)
class OldTree:
    """`<data>/project/<slug>/storage` of 0.5 and before: no project files, the slug is the worktree with dashes."""

    data_dir: Path

    def path(self, record: Session | Message | UserMessage | Part) -> Path:
        match record:
            case Session():
                return self._folder(record) / "info" / f"{record.id}.json"
            case Message() | UserMessage():
                return self._folder(record.session) / "message" / record.session.id / f"{record.id}.json"
            case Part():
                owner = record.message
                return self._folder(owner.session) / "part" / owner.session.id / owner.id / f"{record.id}.json"

    def _folder(self, of: Session) -> Path:
        slug = "global" if of.root == "/" else of.root.strip("/").replace("/", "-")
        return self.data_dir / "project" / slug / "storage" / "session"

    def put(self, *records: Session | Message | UserMessage | Part) -> None:
        for record in records:
            path = self.path(record)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(as_file(self._document(record)))

    @staticmethod
    def _document(record: Session | Message | UserMessage | Part) -> dict[str, Any]:
        document = record.document()
        newer = {"projectID", "directory", "slug", "summary", "agent"}
        return {key: value for key, value in document.items() if key not in newer}
