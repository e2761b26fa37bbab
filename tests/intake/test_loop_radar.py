"""Loops are noticed: the same tool with the same input again and again, and a session that calls the model far too often."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from otel_agent.intake.catch_up import catch_up
from otel_agent.ledger.call_marks import CallMarks
from otel_agent.ledger.loops import Loop, loops_between
from otel_agent.model import LoopKind
from otel_agent.settings import Settings
from tests.support.made_stores import Database, DatabaseV2, JsonTree, Tokens, message, prompt, session, tool
from tests.support.made_stores.rows_of_2_x import Rows
from tests.support.paths import STORES

SECOND = 1_000

Call = tuple[str, str]
"""A tool, and the one argument of its input."""
Write = Callable[[Path, Sequence[Sequence[Call]]], None]
"""Writes one session: turns, each with calls, one in a message."""


def five_minutes_ago() -> int:
    """Return the time at which a test's calls begin, in milliseconds. A loop that ended a quarter of an hour ago is no news."""
    return time.time_ns() // 1_000_000 - 300 * SECOND


def put_1_x(store: JsonTree | Database, turns: Sequence[Sequence[Call]]) -> None:
    at, number = five_minutes_ago(), 10
    of = session(at)
    store.put(of.project, of)
    for calls in turns:
        asked = prompt(of, at, number)
        store.put(asked)
        for name, argument in calls:
            at, number = at + SECOND, number + 2
            made = message(of, Tokens(10, 1), at, number, completed=at + 900, finish="tool-calls", parent=asked.id)
            part = tool(made, name, number, at=at + 100)
            state = dict(part.body["state"]) | {"input": {"filePath": argument}}
            store.put(made, replace(part, body={**part.body, "state": state}))


def in_a_tree(folder: Path, turns: Sequence[Sequence[Call]]) -> None:
    put_1_x(JsonTree(folder), turns)


def in_tables_of_1_x(folder: Path, turns: Sequence[Sequence[Call]]) -> None:
    put_1_x(Database(folder / "opencode.db").create(), turns)


def in_tables_of_2_x(folder: Path, turns: Sequence[Sequence[Call]]) -> None:
    at = five_minutes_ago()
    rows = Rows(DatabaseV2(folder / "opencode.db").create(), session(at, version="2.0.26"))
    for calls in turns:
        rows.prompt(at)
        for number, (name, argument) in enumerate(calls):
            at += SECOND
            state = {"status": "completed", "input": {"path": argument}, "content": [], "metadata": {}}
            times = {"created": at + 100, "ran": at + 200, "completed": at + 500}
            part = {"type": "tool", "id": f"call_{number}", "name": name, "time": times, "state": state}
            rows.answer(at, 900, tools=[part])
        rows.idle(at + 950)


STORES_OF = pytest.mark.parametrize("write", [in_a_tree, in_tables_of_1_x, in_tables_of_2_x])


class Desk:
    """A made machine whose ledger is read up to date now and then."""

    def __init__(self, folder: Path) -> None:
        self.data_dir, self.state_dir = folder / "data" / "opencode", folder / "state"
        self.data_dir.mkdir(parents=True)

    def read(self, *, watching: bool = True) -> None:
        settings = Settings(state_dir=self.state_dir)
        catch_up(settings if watching else structs.replace(settings, loop_repeats=0, loop_calls_per_minute=0))

    def loops(self) -> list[Loop]:
        with closing(sqlite3.connect(self.state_dir / "ledger.db")) as ledger:
            return loops_between(ledger, None, None)

    def counted(self) -> dict[str, int]:
        query = (
            "SELECT json_extract(attributes, '$.\"gen_ai.tool.name\"'), sum(value) FROM series "
            "WHERE metric = 'opencode.tool.repeat.count' GROUP BY 1"
        )
        with closing(sqlite3.connect(self.state_dir / "ledger.db")) as ledger:
            return dict(ledger.execute(query).fetchall())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("OPENCODE_DB", raising=False)
    return Desk(tmp_path)


