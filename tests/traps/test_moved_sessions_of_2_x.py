"""A session of 2.x that a person moved: each message counts for the project in which it was written, whenever it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.made_stores import T0, DatabaseV2, Project, session
from tests.support.made_stores.rows_of_2_x import USED, Rows, S

SHOP, WEB, DOCS = (Project(id=f"{name}-id", worktree=f"/home/dev/{name}") for name in ("shop", "web", "docs"))
OUTSIDE = Project(id="global", worktree="/")
EACH = USED.input + USED.output


@pytest.fixture
def rows(agent: Agent) -> Rows:
    database = DatabaseV2(agent.data_dir / "opencode.db").create()
    database.put(SHOP, WEB, DOCS, OUTSIDE)
    return Rows(database, session(T0, project=SHOP, directory=SHOP.worktree, version="2.0.26"))


def turn(rows: Rows, minute: int, *, calls: int = 1, **fields: Any) -> None:
    at = T0 + minute * 60 * S
    rows.prompt(at)
    for call in range(calls):
        rows.answer(at + (call + 1) * 2 * S, **fields)
    rows.idle(at + 50 * S)


def move(rows: Rows, minute: int, before: Mapping[str, Any] | None, to: Project, directory: str = "") -> None:
    """Write what OpenCode writes: a row with both places, and the session's record with the new one only."""
    folder = directory or to.worktree
    data = {"location": {"directory": folder}, "projectID": to.id}
    rows.put("location-switched", T0 + minute * 60 * S, data if before is None else data | {"previous": before})
    rows.database.execute("UPDATE session_v2 SET project_id = ?, directory = ? WHERE id = ?", to.id, folder, rows.of.id)


def place(of: Project, directory: str = "") -> dict[str, Any]:
    return {"location": {"directory": directory or of.worktree}, "projectID": of.id}


def by_project(agent: Agent) -> dict[str, int]:
    """The tokens of each project, whose name is its folder."""
    run = agent.command("summary", "projects", "--range", "all", "--separate-global", "--json")
    return {row["key"]: row["tokens"]["total"] for row in json.loads(run.stdout)["rows"]}


@pytest.mark.parametrize("looks", [1, 3], ids=["read once, afterwards", "read before and after"])
def test_each_message_counts_where_it_was_written(agent: Agent, rows: Rows, looks: int) -> None:
    turn(rows, 0, calls=2)
    if looks > 1:
        agent.once()
    move(rows, 2, place(SHOP), WEB)
    if looks > 1:
        agent.once()
    turn(rows, 3, calls=3)
    agent.once()
    assert by_project(agent) == {SHOP.worktree: 2 * EACH, WEB.worktree: 3 * EACH}


def test_a_session_can_be_moved_twice_and_back(agent: Agent, rows: Rows) -> None:
    turn(rows, 0)
    move(rows, 2, place(SHOP), WEB)
    turn(rows, 3, calls=2)
    move(rows, 5, place(WEB), DOCS)
    turn(rows, 6, calls=3)
    move(rows, 8, place(DOCS), SHOP)
    turn(rows, 9, calls=4)
    agent.once()
    assert by_project(agent) == {SHOP.worktree: 5 * EACH, WEB.worktree: 2 * EACH, DOCS.worktree: 3 * EACH}


@pytest.mark.parametrize("usual", [True, False], ids=["ordinary", "read with care"])
def test_a_session_that_was_outside_any_project_counted_for_its_folder(agent: Agent, rows: Rows, usual: bool) -> None:
    fields: dict[str, Any] = {} if usual else {"metadata": {"odd": 1}}
    turn(rows, 0, **fields)
    move(rows, 2, place(OUTSIDE, "/home/dev/notes"), WEB)
    turn(rows, 3)
    agent.once()
    assert by_project(agent) == {"(global) /home/dev/notes": EACH, WEB.worktree: EACH}


def test_a_compaction_before_the_move_belongs_there(agent: Agent, rows: Rows) -> None:
    turn(rows, 0)
    rows.compaction(T0 + 100 * S)
    move(rows, 2, place(SHOP), WEB)
    agent.once()
    assert by_project(agent) == {SHOP.worktree: 2 * EACH}


@pytest.mark.parametrize("before", [None, {}, {"location": {"directory": 7}}, {"projectID": "shop-id"}])
def test_a_move_that_does_not_say_from_where_changes_nothing(
    agent: Agent, rows: Rows, before: dict[str, Any] | None
) -> None:
    turn(rows, 0)
    move(rows, 2, before, WEB)
    agent.once()
    assert by_project(agent) == {WEB.worktree: EACH}


def test_a_project_that_is_gone_leaves_the_folder(agent: Agent, rows: Rows) -> None:
    turn(rows, 0)
    move(rows, 2, {"location": {"directory": "/home/dev/old"}, "projectID": "gone"}, WEB)
    agent.once()
    assert by_project(agent) == {"(global) /home/dev/old": EACH}
