"""A JSON tree as OpenCode 1.1 writes it: a user and an assistant message for each call, 25 calls a session."""

import json
import random
import time
from pathlib import Path
from typing import Final

_BEGIN_MS: Final = 1_779_000_000_000
_CALLS_PER_SESSION: Final = 25
_PROJECTS: Final = 40
_MODELS: Final = (
    ("anthropic", "claude-sonnet-4-5"),
    ("openai", "gpt-5.2-codex"),
    ("zai-coding-plan", "glm-4.7"),
    ("google", "gemini-3"),
)
_AGENTS: Final = ("build", "plan", "general")


def make_tree(data: Path, messages: int) -> None:
    """Write ``messages`` completed assistant messages below ``data``; the same ones each time."""
    storage, chance = data / "storage", random.Random(1)
    (storage / "project").mkdir(parents=True)
    for number in range(_PROJECTS):
        _write(
            storage / "project" / f"{_project(number)}.json", {"id": _project(number), "worktree": _worktree(number)}
        )
    for first in range(0, messages, _CALLS_PER_SESSION):
        _session(storage, first, min(_CALLS_PER_SESSION, messages - first), chance)


def _session(storage: Path, first: int, calls: int, chance: random.Random) -> None:
    number = first // _CALLS_PER_SESSION % _PROJECTS
    began = _BEGIN_MS + first * 60_000
    session = f"ses_{(~(began * 4096)) % 2**48:012x}{'S' * 14}"
    folder = storage / "session" / _project(number)
    folder.mkdir(parents=True, exist_ok=True)
    told = {"id": session, "version": "1.1.27", "projectID": _project(number), "directory": _worktree(number)}
    _write(
        folder / f"{session}.json", told | {"title": "a made-up session", "time": {"created": began, "updated": began}}
    )
    (storage / "message" / session).mkdir(parents=True)
    for call in range(calls):
        _call(storage / "message" / session, session, number, began + call * 60_000, chance)


def append_call(data: Path, number: int) -> None:
    """One more, completed now: in a session of its own after each ten."""
    storage, now = data / "storage", time.time_ns() // 1_000_000
    session = f"ses_{(~(number // 10)) % 2**48:012x}{'N' * 14}"
    folder = storage / "message" / session
    if not folder.exists():
        told = {"id": session, "version": "1.1.27", "projectID": _project(0), "directory": _worktree(0)}
        _write(storage / "session" / _project(0) / f"{session}.json", told | {"time": {"created": now, "updated": now}})
        folder.mkdir()
    _call(folder, session, 0, now - 30_000, random.Random(number), tail=f"N{number:013d}", took=30_000)


def _call(
    folder: Path, session: str, project: int, at: int, chance: random.Random, *, tail: str = "M" * 14, took: int = 0
) -> None:
    provider, model = chance.choice(_MODELS)
    agent, path = chance.choice(_AGENTS), _worktree(project)
    asked, answered = _message_id(at - 100, tail), _message_id(at, tail)
    user = {"id": asked, "sessionID": session, "role": "user", "time": {"created": at - 100}, "agent": agent}
    _write(
        folder / f"{asked}.json", user | {"summary": {"diffs": []}, "model": {"providerID": provider, "modelID": model}}
    )
    cache = {"read": chance.randrange(9_000), "write": 0}
    tokens = {"input": chance.randrange(20_000), "output": chance.randrange(900), "reasoning": chance.randrange(100)}
    assistant = {
        "id": answered,
        "sessionID": session,
        "role": "assistant",
        "parentID": asked,
        "time": {"created": at, "completed": at + (took or chance.randrange(500, 30_000))},
        "modelID": model,
        "providerID": provider,
        "mode": agent,
        "agent": agent,
        "path": {"cwd": path, "root": path},
        "cost": 0.0123,
        "tokens": tokens | {"cache": cache},
        "finish": "stop",
    }
    _write(folder / f"{answered}.json", assistant)


def _message_id(at: int, tail: str) -> str:
    return f"msg_{at * 4096 % 2**48:012x}{tail}"


def _project(number: int) -> str:
    return f"{number:040x}"


def _worktree(number: int) -> str:
    return f"/home/dev/projects/project-{number}"


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2))
