"""The rarer events of 2.x: compactions, forks, transfers between stores, and the import of 1.x and of previews."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.support.made_stores.simulated.truth import COMPACTION, Call
from tests.support.made_stores.simulated.two import KINDS, MODEL, OpenCode2
from tests.support.made_stores.simulated.world import compact

Exported = dict[str, Any]
_V1_TABLES = ("part", "message", "session")
_MARKER = "migration.v1-v2"


class Rare(OpenCode2):
    """A program of 2.x with all that it can do."""

    # -- compactions

    def compact(self, session: str, calls: int = 1, *, end: str = "completed", reason: str = "auto") -> str:
        """Sum up the session. ``end`` is completed, failed, interrupted (nothing goes to the row) or "" (it still runs)."""
        row = self.begin_compaction(session, reason)
        made = [self.compaction_call(session, is_message=not number) for number in range(calls)]
        if end:
            self.end_compaction(session, row, end, made)
        return row

    def begin_compaction(self, session: str, reason: str = "auto") -> str:
        self.world.tick(50)
        with self.commit():
            self.truth.running[self.owner(session)] = self.world.now
            return self._row(
                session, "compaction", {"status": "running", "reason": reason, "summary": "", "recent": ""}
            )

    def compaction_call(self, session: str, *, is_message: bool = True) -> Call:
        """Each call is in the totals as soon as it ends."""
        self.world.tick(4_000)
        call = self.truth.called(COMPACTION, is_message=is_message)
        with self.commit():
            self._add(session, call, touch=False)
        return call

    def end_compaction(self, session: str, row: str, end: str, calls: Sequence[Call] = (), **fields: Any) -> None:
        """The row gets the sum of its calls; an interrupted or killed one gets nothing. A failed one names no model."""
        used = [Total(calls)] if calls and end != "interrupted" else []
        data: dict[str, Any] = {"status": "failed" if end == "interrupted" else end, "summary": "## Objective"}
        for total in used:
            data |= {"cost": total.cost_nusd / 1e9, "tokens": total.tokens.document()}
        if end == "completed":
            data |= {"model": MODEL}
        else:
            data |= {"error": {"type": f"compaction.{end}", "message": "no"}}
        self.world.tick(20)
        with self.commit():
            self._write(row, data | fields)
            self.truth.running.pop(self.owner(session), None)
            if used:
                self.truth.row(self.place(row), *calls)

    # -- forks

    def fork(self, session: str, *, before_turn: int | None = None, marked: bool = True) -> str:
        """Copy settled rows into a new session: all, or those before a prompt. Betas gave the copies ordinary ids."""
        self.world.tick(60_000)
        query = "SELECT id, seq, type, time_created, time_updated, data FROM session_message WHERE session_id = ? ORDER BY seq"
        rows = self.rows(query, session)
        if before_turn is not None:
            bound = [row for row in rows if row[2] == "user"][before_turn]
            rows = [row for row in rows if row[1] < bound[1]]
        boundary = {"type": "before" if before_turn is not None else "through", "messageID": rows[-1][0]}
        (version,) = self.rows(f"SELECT version FROM {self.sessions} WHERE id = ?", session)[0]
        id_, at, event = self.world.session_id(), self.world.now, self.world.message_id()
        with self.commit():
            origin = {"fork_session_id": session}
            if self.sessions == "session_v2":
                origin["fork_boundary"] = compact(boundary)
            times = {"time_created": at, "time_updated": at}
            self._insert_session(id_, title="Fix it (fork #1)", version=version, **origin, **times)
            for old, seq, type_, created, updated, data in rows:
                if not _is_settled(type_, json.loads(data)):
                    continue
                new = f"{event}_{seq}" if marked else self.world.message_id()
                self._put_row(new, id_, (type_, seq, created, updated, data))
                self.truth.copied(self.place(old), self.place(new))
            self._note_sequence(id_)
        return id_

    # -- transfers

    def exported(self, session: str) -> Exported:
        """The session as a file: its totals and its settled rows, with their ids."""
        totals = ", ".join(f"tokens_{kind}" for kind in KINDS)
        query = f"SELECT id, title, time_created, time_updated, cost, {totals} FROM {self.sessions} WHERE id = ?"
        rows = self.rows(
            "SELECT id, type, seq, time_created, time_updated, data FROM session_message WHERE session_id = ? ORDER BY seq",
            session,
        )
        settled = [row for row in rows if _is_settled(row[1], json.loads(row[5]))]
        return {
            "session": self.rows(query, session)[0],
            "rows": settled,
            "calls": {row[0]: list(self.truth.by_row.get(self.place(row[0]), [])) for row in settled},
            "totals": self.truth.totals_of(self.owner(session)),
        }

    def take_in(self, file: Exported) -> str:
        """Import a file. It keeps ids, times and totals; where it was forked from is lost."""
        id_: str
        id_, title, created, updated, cost, *tokens = file["session"]
        self.world.tick(1_000)
        with self.commit():
            totals = {f"tokens_{kind}": number for kind, number in zip(KINDS, tokens, strict=True)}
            self._insert_session(id_, title=title, time_created=created, time_updated=updated, cost=cost, **totals)
            self.truth.total(self.owner(id_), *file["totals"])
            for seq, (row, type_, _, made, written, data) in enumerate(file["rows"], 1):
                self._put_row(row, id_, (type_, seq, made, written, data))
                self.truth.row(self.place(row), *file["calls"][row])
            self._note_sequence(id_)
        return id_

    # -- the import of 1.x

    def upgrade(self, preview: OpenCode2 | None = None) -> None:
        """Import what 1.x left, and a preview's database if there is one, as the first start of 2.x does."""
        with self.commit():
            self._mark("sessions")
        if preview is not None:
            self._take_over(preview)
        for (session,) in self.rows("SELECT id FROM session ORDER BY id DESC"):
            self.world.tick(1)
            with self.commit():
                self._import(session)
        with self.commit():
            self._mark("completed")

    def set_marker_back(self, *, removed: bool) -> None:
        """Somebody wants the import to run again."""
        with self.commit():
            if removed:
                self.run("DELETE FROM kv WHERE key = ?", _MARKER)
            else:
                self._mark("sessions")

    def drop_v1(self) -> None:
        """Somebody drops the tables of 1.x to save room."""
        with self.commit():
            for place in [place for place in self.truth.by_row if place[:2] == (self.name, "message")]:
                self.truth.gone(place)
            for table in _V1_TABLES:
                self.run(f"DROP TABLE {table}")

    def _mark(self, phase: str) -> None:
        now = self.world.tick(10)
        self.run(
            "INSERT INTO kv (key, value, time_created, time_updated) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value, time_updated = excluded.time_updated",
            *(_MARKER, compact({"phase": phase}), now, now),
        )

    def _import(self, session: str) -> None:
        columns = "title, version, parent_id, directory, time_created, time_updated"
        facts = dict(
            zip(columns.split(", "), self.rows(f"SELECT {columns} FROM session WHERE id = ?", session)[0], strict=True)
        )
        if not self.has(self.sessions, session):
            self._insert_session(session, **facts)
        self._delete_rows("session_id = ?", session)
        rows = self.rows(
            "SELECT id, time_created, time_updated, data FROM message WHERE session_id = ? ORDER BY time_created, id",
            session,
        )
        for seq, (id_, created, updated, document) in enumerate(_converted(rows)):
            type_ = document.pop("type")
            self._put_row(id_, session, (type_, seq, created, updated, compact(document)))
            if type_ == "assistant":
                self.truth.copied((self.name, "message", id_), self.place(id_))
        self._note_sequence(session)
        self._set_totals(session, rows)

    def _set_totals(self, session: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """The totals become the sum over all assistants of 1.x, whatever they were."""
        self.truth.totals_gone(self.owner(session))
        zero = ", ".join(f"tokens_{kind} = 0" for kind in KINDS)
        self.run(f"UPDATE {self.sessions} SET cost = 0, {zero} WHERE id = ?", session)
        for id_, *_ in rows:
            self._add(session, *self.truth.by_row.get((self.name, "message", id_), ()), touch=False)

    def _take_over(self, preview: OpenCode2) -> None:
        totals = ", ".join(f"tokens_{kind}" for kind in KINDS)
        columns = f"id, title, version, parent_id, fork_session_id, time_created, time_updated, cost, {totals}"
        for values in preview.rows(f"SELECT {columns} FROM {preview.sessions}"):
            facts = dict(zip(columns.split(", "), values, strict=True))
            id_ = facts.pop("id")
            if self.has(self.sessions, id_):
                continue
            with self.commit():
                self._insert_session(id_, **facts)
                self.truth.total(self.owner(id_), *self.truth.totals_of(preview.owner(id_)))
                query = (
                    "SELECT id, type, seq, time_created, time_updated, data FROM session_message WHERE session_id = ?"
                )
                for row, *rest in preview.rows(query, id_):
                    self._put_row(row, id_, tuple(rest))
                    self.truth.copied(preview.place(row), self.place(row))
                self._note_sequence(id_)

    def _put_row(self, id_: str, session: str, columns: tuple[Any, ...]) -> None:
        type_, seq, created, updated, data = columns
        times = {"time_created": created, "time_updated": updated}
        self.insert("session_message", id=id_, session_id=session, type=type_, seq=seq, data=data, **times)

    def _note_sequence(self, session: str) -> None:
        self.run(
            "INSERT INTO event_sequence (aggregate_id, seq) SELECT ?, ifnull(max(seq), 0) FROM session_message "
            "WHERE session_id = ? ON CONFLICT (aggregate_id) DO UPDATE SET seq = max(seq, excluded.seq)",
            *(session, session),
        )


class Total:
    """What several calls used together."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.tokens = calls[0].tokens.plus(*(call.tokens for call in calls[1:]))
        self.cost_nusd = sum(call.cost_nusd for call in calls)


def _is_settled(type_: str, data: dict[str, Any]) -> bool:
    if type_ == "assistant":
        return "completed" in data["time"]
    return type_ != "compaction" or data["status"] != "running"


def _converted(rows: Sequence[tuple[Any, ...]]) -> list[tuple[str, int, int, dict[str, Any]]]:
    """Return the rows that the import writes: an order to sum up and its summary become one row without usage."""
    found = []
    summaries = {json.loads(data)["parentID"] for *_, data in rows if json.loads(data).get("summary") is True}
    for id_, created, updated, data in rows:
        old = json.loads(data)
        if old["role"] == "user":
            new = {"type": "user", "text": "fix it", "time": {"created": created}}
            if id_ in summaries:
                new = {"type": "compaction", "status": "completed", "reason": "manual", "summary": "", "recent": ""}
                new["time"] = {"created": created}
            found.append((id_, created, updated, new))
        elif old.get("summary") is not True and not _is_task_wrapper(old):
            found.append((id_, created, updated, _assistant(old, updated)))
    return found


def _is_task_wrapper(old: dict[str, Any]) -> bool:
    return old.get("finish") == "tool-calls" and not old["tokens"]["input"]


def _assistant(old: dict[str, Any], updated: int) -> dict[str, Any]:
    time = {"created": old["time"]["created"]} | ({"completed": updated} if "completed" in old["time"] else {})
    return {
        "type": "assistant",
        "agent": old["agent"],
        "model": {"providerID": old["providerID"], "id": old["modelID"], "variant": "default"},
        "content": [{"type": "text", "text": "ok"}],
        **({"finish": old["finish"]} if "finish" in old else {}),
        "cost": old["cost"],
        "tokens": {key: value for key, value in old["tokens"].items() if key != "total"},
        "time": time,
    }
