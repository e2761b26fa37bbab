"""Writes a SQLite store in the format of OpenCode 1.18, step by step, as OpenCode does while somebody works with it.

First comes a session, then a question, then at once an answer without tokens. Its tool calls follow while they run. The
answer is then written again, with tokens, cost and ``completed``. People, projects and conversations are made up.
"""

import json
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

SCHEMA: Final = """
CREATE TABLE project (id TEXT PRIMARY KEY, worktree TEXT NOT NULL, time_created INTEGER, time_updated INTEGER);
CREATE TABLE session (id TEXT PRIMARY KEY, project_id TEXT NOT NULL, parent_id TEXT, directory TEXT NOT NULL,
    title TEXT NOT NULL, version TEXT NOT NULL, time_created INTEGER, time_updated INTEGER);
CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT NOT NULL, time_created INTEGER, time_updated INTEGER, data TEXT NOT NULL);
CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT NOT NULL, session_id TEXT NOT NULL, time_created INTEGER,
    time_updated INTEGER, data TEXT NOT NULL);
CREATE INDEX message_session ON message (session_id, time_created, id);
CREATE INDEX part_message ON part (message_id, id);
"""
_PROJECTS: Final = (
    ("shop", "Sort the basket"),
    ("compiler", "Speed up the parser"),
    ("website", "Translate the footer"),
)
_MODELS: Final = (("anthropic", "claude-sonnet-4-5"), ("openai", "gpt-5.2-codex"), ("zai-coding-plan", "glm-4.7"))
_TOOLS: Final = ("bash", "read", "edit", "grep")
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_STEP_SECONDS: Final = 0.12
"""Average time between two writes."""
_ERRORS: Final = {7: "APIError", 11: "MessageAbortedError"}
"""The turns that end with an error, by their number."""
_SUBAGENT_EACH: Final = 4
"""Every turn whose number is a multiple of this calls a sub-agent."""
_COMPACTION_EACH: Final = 9
"""Every turn whose number is a multiple of this is a compaction."""


class Written(Struct):
    """The numbers of what was completed so far; the same numbers have to arrive at the other end."""

    messages: int = 0
    tokens: int = 0
    tool_calls: int = 0
    turns: int = 0


class _Session(Struct):
    id: str
    project: str
    directory: str
    provider: str
    model: str


