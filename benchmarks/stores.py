"""Stores that grow while an agent reads them: a JSON tree as OpenCode 1.1 writes it, and a database as 1.18 does."""

import random
import sqlite3
import time
from pathlib import Path
from typing import Final

from tests.support.made_stores import (
    Database,
    JsonTree,
    Message,
    Project,
    Session,
    Tokens,
    message,
    prompt,
    session,
    tool,
)

_BEGIN_MS: Final = 1_779_000_000_000
_MINUTE_MS: Final = 60_000
_CALLS_PER_SESSION: Final = 25
_PROJECTS: Final = 40
_MODELS: Final = (
    ("anthropic", "claude-sonnet-4-5"),
    ("openai", "gpt-5.2-codex"),
    ("zai-coding-plan", "glm-4.7"),
    ("google", "gemini-3"),
)
_AGENTS: Final = ("build", "plan", "general")
_COUNTERS: Final = 4096
"""The number of ids that one millisecond can have."""


def make_tree(data: Path, messages: int) -> None:
    """Write a tree with so many completed assistant messages, each with its prompt. It is the same tree each time."""
    tree, chance = JsonTree(data), random.Random(1)
    for number in range(_PROJECTS):
        tree.put(_project(number))
    for first in range(0, messages, _CALLS_PER_SESSION):
        began_ms = _BEGIN_MS + first * _MINUTE_MS
        of = _session(first // _CALLS_PER_SESSION % _PROJECTS, began_ms)
        tree.put(of)
        for call in range(min(_CALLS_PER_SESSION, messages - first)):
            _put_call(tree, of, began_ms + call * _MINUTE_MS, chance)


def append_to_tree(data: Path, number: int) -> None:
    """Write one more message, completed now. Every ten numbers share a session."""
    tree, now_ms = JsonTree(data), _now_ms()
    # The session's id depends on the number alone, so that the next call finds it.
    of = session(number // 10, project=_project(0), directory=_project(0).worktree)
    if not tree.path(of).exists():
        tree.put(of)
    _put_call(tree, of, now_ms - 30_000, random.Random(number), counter=number % _COUNTERS, took_ms=30_000)


class GrowingDatabase:
    """A database with one session and one connection that stays open, as in a running OpenCode."""

    def __init__(self, data: Path, name: str = "opencode.db") -> None:
        self._database = Database(data / name).create()
        self._connection = sqlite3.connect(data / name, isolation_level=None, check_same_thread=False)
        now_ms = _now_ms()
        self._session = _session(0, now_ms, version="1.18.33")
        self._number = 0
        self._database.put_through(self._connection, self._session.project, self._session)

    def add_messages(self, number: int) -> None:
        """Write completed messages, each with a tool call, in one transaction."""
        self._connection.execute("BEGIN")
        for _ in range(number):
            self._number += 1
            written = self._message(_now_ms())
            call = tool(written, "bash", at=written.created + 400, took=400)
            self._database.put_through(self._connection, written, call)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection, as OpenCode does when it ends."""
        self._connection.close()

    def _message(self, now_ms: int) -> Message:
        return message(
            self._session,
            Tokens(input=100, output=20, reasoning=10),
            now_ms - 900,
            self._number % _COUNTERS,
            completed=now_ms,
            total=130,
            cost=0.001,
            model="claude-sonnet-4-5",
            provider="anthropic",
        )


def _put_call(
    tree: JsonTree, of: Session, at_ms: int, chance: random.Random, *, counter: int = 1, took_ms: int = 0
) -> None:
    """Write a prompt and the message that answers it."""
    provider, model = chance.choice(_MODELS)
    agent = chance.choice(_AGENTS)
    read = chance.randrange(9_000)
    tokens = Tokens(chance.randrange(20_000), chance.randrange(900), chance.randrange(100), read)
    asked = prompt(of, at_ms - 100, counter)
    completed_ms = at_ms + (took_ms or chance.randrange(500, 30_000))
    answer = message(
        of,
        tokens,
        at_ms,
        counter,
        completed=completed_ms,
        cost=0.0123,
        model=model,
        provider=provider,
        agent=agent,
        parent=asked.id,
    )
    tree.put(asked, answer)


def _session(project: int, created_ms: int, *, version: str = "1.1.27") -> Session:
    of = _project(project)
    return session(created_ms, project=of, directory=of.worktree, title="a made-up session", version=version)


def _project(number: int) -> Project:
    return Project(id=f"{number:040x}", worktree=f"/home/dev/projects/project-{number}")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
