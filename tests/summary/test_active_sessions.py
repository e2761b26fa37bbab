"""The active sessions of an overview look as they do in the other tables: a project keeps its end, and no cell is blank."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from otel_agent.summary.live.lines import detail_line
from otel_agent.summary.text.column import name_of
from otel_agent.summary.text.overview import active_table
from otel_agent.summary.text.tables import view_table
from tests.summary.made_machine import MadeMachine, activity, drawn, session_rows_of
from tests.support.made_stores import GLOBAL, T0, Project, Tokens, message, session

NOW = datetime.fromtimestamp(T0 / 1000 + 60, UTC)
DEEP = Project("b" * 40, f"/home/dev/{'deep/' * 30}日本語/shop")
BLANK = ("", "   ", "\t\n", "\u3000", "\u00a0")


@pytest.fixture
def used(machine: MadeMachine) -> MadeMachine:
    """Two sessions that are active: in a deep folder, and in one outside any project."""
    deep = session(T0, 1, title="A title " * 20, project=DEEP, directory=DEEP.worktree)
    outside = session(T0, 2, title="Short", project=GLOBAL, directory=f"/tmp/{'x' * 150}/notes")
    machine.tree.put_turn(message(deep, Tokens(1_234_567), T0, 1))
    machine.tree.put_turn(message(outside, Tokens(7), T0, 2))
    return machine


@pytest.mark.parametrize("columns", [40, 52, 60, 61, 80, 81, 120, 200])
def test_a_project_keeps_its_end_and_numbers_are_whole(columns: int, used: MadeMachine) -> None:
    view = used.view("overview", now=NOW)
    head, *lines = drawn(active_table(view, activity(view)), columns)
    # The latest first: the second session was written last.
    outside, deep = sorted(lines, key=lambda line: "1,234,567" in line)
    assert {cell_len(line) for line in (head, outside, deep)} == {columns}
    assert head.split() == ["Session", "Project", "Messages", "Tokens"]
    assert deep.split()[-2:] == ["1", "1,234,567"]
    assert outside.split()[-2:] == ["1", "7"]
    if columns >= 52:
        assert "/shop " in deep
        assert "es " in outside
    if columns >= 80:
        assert "(global) …" in outside
        assert "/notes " in outside


def test_other_tables_cut_it_at_the_same_side(used: MadeMachine) -> None:
    (line,) = (line for line in drawn(view_table(used.view("projects", now=NOW)), 80) if "shop" in line)
    assert line.startswith("…")


@pytest.mark.parametrize("title", BLANK)
def test_a_title_that_nobody_sees_is_the_id(title: str, machine: MadeMachine) -> None:
    of = session(T0, 1, title=title)
    machine.tree.put_turn(message(of, Tokens(7), T0, 1))
    (row,) = session_rows_of(machine.view("sessions", now=NOW))
    assert name_of(row) == of.id
    for name in ("sessions", "overview"):
        assert any(of.id in line for line in drawn(view_table(machine.view(name, now=NOW)), 120)), name
    # The id stands there once, not as the name and once more behind it.
    assert drawn(detail_line(machine.view("sessions", now=NOW), row, 120, 60), 120)[0] == of.id
