"""A second opinion: the same views, counted from the JSON files in a few plain lines, without the ledger.

It understands the trees that `history` makes (1.1 files, nothing torn, no copies) and nothing else.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from tests.support.made_stores import GLOBAL, JsonTree, Project, Session, Tokens, message, session

KINDS = ("input", "output", "reasoning", "cache_read", "cache_write")
HOUR_MS = 3_600_000


@dataclass
class Used:
    messages: int = 0
    tokens: tuple[int, ...] = (0,) * 5
    cost: float = 0.0

    def add(self, written: dict[str, Any]) -> None:
        tokens = written["tokens"]
        cache = tokens["cache"]
        numbers = tokens["input"], tokens["output"], tokens["reasoning"], cache["read"], cache["write"]
        self.messages += 1
        self.tokens = tuple(a + b for a, b in zip(self.tokens, numbers, strict=True))
        self.cost += written["cost"]


def recount(data_dir: Path, key: Callable[[dict[str, Any]], str]) -> dict[str, Used]:
    """Add up completed assistant messages by the key that `key` finds in a file."""
    found: dict[str, Used] = defaultdict(Used)
    for written in assistants(data_dir):
        found[key(written)].add(written)
    return found


def assistants(data_dir: Path) -> Iterable[dict[str, Any]]:
    for path in data_dir.glob("storage/message/*/*.json"):
        written = json.loads(path.read_text())
        if written["role"] == "assistant" and "completed" in written["time"]:
            yield written


def model(written: dict[str, Any]) -> str:
    return f"{written['providerID']}/{written['modelID']}"


def agent(written: dict[str, Any]) -> str:
    return str(written["agent"])


def session_of(written: dict[str, Any]) -> str:
    return str(written["sessionID"])


def project(written: dict[str, Any]) -> str:
    root = written["path"]["root"]
    return "(global)" if root == "/" else str(root)


def separate_project(written: dict[str, Any]) -> str:
    path = written["path"]
    return f"(global) {path['cwd']}" if path["root"] == "/" else str(path["root"])


def day(zone: tzinfo) -> Callable[[dict[str, Any]], str]:
    return lambda written: datetime.fromtimestamp(written["time"]["completed"] / 1000, zone).date().isoformat()


def history(tree: JsonTree, sessions: int, *, projects: int, models: int, since: datetime, days: int) -> None:
    """Write a made-up past, the same each time: some sessions outside any project, every fifth by a sub-agent."""
    chance = random.Random(sessions)
    before: list[Session] = []
    begin = round(since.timestamp() * 1000)
    for number in range(sessions):
        at = begin + chance.randrange(days * 24 * HOUR_MS)
        where = chance.randrange(projects + 1)
        outside = where == projects
        folder = f"/home/dev/scratch-{number % 3}" if outside else f"/home/dev/projects/p{where}"
        of = session(
            created=at,
            counter=number,
            project=GLOBAL if outside else Project(id=f"{where:040x}", worktree=folder),
            directory=folder,
            parent=chance.choice(before).id if before and number % 5 == 0 else None,
            title=f"Session {number}",
        )
        before.append(of)
        for call in range(chance.randrange(1, 4)):
            used = Tokens(*(chance.randrange(10_000) for _ in KINDS))
            started = at + call * 60_000
            tree.put_turn(
                message(
                    of,
                    used,
                    at=started,
                    counter=number % 400 * 10 + call,
                    completed=started + chance.randrange(1, 50_000),
                    model=f"model-{chance.randrange(models)}",
                    provider=f"provider-{number % 2}",
                    agent=f"agent-{number % 4}",
                    cost=chance.randrange(1000) / 1000,
                )
            )
