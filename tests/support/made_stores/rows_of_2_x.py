"""The rows of one session of 2.x, in the order in which OpenCode writes them: prompts, answers with their tools, idle."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from tests.support.made_stores.database import DatabaseV2, compact, upsert
from tests.support.made_stores.ids import message_id
from tests.support.made_stores.records import Session, Tokens

S = 1_000
"""A second, in milliseconds."""
USED = Tokens(10, 2)
_numbers = count()


@dataclass
class Rows:
    """Writes the rows of `of`, each with the next number. Times are milliseconds since the epoch."""

    database: DatabaseV2
    of: Session
    agent: str = "build"
    seq: int = field(default=0, init=False)
    _number: int = field(default_factory=lambda: next(_numbers), init=False)

    def __post_init__(self) -> None:
        self.database.put(self.of.project, self.of)
        self.database.execute("UPDATE session_v2 SET agent = ? WHERE id = ?", self.agent, self.of.id)

    def prompt(self, at: int, text: str = "fix it") -> str:
        """A prompt of a person, or the one that begins a sub-agent. Returns its id."""
        return self.put("user", at, {"text": text})

    def woken(self, at: int, child: Session | None = None) -> str:
        """A note of OpenCode's own; that the sub-agent `child` ended, if one is given."""
        metadata = {} if child is None else {"source": "subagent", "childID": child.id, "state": "completed"}
        return self.put("synthetic", at, {"text": "a note", "metadata": metadata})

    def idle(self, at: int, outcome: str = "succeeded") -> str:
        """The end of a turn."""
        return self.put("idle", at, {"outcome": outcome})

    def compaction(self, at: int, took: int = S) -> str:
        """A compaction that was completed."""
        used = {"tokens": USED.document(), "cost": 0, "model": {"id": "glm-4.7", "providerID": "zai"}}
        return self.put("compaction", at, {"status": "completed", "reason": "auto", **used}, updated=at + took)

    def answer(
        self,
        at: int,
        took: int | None = S,
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        model: str = "glm-4.7",
        id_: str | None = None,
        **fields: Any,
    ) -> str:
        """One call of a model; `took=None` is one that goes on. With the id of an earlier one it is written again."""
        data: dict[str, Any] = {
            "agent": self.agent,
            "model": {"id": model, "providerID": "zai"},
            "content": list(tools),
        }
        if took is None:
            times = {}
        else:
            times = {"streamed": at + took // 2, "completed": at + took}
            data |= {"tokens": USED.document(), "cost": 0, "finish": "tool-calls" if tools else "stop"}
        return self.put("assistant", at, data | fields, times=times, id_=id_)

    def put(
        self,
        kind: str,
        at: int,
        data: Mapping[str, Any],
        *,
        times: Mapping[str, int] | None = None,
        updated: int | None = None,
        id_: str | None = None,
    ) -> str:
        """Write one row of any type, or write the row `id_` again in its place. Returns its id."""
        row = {
            # Several sessions of a test can write at the same moment.
            "id": id_ or message_id(at, self.seq + 64 * (self._number % 60)),
            "session_id": self.of.id,
            "type": kind,
            "time_created": at,
            "time_updated": time.time_ns() // 1_000_000 if updated is None else updated,
            "data": compact({**data, "time": {"created": at, **(times or {})}}),
        }
        if id_ is None:
            self.seq += 1
            row["seq"] = self.seq
        with self.database.connection() as connection:
            if id_ is None:
                upsert(connection, "session_message", row)
            else:
                connection.execute(
                    "UPDATE session_message SET data = :data, time_created = :time_created, time_updated = :time_updated "
                    "WHERE id = :id",
                    {key: row[key] for key in ("id", "data", "time_created", "time_updated")},
                )
        return str(row["id"])


def call(
    tool: str,
    at: int,
    took: int | None = 400,
    *,
    id_: str = "call_1",
    error: str | None = None,
    text: str = "no",
    asked: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A call of a tool that the model began to write at `at` and that ran 30 ms later; `took=None` is one at work."""
    times = {"created": at, "ran": at + 30} | ({} if took is None else {"completed": at + took})
    state: dict[str, Any] = {"input": {"command": "secret-in"} if asked is None else dict(asked), "metadata": {}}
    if took is None:
        state["status"] = "running"
    elif error is not None:
        state |= {"status": "error", "error": {"type": error, "message": text}, "metadata": dict(metadata or {})}
    else:
        output = [{"type": "text", "text": "secret-out"}]
        state |= {"status": "completed", "content": output, "metadata": dict(metadata or {})}
    return {"type": "tool", "id": id_, "name": tool, "time": times, "state": state}


def subagent(
    at: int,
    took: int | None = 400,
    *,
    child: Session | None = None,
    agent: str = "explore",
    background: bool = False,
    resumes: Session | None = None,
    prompt: str = "look",
    **fields: Any,
) -> dict[str, Any]:
    """A call of a sub-agent. It names `child` once it is complete, or the session that it goes on with from its begin."""
    asked = {"agent": agent, "description": "Look around", "prompt": prompt}
    asked |= {} if resumes is None else {"sessionID": resumes.id}
    status = "running" if background else "completed"
    metadata = {} if child is None or took is None else {"sessionID": child.id, "status": status}
    return call("subagent", at, took, asked=asked, metadata=metadata, **fields)
