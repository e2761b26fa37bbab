"""OpenCode 1.x on SQLite: sessions, model calls, compactions, `task` wrappers, forks, kills, reverts, deletion."""

from __future__ import annotations

import json
from typing import Any

from tests.support.made_stores.simulated.truth import COMPACTION, MESSAGE, Call, Place
from tests.support.made_stores.simulated.world import SCHEMAS, Program, World, compact

MODEL = ("anthropic", "claude-sonnet-4-5")


class OpenCode1(Program):
    """A program of 1.18. It goes on in its own tables, whatever else is in the file."""

    def __init__(self, world: World, name: str = "opencode.db", version: str = "1.18.33") -> None:
        super().__init__(world, name)
        self.version = version
        if "message" not in self.tables():
            self._database.executescript((SCHEMAS / "schema-1.18.33.sql").read_text())

    def session(self, title: str = "Fix it") -> str:
        id_, at = self.world.session_id(), self.world.tick(10)
        with self.commit():
            place = {"project_id": self.project(), "directory": "/home/dev/shop", "slug": "swift-forest"}
            times = {"time_created": at, "time_updated": at}
            self.insert("session", id=id_, title=title, version=self.version, **place, **times)
        return id_

    def ask(self, session: str, rounds: int = 1, touched_ms: int = 3) -> None:
        """A prompt and its answers. ``touched_ms`` after its completion each row is written once more, as by a summary."""
        parent = self._prompt(session)
        for number in range(rounds):
            message = self._begin(session, parent)
            call = self.truth.called(MESSAGE)
            self._end(
                session, message, call, finish="stop" if number == rounds - 1 else "tool-calls", touched=touched_ms
            )

    def compact(self, session: str) -> None:
        """A user row that orders it, and an assistant's row with the summary."""
        message = self._begin(session, self._prompt(session), summary=True, agent="compaction", mode="compaction")
        self._end(session, message, self.truth.called(COMPACTION))

    def task_wrapper(self, session: str) -> None:
        """The row around a `task` that a command began: it asks no model, and uses nothing."""
        message = self._begin(session, self._prompt(session))
        self._end(session, message, self.truth.called(MESSAGE, used=False), finish="tool-calls", parts=False)

    def killed(self, session: str, *, with_tokens: bool = False) -> None:
        """A row that stays open. With tokens, the kill came between the step's end and the message's."""
        message = self._begin(session, self._prompt(session))
        if with_tokens:
            call = self.truth.called(MESSAGE)
            with self.commit():
                self._write(message, {"tokens": _tokens(call), "cost": call.cost_nusd / 1e9, "finish": "stop"})
                self.truth.row(self._place(message), call)

    def fork(self, session: str) -> str:
        """Copy every row: new ids, minted now, and a new parent; nothing else changes."""
        self.world.tick(60_000)
        fork, renamed = self.session("Fix it (fork #1)"), {}
        query = "SELECT id, time_created, data FROM message WHERE session_id = ? ORDER BY time_created, id"
        with self.commit():
            for old, created, data in self.rows(query, session):
                renamed[old] = new = self.world.message_id()
                copy = json.loads(data)
                if "parentID" in copy:
                    copy["parentID"] = renamed.get(copy["parentID"], copy["parentID"])
                times = {"time_created": created, "time_updated": self.world.now}
                self.insert("message", id=new, session_id=fork, data=compact(copy), **times)
                self.truth.copied(self._place(old), self._place(new))
        return fork

    def revert(self, session: str, keep: int) -> None:
        """Delete all rows of a session but the first ``keep``."""
        query = "SELECT id FROM message WHERE session_id = ? ORDER BY time_created, id"
        with self.commit():
            for (message,) in self.rows(query, session)[keep:]:
                self._delete(message)

    def delete(self, session: str) -> None:
        with self.commit():
            for (message,) in self.rows("SELECT id FROM message WHERE session_id = ?", session):
                self._delete(message)
            self.run("DELETE FROM session WHERE id = ?", session)

    def _delete(self, message: str) -> None:
        self.run("DELETE FROM message WHERE id = ?", message)
        self.truth.gone(self._place(message))

    def _prompt(self, session: str) -> str:
        self.world.tick(5_000)
        id_ = self.world.message_id()
        document = {"role": "user", "time": {"created": self.world.now}, "agent": "build"}
        with self.commit():
            self._insert(session, id_, document)
        return id_

    def _begin(self, session: str, parent: str, **more: Any) -> str:
        self.world.tick(5)
        id_ = self.world.message_id()
        document = {
            "role": "assistant",
            "time": {"created": self.world.now},
            "parentID": parent,
            "providerID": MODEL[0],
            "modelID": MODEL[1],
            "mode": "build",
            "agent": "build",
            "path": {"cwd": "/home/dev/shop", "root": "/home/dev/shop"},
            "cost": 0,
            "tokens": {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}},
            **more,
        }
        with self.commit():
            self._insert(session, id_, document)
        return id_

    def _end(
        self, session: str, message: str, call: Call, finish: str = "stop", touched: int = 3, *, parts: bool = True
    ) -> None:
        completed = self.world.tick(4_000)
        created = json.loads(self.rows("SELECT data FROM message WHERE id = ?", message)[0][0])["time"]["created"]
        spent = {"tokens": _tokens(call), "cost": call.cost_nusd / 1e9, "finish": finish}
        with self.commit():
            if parts:
                body = {"type": "step-finish", "reason": finish, "cost": spent["cost"], "tokens": spent["tokens"]}
                owner = {"message_id": message, "session_id": session}
                times = {"time_created": completed, "time_updated": completed}
                self.insert("part", id=self.world.part_id(), data=compact(body), **owner, **times)
            self._write(message, spent | {"time": {"created": created, "completed": completed}}, completed + touched)
            self.truth.row(self._place(message), call)

    def _insert(self, session: str, id_: str, document: dict[str, Any]) -> None:
        times = {"time_created": self.world.now, "time_updated": self.world.now}
        self.insert("message", id=id_, session_id=session, data=compact(document), **times)

    def _write(self, message: str, change: dict[str, Any], at: int | None = None) -> None:
        (data,) = self.rows("SELECT data FROM message WHERE id = ?", message)[0]
        document = compact(json.loads(data) | change)
        self.run("UPDATE message SET data = ?, time_updated = ? WHERE id = ?", document, at or self.world.now, message)

    def _place(self, message: str) -> Place:
        return self.name, "message", message


def _tokens(call: Call) -> dict[str, Any]:
    return call.tokens.document(sum(call.tokens))
