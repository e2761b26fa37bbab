"""A long first look of a database is read by another process: it finds the same, whatever becomes of it."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from otel_agent.model import Batch, CallsWanted, Lines, Message, ReadScope, Recall
from otel_agent.opencode import process_beside
from otel_agent.opencode.sqlite import first_look
from otel_agent.opencode.sqlite.database import Database as Reader
from tests.support.made_stores import T0, Database, Tokens, message, prompt, session, tool
from tests.support.paths import STORES

REAL = sorted(path.parent for path in STORES.glob("**/opencode.db"))
CALLS = 40


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let every first look be a long one, in chunks of ten rows. Return the modules of the processes that were started."""
    started: list[str] = []

    class Noted(process_beside.ProcessBeside):
        def __init__(self, module: str) -> None:
            super().__init__(module)
            started.append(module)

    monkeypatch.setattr(process_beside, "_processors", lambda: 2)
    monkeypatch.setattr(first_look, "_MANY", 1)
    monkeypatch.setattr(first_look, "ProcessBeside", Noted)
    return started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of 1.18 whose calls each have a tool call."""
    database = Database(tmp_path / "opencode.db").create()
    of = session(version="1.18.33")
    for number in range(CALLS):
        call = message(of, Tokens(number + 1), T0 + number * 60_000, number)
        database.put_turn(call)
        database.put(tool(call, "bash", at=call.created + 400, took=400))
    return tmp_path / "opencode.db"


def read(
    path: Path, *, all_wanted: bool = False, stop_after: int | None = None, recall: Recall = lambda _: None
) -> list[Batch]:
    """All batches of a first look, or the first ones; with ``recall`` those of a look that goes on."""

    def wanted(messages: Any) -> CallsWanted:
        ids, turns = {each.id for each in messages}, {each.turn for each in messages}
        return CallsWanted(frozenset(ids), frozenset(turns)) if all_wanted else CallsWanted()

    reader, found = Reader(path), list[Batch]()
    now_ms = time.time_ns() // 1_000_000 + 60_000
    batches = reader.read(recall, wanted, now_ms=now_ms, scope=ReadScope(sweep=True))
    for batch in batches:
        found.append(batch)
        if len(found) == stop_after:
            break
    reader.close()
    return found


def messages(batches: list[Batch]) -> list[Message]:
    return [each for batch in batches for each in batch.messages]


def summed(batches: list[Batch]) -> Any:
    """Everything that a look brings, but for how it is spread over batches."""
    checkpoints = {each.place: each.state for batch in batches for each in batch.checkpoints}
    # A call that failed may be tried again for some hours. Whoever goes on looks at it later, and may know that they passed.
    cursors = {
        place: json.loads(state) | {"in_flight": None}
        for place, state in checkpoints.items()
        if not place.startswith("database:")
    }
    calls: dict[str, Any] = {}
    for batch in batches:
        for kind in ("tool_calls", "callers", "answers", "began_ms"):
            calls.setdefault(kind, {}).update(getattr(batch.calls, kind))
        calls.setdefault("ended", set()).update(batch.calls.ended)
    totals = [(each.totals.sessions, each.totals.unsettled) for each in batches if each.totals]
    beside = {each.session.id: each for batch in batches if batch.beside for each in batch.beside.sessions}
    # A row that may still change is read once more by whoever goes on, which does no harm.
    by_id = {each.id: each for each in messages(batches)}
    return by_id, [each.problems for each in batches if each.problems], cursors, calls, totals, beside


def alone(path: Path, monkeypatch: pytest.MonkeyPatch, *, all_wanted: bool = False) -> list[Batch]:
    """What one process finds."""
    with monkeypatch.context() as patched:
        patched.setattr(first_look, "_MANY", 10**9)
        return read(path, all_wanted=all_wanted)


@pytest.mark.parametrize("wanted", [False, True], ids=["history", "today"])
@pytest.mark.parametrize("store", REAL, ids=lambda store: f"{store.parent.name}-{store.name}")
def test_it_finds_what_one_process_finds(
    store: Path, wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: list[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    expected = alone(copy / "opencode.db", monkeypatch, all_wanted=wanted)
    assert beside == []
    found = read(copy / "opencode.db", all_wanted=wanted)
    assert summed(found) == summed(expected)
    assert set(beside) <= {"otel_agent.opencode.sqlite.reading_process"}


def test_calls_of_today_are_read_by_the_process_that_counts(path: Path, beside: list[str]) -> None:
    found = read(path, all_wanted=True)
    assert len(beside) == 1
    assert [each.tokens.input for each in messages(found)] == list(range(1, CALLS + 1))
    assert sum(len(calls) for batch in found for calls in batch.calls.tool_calls.values()) == CALLS


@pytest.mark.parametrize("program", ["/nowhere", "/bin/false"])
def test_a_process_that_fails_leaves_everything(path: Path, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = alone(path, monkeypatch)
    monkeypatch.setattr(sys, "executable", program)
    assert summed(read(path)) == summed(expected)


def test_a_process_that_is_killed_leaves_the_rest(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = alone(path, monkeypatch)
    frames = process_beside.frames

    def torn(stream: Any) -> Any:
        """Yield the first frame, and then nothing that makes sense."""
        yield next(frames(stream))
        yield b"?"

    monkeypatch.setattr(process_beside, "frames", torn)
    found = read(path)
    ids = [each.id for each in messages(found)]
    assert list(dict.fromkeys(ids)) == [each.id for each in messages(expected)]


def test_a_later_look_needs_no_process(path: Path, beside: list[str]) -> None:
    left = {each.place: each.state for batch in read(path) for each in batch.checkpoints}
    beside.clear()
    reader = Reader(path)
    now_ms = time.time_ns() // 1_000_000 + 60_000
    again = list(reader.read(left.get, lambda _: CallsWanted(), now_ms=now_ms, scope=ReadScope(sweep=True)))
    reader.close()
    assert beside == []
    assert len(messages(again)) <= CALLS


def test_a_look_that_is_cut_short_ends_the_process(path: Path, beside: list[str]) -> None:
    assert len(read(path, stop_after=1)) == 1
    assert len(beside) == 1


def test_whoever_goes_on_reads_the_changed_lines_of_the_turns(path: Path, beside: list[str]) -> None:
    """The look ends after its first batch, as a kill ends it. Its messages are in the ledger, and nobody asks for them again."""
    of = session(T0 - 1_000, counter=2, version="1.18.33")
    asked = prompt(of, T0 - 900, summary={"diffs": [{"file": "a.py", "additions": 7, "deletions": 2}]})
    database = Database(path)
    database.put_turn(message(of, Tokens(1), T0 - 800, 2, parent=asked.id))
    database.put(asked)
    begun = read(path, all_wanted=True, stop_after=1)
    assert len(messages(begun)) == CALLS + 1
    left = {each.place: each.state for batch in begun for each in batch.checkpoints}
    rest = read(path, recall=left.get)
    assert len(beside) == 1
    assert [each for batch in rest for each in batch.lines] == [Lines(of.id, asked.id, 7, 2)]