@STORES_OF
def test_every_staged_loop_is_found(write: Write, desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Five reads of one file, then two calls in turns, three rounds of them; what is new between them is no part of it."""
    loop = [("read", "/secret/a.py")] * 5
    circle = [("bash", "/secret/b"), ("grep", "/secret/c")] * 3
    write(desk.data_dir, [[("glob", "x"), *loop, ("list", "y"), *circle]])
    with caplog.at_level(logging.WARNING, "otel_agent.intake.loop_radar"):
        desk.read()
    found = {each.tool: each.calls for each in desk.loops()}
    assert found == {"read": 5, "bash": 3, "grep": 3}
    # The third call completes a loop, and each further one is a repeat.
    assert desk.counted() == {"read": 3, "bash": 1, "grep": 1}
    assert len(caplog.messages) == 3
    assert "read was called 3 times with the same input" in caplog.messages[0]
    everything = " ".join(caplog.messages) + "".join(str(each) for each in desk.loops())
    assert "secret" not in everything


@STORES_OF
@pytest.mark.parametrize(
    "turns",
    [
        [[("bash", "test"), ("edit", "1"), ("bash", "test"), ("edit", "2"), ("bash", "test"), ("edit", "3")]],
        [[("bash", "same")]] * 5,
        [[("read", str(number)) for number in range(30)]],
        [[("read", "a"), ("read", "a"), ("read", "b"), ("read", "a")]],
        [[("read", "a"), ("bash", "a"), ("grep", "a"), ("read", "a"), ("bash", "a")]],
    ],
    ids=["tests after edits", "one in each turn", "new inputs", "twice", "other tools"],
)
def test_ordinary_work_is_none(write: Write, turns: Sequence[Sequence[Call]], desk: Desk) -> None:
    write(desk.data_dir, turns)
    desk.read()
    assert (desk.loops(), desk.counted()) == ([], {})


def test_nine_of_the_same_are_one_whatever_is_in_between_unless_it_is_an_edit(desk: Desk) -> None:
    beside = [each for number in range(9) for each in (("bash", "status"), ("read", str(number)))]
    edited = [each for number in range(9) for each in (("bash", "test"), ("edit", str(number)))]
    in_a_tree(desk.data_dir, [beside, edited])
    desk.read()
    assert [(each.tool, each.calls) for each in desk.loops()] == [("bash", 9)]


def test_a_loop_goes_on_in_the_next_process(desk: Desk) -> None:
    """The marks are in the ledger, and their key is in a file of its own that only its owner reads."""
    in_a_tree(desk.data_dir, [[("read", "a")] * 2])
    desk.read()
    assert desk.loops() == []
    key = desk.state_dir / "loop.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.stat().st_size == 32
    shutil.rmtree(desk.data_dir / "storage")
    in_a_tree(desk.data_dir, [[("read", "a")] * 4])
    desk.read()
    (found,) = desk.loops()
    assert (found.kind, found.calls) == (LoopKind.REPEAT, 4)


def test_a_row_too_large_to_be_built_is_compared_as_well(desk: Desk) -> None:
    """SQLite takes the input out of it, and a small row has the same one."""
    begin = five_minutes_ago()
    rows = Rows(DatabaseV2(desk.data_dir / "opencode.db").create(), session(begin, version="2.0.26"))
    rows.prompt(begin)
    for number, output in enumerate(("small", "large" * 20_000, "small")):
        at = begin + number * SECOND
        state = {"status": "completed", "input": {"path": "a \u00e9", "n": 1.50}, "content": [{"text": output}]}
        times = {"created": at + 100, "ran": at + 200, "completed": at + 500}
        rows.answer(at, 900, tools=[{"type": "tool", "id": "call", "name": "read", "time": times, "state": state}])
    desk.read()
    assert [(each.tool, each.calls) for each in desk.loops()] == [("read", 3)]


def test_a_mark_says_nothing_without_the_key(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, again, other = CallMarks(tmp_path / "one"), CallMarks(tmp_path / "one"), CallMarks(tmp_path / "two")
    assert one.of("bash", b"x") == again.of("bash", b"x")
    assert one.of("bash", b"x") != other.of("bash", b"x")
    assert one.of("bash", b"x") != one.of("read", b"x")


def test_a_session_that_calls_the_model_too_often_is_noticed(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    begin = five_minutes_ago()
    of = session(begin)
    calls = [
        message(of, Tokens(1, 1), begin + number * 500, number + 1, completed=begin + number * 500 + 400)
        for number in range(50)
    ]
    JsonTree(desk.data_dir).put(of.project, of, *calls[:1])
    desk.read()
    JsonTree(desk.data_dir).put(*calls[1:])
    with caplog.at_level(logging.WARNING, "otel_agent.intake.loop_radar"):
        desk.read()
    assert [(each.kind, each.calls) for each in desk.loops()] == [(LoopKind.RATE, 50)]
    assert [line for line in caplog.messages if "50 times in a minute" in line] == caplog.messages


def test_zero_switches_both_off(desk: Desk) -> None:
    in_a_tree(desk.data_dir, [[("read", "a")] * 60])
    desk.read(watching=False)
    assert (desk.loops(), desk.counted()) == ([], {})


@pytest.mark.parametrize("store", ["json-1.1.27", "sqlite-1.18.33-fork"])
def test_real_stores_have_none(store: str, desk: Desk) -> None:
    shutil.copytree(STORES / store / "opencode", desk.data_dir, dirs_exist_ok=True)
    desk.read()
    assert desk.loops() == []
