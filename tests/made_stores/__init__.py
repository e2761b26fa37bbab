"""Stores made by hand, byte for byte what OpenCode's releases write, and what no release should have written."""

from tests.made_stores.database import RELEASES, Database, DatabaseV2
from tests.made_stores.ids import message_id, part_id, session_id
from tests.made_stores.json_tree import JsonTree, OldTree, as_file
from tests.made_stores.records import (
    GLOBAL,
    PERSONA,
    T0,
    Message,
    Part,
    Project,
    Session,
    Tokens,
    UserMessage,
    fork_copy,
    in_flight,
    message,
    prompt,
    session,
    step_finish,
    step_start,
    text,
)

__all__ = [
    "GLOBAL",
    "PERSONA",
    "RELEASES",
    "T0",
    "Database",
    "DatabaseV2",
    "JsonTree",
    "Message",
    "OldTree",
    "Part",
    "Project",
    "Session",
    "Tokens",
    "UserMessage",
    "as_file",
    "fork_copy",
    "in_flight",
    "message",
    "message_id",
    "part_id",
    "prompt",
    "session",
    "session_id",
    "step_finish",
    "step_start",
    "text",
]
