"""A person goes down into a session, to its turns and calls, and comes back to the row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from otel_agent.errors import LedgerError
from otel_agent.summary.live.app import Live
from otel_agent.summary.live.row_list import RowList
from otel_agent.summary.live.session_screen import SessionScreen
from otel_agent.summary.live.session_table import Rows
from tests.summary.live.driving import Screen, drive, lines, press, said, seen, settled, tick
from tests.summary.live.made_source import ASK, MadeSource, put, where
from tests.summary.made_machine import MadeMachine
from tests.summary.test_session_detail import HOUR_AGO, SECOND, put_family, put_session
from tests.support.made_stores import Tokens, message, prompt, session


@pytest.fixture
def inside(machine: MadeMachine) -> MadeSource:
    """A machine with a session of two turns, and another one."""
    put_session(machine, HOUR_AGO)
    put(machine, 7, 1, title="another")
    return MadeSource(machine)


def table(app: Live, name: str) -> list[list[str]]:
    """Return the cells of a table of the session."""
    rows = app.screen.query_one(f"#{name}", Rows)
    return [[cell.plain.strip() for cell in rows.get_row_at(number)] for number in range(rows.row_count)]


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
def test_a_session_opens_its_turns_and_each_turn_its_calls(size: tuple[int, int], inside: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "enter")
        assert lines(app)[0].strip().startswith("Sessions / Mend the parser")
        first, second = table(app, "turns")
        assert first[1:6] == ["12.0 s", "ok", "330", "2", "2 (1 failed)"]
        assert second[1:6] == ["4.0 s", "aborted: MessageAbortedError", "300", "1", "0"]
        await press(pilot, app, "k", "enter")
        # The first answer ended when its tools began, and its message only when these had ended.
        assert [row[1:6] for row in table(app, "calls")] == [
            ["2.0 s", "model", "ok", "110", "zai-coding-plan/glm-4.7"],
            ["2.0 s", "tool", "ok", "", "bash"],
            ["4.0 s", "tool", "error", "", "github_search"],
            ["2.0 s", "model", "ok", "220", "zai-coding-plan/glm-5"],
        ]
        await press(pilot, app, "G")
        assert "220 tokens = 200 input + 20 output" in " ".join(seen(app).replace("\xa0", " ").split())
        assert "2 turns, 3 messages, 630 tokens" in seen(app)

    drive(inside, ASK, steps, size=size)


def test_escape_goes_up_step_by_step_to_the_row_and_the_filter(inside: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "slash", "m", "e", "n", "d", "enter")
        opened = app.query_one(RowList).key
        await press(pilot, app, "enter", "enter")
        assert app.screen.query_one("#calls", Rows).has_focus
        await press(pilot, app, "escape")
        assert app.screen.query_one("#turns", Rows).has_focus
        await press(pilot, app, "tab", "tab", "backspace")
        assert not isinstance(app.screen, SessionScreen)
        assert (app.query_one(RowList).key, app.query_one(RowList).only) == (opened, "mend")
        await press(pilot, app, "enter", "5")
        assert where(app).startswith("Agents")
        assert not isinstance(app.screen, SessionScreen)

    drive(inside, ASK, steps)


def test_enter_on_the_call_of_a_sub_agent_goes_down_to_its_session(machine: MadeMachine) -> None:
    put_family(machine, HOUR_AGO)

    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "slash", "A", "s", "k", "enter", "g", "enter", "enter")
        assert [row[5] for row in table(app, "calls")][1:] == ["task → Look 1", "task → Look 2", "browser_open"]
        await press(pilot, app, "G", "enter")
        assert lines(app)[0].strip().startswith("Sessions / Ask around  "), "no session is below a tool of another kind"
        await press(pilot, app, "k", "enter")
        assert lines(app)[0].strip().startswith("Sessions / Ask around / Look 2  ")
        assert [row[3] for row in table(app, "turns")] == ["20"]
        await press(pilot, app, "escape")
        assert lines(app)[0].strip().startswith("Sessions / Ask around  ")
        calls = app.screen.query_one("#calls", Rows)
        assert (calls.has_focus, calls.cursor_row) == (True, 2)
        await press(pilot, app, "enter", "5")
        assert where(app).startswith("Agents")

    drive(MadeSource(machine), ASK, steps, size=(120, 40))


def test_a_new_turn_appears_by_itself_and_the_cursor_stays(inside: MadeSource, machine: MadeMachine) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "enter", "k")
        before = table(app, "calls")
        of = session(HOUR_AGO, title="Mend the parser")
        asked = prompt(of, HOUR_AGO + 200 * SECOND, 5)
        at = HOUR_AGO + 201 * SECOND
        machine.tree.put(of.project, of, asked, message(of, Tokens(7), at, 6, completed=at + 1, parent=asked.id))
        inside.caught_up()
        await tick(pilot, app)
        assert len(table(app, "turns")) == 3
        assert app.screen.query_one("#turns", Rows).cursor_row == 0
        assert table(app, "calls") == before

    drive(inside, ASK, steps)


def test_a_session_is_copied_and_written(inside: MadeSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "enter", "y", "e")
        file = tmp_path / f"otel-agent-session-{app.clipboard}.json"
        assert len(json.loads(file.read_bytes())["turns"]) == 2
        await press(pilot, app, "e")
        assert "is there already" in said(app)

    drive(inside, ASK, steps)


def test_a_ledger_that_cannot_be_read_leaves_the_turns_on_the_screen(inside: MadeSource) -> None:
    async def steps(pilot: Screen, app: Live) -> None:
        await press(pilot, app, "2", "enter")
        inside.trouble = LedgerError("the ledger [is] locked")
        await press(pilot, app, "r")
        assert "the ledger [is] locked" in said(app)
        assert len(table(app, "turns")) == 2
        await press(pilot, app, "escape")
        await settled(pilot, app)
        assert "locked" in seen(app)

    drive(inside, ASK, steps)
