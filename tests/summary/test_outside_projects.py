"""A session outside any project belongs to ``(global)``, whoever is asked, and its directory stands beside it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from otel_agent.ledger.queries import open_to_read
from otel_agent.summary.formats.as_csv import as_csv
from otel_agent.summary.formats.as_json import as_json
from otel_agent.summary.formats.session_json import session_json
from otel_agent.summary.live.listing import list_rows
from otel_agent.summary.messages import message_lines
from otel_agent.summary.question import Question
from otel_agent.summary.ranges import named_range
from otel_agent.summary.session_detail import SessionDetail, session_detail
from otel_agent.summary.text.session_page import session_lines
from otel_agent.summary.text.tables import view_table
from tests.summary.made_machine import MadeMachine, drawn, session_rows_of
from tests.support.made_stores import GLOBAL, T0, Project, Session, Tokens, message, session
from tests.support.paths import ROOT

NOW = datetime.fromtimestamp(T0 / 1000 + 60, UTC)
SHOP = Project("b" * 40, "/home/dev/shop")


@pytest.fixture
def sessions(machine: MadeMachine, tmp_path: Path) -> dict[str, Session]:
    """One session outside any project, one in a folder of a project, and one that began before its folder was one."""
    found = {
        "outside": session(T0, 1, title="Outside", project=GLOBAL, directory=f"{tmp_path}/notes"),
        "inside": session(T0, 2, title="Inside", project=SHOP, directory=f"{SHOP.worktree}/till"),
    }
    for number, of in enumerate(found.values(), 1):
        machine.tree.put_turn(message(of, Tokens(1), T0, number))
    return found


def projects(rows: list[dict[str, Any]], key: str = "key") -> dict[str, tuple[str, str]]:
    return {row[key]: (row["project"], row["directory"]) for row in rows}


def detail(machine: MadeMachine, of: Session) -> SessionDetail:
    with open_to_read(machine.state_dir) as ledger:
        assert ledger is not None
        return session_detail(of.id, ledger, NOW)


def test_every_list_says_the_same(machine: MadeMachine, sessions: dict[str, Session], tmp_path: Path) -> None:
    outside, inside = sessions["outside"].id, sessions["inside"].id
    truth = {outside: ("(global)", f"{tmp_path}/notes"), inside: (SHOP.worktree, f"{SHOP.worktree}/till")}
    view = machine.view("sessions", now=NOW)
    written = json.loads(as_json([view]))
    jsonschema.validate(written, json.loads((ROOT / "docs" / "summary.schema.json").read_text()))
    assert projects(written["rows"]) == truth
    assert projects(list(csv.DictReader(io.StringIO(as_csv(view))))) == truth
    pages = [json.loads(session_json(detail(machine, of), "recorded")) for of in sessions.values()]
    assert projects(pages, "session") == truth
    with open_to_read(machine.state_dir) as ledger:
        lines = list(message_lines(Question(range=named_range("all", NOW)), ledger, "jsonl", NOW))
    assert projects([json.loads(line) for line in lines], "session") == truth
    assert {row.key for row in machine.view("projects", now=NOW).rows} == {project for project, _ in truth.values()}


def test_tables_and_pages_show_the_directory_with_it(machine: MadeMachine, sessions: dict[str, Session]) -> None:
    (line,) = (line for line in drawn(view_table(machine.view("sessions", now=NOW)), 120) if "Outside" in line)
    assert " (global) ~/notes " in line
    first, *_ = session_lines(detail(machine, sessions["outside"]), "recorded", NOW, with_calls=False)
    assert first.endswith("  (global) ~/notes")
    first, *_ = session_lines(detail(machine, sessions["inside"]), "recorded", NOW, with_calls=False)
    assert first.endswith(f"  {SHOP.worktree}")


def test_opencode_opens_it_in_its_directory(machine: MadeMachine, sessions: dict[str, Session], tmp_path: Path) -> None:
    folders = {"outside": f"{tmp_path}/notes", "inside": SHOP.worktree}
    found = {row.key: row.folder for row in session_rows_of(machine.view("sessions", now=NOW))}
    assert found == {sessions[name].id: folder for name, folder in folders.items()}
    assert {name: detail(machine, of).folder for name, of in sessions.items()} == folders


@pytest.mark.parametrize("text", ["(global)", "notes"])
def test_the_live_screen_finds_it_by_both(text: str, machine: MadeMachine, sessions: dict[str, Session]) -> None:
    listing = list_rows(machine.view("sessions", now=NOW), 120, text)
    assert [row.key for row in listing.rows] == [sessions["outside"].id]


def test_a_session_that_became_a_projects_is_one_of_it_everywhere(machine: MadeMachine) -> None:
    """Its last message was outside any project. Nobody may say otherwise because of the message that is asked."""
    of = session(T0, 1, project=GLOBAL, directory=SHOP.worktree)
    machine.tree.put_turn(message(of, Tokens(1), T0 + 2, 1))
    machine.view("sessions", now=NOW)
    machine.tree.put_turn(message(session(T0, 1, project=SHOP, directory=SHOP.worktree), Tokens(1), T0 + 1, 2))
    (row,) = session_rows_of(machine.view("sessions", now=NOW))
    page = detail(machine, of)
    assert (row.project, row.directory) == (page.project, page.directory) == (SHOP.worktree, SHOP.worktree)
