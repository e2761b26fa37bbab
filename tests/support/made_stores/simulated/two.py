"""OpenCode 2.x: what its events do to rows and to the totals of sessions, each in one transaction."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support.made_stores.simulated.truth import MESSAGE, TITLE, Call, Owner, Place
from tests.support.made_stores.simulated.world import SCHEMAS, Program, World, compact

MODEL = {"id": "claude-sonnet-4-5", "providerID": "anthropic"}
KINDS = ("input", "output", "reasoning", "cache_read", "cache_write")


class OpenCode2(Program):
    """A program of 2.0 on its own database, or on one of 1.x. ``preview`` calls the table of sessions as betas did."""

    def __init__(
        self, world: World, name: str = "opencode.db", version: str = "2.0.26", *, preview: bool = False
    ) -> None:
        super().__init__(world, name)
        self.version, self.sessions = version, "session" if preview else "session_v2"
        self._make_tables()

    # -- sessions

    def session(self, title: str | None = "Fix it", **columns: Any) -> str:
        """A session that a person begins; ``title=None`` has none yet."""
        id_, at = self.world.session_id(), self.world.tick(10)
        with self.commit():
            self._insert_session(id_, title=title, time_created=at, time_updated=at, **columns)
        return id_

    def archive(self, session: str) -> None:
        with self.commit():
            self.run(f"UPDATE {self.sessions} SET time_archived = ? WHERE id = ?", self.world.tick(), session)

    def move(self, session: str, directory: str) -> None:
        """Another folder from now on: a row says so, and the session's columns change."""
        with self.commit():
            self._row(session, "location-switched", {"location": {"directory": directory}})
            self.run(f"UPDATE {self.sessions} SET directory = ?, path = ? WHERE id = ?", directory, "", session)

    def delete(self, session: str) -> None:
        """The session goes with its rows, and so do its children."""
        with self.commit():
            for (each,) in self.rows(f"SELECT id FROM {self.sessions} WHERE id = ? OR parent_id = ?", session, session):
                self._delete_rows("session_id = ?", each)
                self.run(f"DELETE FROM {self.sessions} WHERE id = ?", each)
                self.truth.totals_gone(self.owner(each))

    def revert(self, session: str, keep_turns: int) -> None:
        """Delete the rows from a prompt on; the totals stay, and so does the sequence."""
        prompts = self.rows(
            "SELECT seq FROM session_message WHERE session_id = ? AND type = 'user' ORDER BY seq", session
        )
        with self.commit():
            self._delete_rows("session_id = ? AND seq >= ?", session, prompts[keep_turns][0])

    # -- turns

    def ask(self, session: str, rounds: int = 1, *, size: int = 0, tokens: bool = True) -> None:
        """A whole turn. ``size`` is the length of a tool's output; without ``tokens`` the provider says none."""
        self.prompt(session)
        for number in range(rounds):
            row, call = self.begin(session), self.truth.called(MESSAGE, used=tokens)
            self.end(session, row, call, finish="stop" if number == rounds - 1 else "tool-calls", size=size)
        self.idle(session)

    def prompt(self, session: str) -> str:
        self.world.tick(5_000)
        with self.commit():
            return self._row(session, "user", {"text": "fix it", "files": [], "agents": []})

    def idle(self, session: str, outcome: str = "succeeded") -> None:
        with self.commit():
            self._row(session, "idle", {"outcome": outcome})
            self.run(f"UPDATE {self.sessions} SET time_idle = ? WHERE id = ?", self.world.now, session)

    def begin(self, session: str) -> str:
        """The first chunk of an answer has come; the row says when the request was sent."""
        self.world.tick(5)
        with self.commit():
            return self._row(session, "assistant", {"agent": "build", "model": MODEL, "content": []})

    def end(
        self, session: str, row: str, call: Call, *, finish: str = "stop", size: int = 0, error: str | None = None
    ) -> None:
        """The call and its tools are done: what it used goes to the row and to the totals at once."""
        streamed, completed = self.world.tick(3_000), self.world.tick(500)
        output = [{"type": "tool", "id": f"call_{row}", "name": "shell", "executed": False, "state": _output(size)}]
        change: dict[str, Any] = {
            "content": [{"type": "text", "text": "ok"}, *(output if finish != "stop" or size else [])],
            "finish": "error" if error else finish,
            "rawFinish": "end_turn",
            **_spent(call),
            **({"error": {"type": error, "message": "no"}} if error else {}),
        }
        with self.commit():
            self._write(row, change, streamed=streamed, completed=completed)
            self._add(session, call)
            self.truth.row(self.place(row), call)

    def abort(self, session: str, *, while_streaming: bool) -> None:
        """A person stops it. The provider had finished, unless it was still streaming: then nobody records the usage."""
        self.prompt(session)
        row = self.begin(session)
        if not while_streaming:
            self.end(session, row, self.truth.called(MESSAGE), error="aborted")
        else:
            self._fail(row, "aborted")
        self.idle(session, "interrupted")

    def fail(self, session: str) -> None:
        """The provider refuses: a message, and no usage."""
        self.prompt(session)
        self._fail(self.begin(session), "provider.invalid-request")
        self.idle(session, "failed")

    def kill(self, session: str) -> str:
        """The process dies in the middle of a call, whose usage is recorded nowhere. Return the row, which stays open."""
        self.prompt(session)
        return self.begin(session)

    def start_after_kill(self, session: str, stale: str) -> None:
        """The next call puts a time on the stale row and nothing else."""
        self.world.tick(600_000)
        with self.commit():
            self._row(session, "synthetic", {"text": "You were interrupted.", "description": "restart"})
        row = self.begin(session)
        with self.commit():
            self._write(stale, {}, completed=self.world.now)
            # It looks complete: a message that used nothing as far as anybody knows.
            self.truth.row(self.place(stale), self.truth.called(MESSAGE, used=False))
        self.end(session, row, self.truth.called(MESSAGE))

    def retry(self, session: str, *, failed: bool = False) -> None:
        """The first attempt gets a 429. The same row begins again, at the time of the second attempt."""
        self.prompt(session)
        row = self.begin(session)
        attempt = {
            "attempt": 1,
            "at": self.world.tick(2_000),
            "error": {"type": "provider.rate-limit", "message": "no"},
        }
        with self.commit():
            if failed:
                # Some releases end the attempt in between.
                self._write(
                    row, {"retry": attempt, "finish": "error", "error": attempt["error"]}, completed=self.world.now
                )
            else:
                self._write(row, {"retry": attempt})
        with self.commit():
            self._begin_again(row)
        self.end(session, row, self.truth.called(MESSAGE))
        self.idle(session)

    def title(self, session: str, calls: int = 1) -> None:
        """One or two calls, whose usage only the totals get; nothing says that the session changed."""
        for number in range(calls):
            self.world.tick(700)
            with self.commit():
                self._add(session, self.truth.called(TITLE), touch=False)
                if number == calls - 1:
                    self.run(f"UPDATE {self.sessions} SET title = ? WHERE id = ?", "Fix the parser", session)

    def subagent(self, session: str) -> str:
        """A tool call whose work is a session of its own; the caller's row ends after it."""
        self.prompt(session)
        row = self.begin(session)
        child = self.session("Look around", parent_id=session, agent="explore")
        self.ask(child, rounds=2)
        self.end(session, row, self.truth.called(MESSAGE), finish="tool-calls")
        last = self.begin(session)
        self.end(session, last, self.truth.called(MESSAGE))
        self.idle(session)
        return child

    # -- tables

    def place(self, row: str) -> Place:
        return self.name, "session_message", row

    def owner(self, session: str) -> Owner:
        return self.name, session

    def _make_tables(self) -> None:
        """Add the tables of 2.x. Those of 1.x stay; the one that 1.14 to 1.18 used for something else is made again."""
        if "session_inbox" in self.tables():
            return
        self.run("DROP TABLE IF EXISTS session_message")
        script = (SCHEMAS / "schema-2.sql").read_text()
        if self.sessions == "session":
            script = script.replace("session_v2", "session").replace("fork_boundary text", "fork_message_id text")
        if not self.rows("SELECT 1 FROM pragma_table_info(?) WHERE name = 'fork_session_id'", self.sessions):
            self._add_fork_columns()
        there = {row[0] for row in self.rows("SELECT name FROM sqlite_master")}
        for statement in script.split(";"):
            made = re.search(r"(?:TABLE|INDEX) (\w+)", statement)
            if made is not None and made[1] not in there:
                self.run(statement)

    def _add_fork_columns(self) -> None:
        """A preview on a database of 1.x keeps its sessions in the table that is there."""
        if self.sessions in self.tables():
            for column in (
                "fork_session_id text",
                "fork_message_id text",
                "time_suspended integer",
                "time_idle integer",
            ):
                self.run(f"ALTER TABLE {self.sessions} ADD COLUMN {column}")

    def _insert_session(self, id_: str, **columns: Any) -> None:
        facts = {"slug": "swift-forest", "directory": "/home/dev/shop", "version": self.version} | columns
        self.insert(self.sessions, id=id_, project_id=self.project(), **facts)

    def _row(self, session: str, type_: str, data: dict[str, Any], *, id_: str | None = None) -> str:
        new, now = id_ or self.world.message_id(), self.world.now
        (seq,) = self.rows("SELECT seq FROM event_sequence WHERE aggregate_id = ?", session) or [(0,)]
        next_seq = seq[0] + 2
        self.run(
            "INSERT INTO event_sequence (aggregate_id, seq) VALUES (?, ?) "
            "ON CONFLICT (aggregate_id) DO UPDATE SET seq = excluded.seq",
            *(session, next_seq),
        )
        document = compact({"time": {"created": now}} | data)
        times = {"time_created": now, "time_updated": now}
        self.insert("session_message", id=new, session_id=session, type=type_, seq=next_seq, data=document, **times)
        return new

    def _write(self, row: str, change: dict[str, Any], **times: int) -> None:
        (data,) = self.rows("SELECT data FROM session_message WHERE id = ?", row)[0]
        document = json.loads(data) | change
        document["time"] |= times
        query = "UPDATE session_message SET data = ?, time_updated = ? WHERE id = ?"
        self.run(query, compact(document), self.world.now, row)

    def _begin_again(self, row: str) -> None:
        (data,) = self.rows("SELECT data FROM session_message WHERE id = ?", row)[0]
        kept = {key: value for key, value in json.loads(data).items() if key not in ("retry", "error", "finish")}
        now = self.world.tick(2_000)
        query = "UPDATE session_message SET data = ?, time_created = ?, time_updated = ? WHERE id = ?"
        self.run(query, compact(kept | {"time": {"created": now}}), now, now, row)

    def _fail(self, row: str, error: str) -> None:
        self.world.tick(800)
        with self.commit():
            self._write(row, {"finish": "error", "error": {"type": error, "message": "no"}}, completed=self.world.now)
            self.truth.row(self.place(row), self.truth.called(MESSAGE, used=False))

    def _add(self, session: str, *calls: Call, touch: bool = True) -> None:
        """Add calls to the totals of a session. Titles and compactions do not touch ``time_updated``."""
        for call in calls:
            added = ", ".join(f"tokens_{kind} = tokens_{kind} + ?" for kind in KINDS)
            query = f"UPDATE {self.sessions} SET cost = cost + ?, {added} WHERE id = ?"
            self.run(query, call.cost_nusd / 1e9, *call.tokens, session)
            if any(call.tokens):
                self.truth.total(self.owner(session), call)
        if touch:
            self.run(f"UPDATE {self.sessions} SET time_updated = ? WHERE id = ?", self.world.now, session)

    def _delete_rows(self, where: str, *parameters: Any) -> None:
        for (row,) in self.rows(f"SELECT id FROM session_message WHERE {where}", *parameters):
            self.run("DELETE FROM session_message WHERE id = ?", row)
            self.truth.gone(self.place(row))


def _output(size: int) -> dict[str, Any]:
    return {"status": "completed", "input": {}, "content": [{"type": "text", "text": "x" * size}]}


def _spent(call: Call) -> dict[str, Any]:
    return {"cost": call.cost_nusd / 1e9, "tokens": call.tokens.document()}