class StoreWriter:
    """Writes the store in a thread of its own. Other threads may read ``written``."""

    def __init__(self, data_dir: Path, *, seed: int = 1, now: Callable[[], float] = time.time) -> None:
        """The same ``seed`` gives the same turns. ``now`` is in seconds since the Unix epoch."""
        self._path, self._chance, self._now = data_dir / "opencode.db", random.Random(seed), now  # noqa: S311 - no secret
        self._ids = 0
        self.written = Written()

    def run(self, stop: threading.Event) -> None:
        """Write until ``stop`` is set, then finish the turn that was begun. Raises ``sqlite3.Error``."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            for statement in SCHEMA.split(";\n"):
                database.execute(statement)
            for _ in self._work(database):
                stop.wait(self._chance.uniform(0.3, 1.7) * _STEP_SECONDS)
                # A turn that was begun is written to its end: its numbers could not agree otherwise.
                if stop.is_set() and not self._busy:
                    return

    def _work(self, database: sqlite3.Connection) -> Iterator[None]:
        """Make one write with each step. ``_busy`` is true while a turn is under way."""
        self._busy = False
        sessions = []
        for number, (name, title) in enumerate(_PROJECTS):
            directory = f"/made-up/{name}"
            database.execute(
                "INSERT INTO project VALUES (?, ?, ?, ?)", (f"project-{number}", directory, self._ms, self._ms)
            )
            sessions.append(self._session(database, f"project-{number}", directory, title, None))
            yield
        while True:
            self.written.turns += 1
            number = self.written.turns
            session = sessions[number % len(sessions)]
            session.provider, session.model = self._chance.choice(_MODELS)
            self._busy = True
            if number % _COMPACTION_EACH == 0:
                yield from self._turn(database, session, "compaction", rounds=0, summary=True)
            else:
                calls_agent = number % _SUBAGENT_EACH == 0
                yield from self._turn(
                    database,
                    session,
                    "build",
                    rounds=self._chance.randint(0, 3),
                    calls_agent=calls_agent,
                    error=_ERRORS.get(number),
                )
            self._busy = False
            yield

    def _turn(
        self,
        database: sqlite3.Connection,
        session: _Session,
        agent: str,
        *,
        rounds: int,
        calls_agent: bool = False,
        error: str | None = None,
        summary: bool = False,
    ) -> Iterator[None]:
        """Write a question and its answers: one for each round of tool calls, and a last one."""
        question = self._id("msg")
        self._put(database, question, session, {"role": "user", "time": {"created": self._ms}, "agent": agent})
        yield
        for number in range(rounds + calls_agent + 1):
            last = number == rounds + calls_agent
            created, answer = self._ms, self._id("msg")
            data = _empty_answer(question, session, agent, created, summary=summary)
            self._put(database, answer, session, data)
            yield
            self._part(database, answer, session, {"type": "step-start"})
            if not last:
                tool = "task" if calls_agent and number == rounds else self._chance.choice(_TOOLS)
                yield from self._call(database, answer, session, tool)
            yield from self._complete(database, answer, session, data, last=last, error=error if last else None)

    def _complete(
        self,
        database: sqlite3.Connection,
        answer: str,
        session: _Session,
        data: dict[str, Any],
        *,
        last: bool,
        error: str | None,
    ) -> Iterator[None]:
        """Write an answer's tokens, and only then that it is completed, as OpenCode does."""
        tokens = _tokens(0, 0, 0, 0) if error else self._spent()
        self._part(database, answer, session, {"type": "step-finish", "tokens": tokens})
        data |= {
            "tokens": tokens,
            "cost": round(tokens["total"] * 3e-6, 6),
            "finish": "stop" if last else "tool-calls",
        }
        data |= {"error": {"name": error}, "finish": None} if error else {}
        self._put(database, answer, session, data)
        yield
        data["time"] = data["time"] | {"completed": self._ms}
        self._put(database, answer, session, data)
        self.written.messages += 1
        self.written.tokens += tokens["total"]
        yield

    def _call(self, database: sqlite3.Connection, answer: str, session: _Session, tool: str) -> Iterator[None]:
        """Write a tool call when it begins and when it ends; the tool ``task`` runs a sub-agent in between."""
        started, part = self._ms, self._id("prt")
        child = (
            self._session(database, session.project, session.directory, "A sub-agent", session)
            if tool == "task"
            else None
        )
        metadata = {"sessionId": child.id} if child else {}
        state: dict[str, Any] = {"status": "running", "time": {"start": started}, "metadata": metadata}
        self._part(
            database,
            answer,
            session,
            {"type": "tool", "tool": tool, "callID": f"call_{part[-6:]}", "state": state},
            part,
        )
        yield
        # The sub-agent works while the call that began it is running.
        if child is not None:
            yield from self._turn(database, child, "explore", rounds=1)
        state |= {"status": "completed", "time": {"start": started, "end": self._ms}}
        self._part(
            database,
            answer,
            session,
            {"type": "tool", "tool": tool, "callID": f"call_{part[-6:]}", "state": state},
            part,
        )
        self.written.tool_calls += 1
        yield

    def _session(
        self, database: sqlite3.Connection, project: str, directory: str, title: str, parent: _Session | None
    ) -> _Session:
        provider, model = (parent.provider, parent.model) if parent else _MODELS[0]
        session = _Session(self._id("ses"), project, directory, provider, model)
        row = (session.id, project, parent.id if parent else None, directory, title, "1.18.33", self._ms, self._ms)
        database.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return session

    def _put(self, database: sqlite3.Connection, key: str, session: _Session, data: dict[str, Any]) -> None:
        database.execute(
            "INSERT INTO message VALUES (?1, ?2, ?3, ?3, ?4) ON CONFLICT (id) DO UPDATE SET time_updated = ?3, data = ?4",
            (key, session.id, self._ms, json.dumps(data)),
        )

    def _part(
        self, database: sqlite3.Connection, message: str, session: _Session, data: dict[str, Any], key: str = ""
    ) -> None:
        database.execute(
            "INSERT INTO part VALUES (?1, ?2, ?3, ?4, ?4, ?5) ON CONFLICT (id) DO UPDATE SET time_updated = ?4, data = ?5",
            (key or self._id("prt"), message, session.id, self._ms, json.dumps(data)),
        )

    def _spent(self) -> dict[str, Any]:
        chance = self._chance
        return _tokens(
            chance.randint(200, 4_000), chance.randint(20, 900), chance.randint(0, 300), chance.randint(0, 30_000)
        )

    @property
    def _ms(self) -> int:
        return round(self._now() * 1000)

    def _id(self, kind: str) -> str:
        """Return an id in OpenCode's form: time, counter and random letters. The ids of sessions count down."""
        self._ids += 1
        stamp = (self._ms * 4096 + self._ids % 4096) % 2**48
        stamp = 2**48 - 1 - stamp if kind == "ses" else stamp
        return f"{kind}_{stamp:012x}{''.join(self._chance.choices(_BASE62, k=14))}"


def _empty_answer(question: str, session: _Session, agent: str, created_ms: int, *, summary: bool) -> dict[str, Any]:
    return {
        "role": "assistant",
        "parentID": question,
        "modelID": session.model,
        "providerID": session.provider,
        "mode": agent,
        "agent": agent,
        "path": {"cwd": session.directory, "root": session.directory},
        "time": {"created": created_ms},
        "cost": 0,
        "tokens": _tokens(0, 0, 0, 0),
    } | ({"summary": True} if summary else {})


def _tokens(input_: int, output: int, reasoning: int, cached: int) -> dict[str, Any]:
    total = input_ + output + reasoning + cached
    return {
        "total": total,
        "input": input_,
        "output": output,
        "reasoning": reasoning,
        "cache": {"read": cached, "write": 0},
    }
