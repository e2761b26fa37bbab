"""Stores of 2.x against what their authors say of them: `truth.json` of generated ones, `expected.json` of real ones."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import Agent
from tests.support.arrived import Arrived
from tests.support.made_stores import Tokens
from tests.support.paths import STORES

MADE = sorted(path.parent for path in (STORES / "v2").glob("*/truth.json"))
SOURCE = "opencode.usage.source"


def tokens(of: dict[str, Any]) -> Tokens:
    return Tokens(**{kind: of.get(kind, 0) for kind in Tokens._fields})


def sums(calls: list[dict[str, Any]], key: str) -> dict[str, Tokens]:
    found: dict[str, Tokens] = {}
    for call in calls:
        found[call[key]] = found.get(call[key], Tokens()).plus(tokens(call["tokens"]))
    return {name: used for name, used in found.items() if any(used)}


def copy_to(agent: Agent, store: Path) -> None:
    shutil.rmtree(agent.data_dir, ignore_errors=True)
    shutil.copytree(store / "opencode", agent.data_dir, copy_function=shutil.copyfile)


@pytest.fixture(params=MADE, ids=lambda path: path.name)
def made(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def check(arrived: Arrived, truth: dict[str, Any]) -> None:
    rows = [call for call in truth["calls"] if call["where"] == "row"]
    beside = [call | {"source": "unattributed"} for call in truth["calls"] if call["where"] == "totals"]
    assert arrived.tokens() == tokens(truth["recorded"])
    assert arrived.tokens_by(SOURCE) == sums(rows + beside, "source")
    assert arrived.messages() == truth["messages"] + sum(call["source"] == "compaction" for call in rows)
    assert arrived.cost() == pytest.approx(truth["cost"], abs=1e-9)
    assert arrived.tokens_by("gen_ai.agent.name") == sums(rows, "agent"), "the rest has no agent"


def test_what_was_recorded_counts_once_for_an_agent_that_comes_afterwards(
    agent: Agent, made: Path, arrived: Arrived
) -> None:
    copy_to(agent, made)
    agent.once()
    check(arrived, json.loads((made / "truth.json").read_text()))
    agent.once()
    check(arrived, json.loads((made / "truth.json").read_text()))


def test_what_was_recorded_counts_once_for_an_agent_that_saw_half_of_it_before(
    agent: Agent, made: Path, arrived: Arrived
) -> None:
    """At the first look the later half of the rows is not written yet, and neither are the totals."""
    copy_to(agent, made)
    with closing(sqlite3.connect(agent.data_dir / "opencode.db")) as database, database:
        (middle,) = database.execute("SELECT avg(rowid) FROM session_message").fetchone()
        database.execute("DELETE FROM session_message WHERE rowid > ?", (middle,))
        kinds = ("input", "output", "reasoning", "cache_read", "cache_write")
        database.execute(f"UPDATE session_v2 SET cost = 0, {', '.join(f'tokens_{kind} = 0' for kind in kinds)}")
    agent.once()
    copy_to(agent, made)
    agent.once()
    check(arrived, json.loads((made / "truth.json").read_text()))


def test_a_store_that_a_program_of_2_x_wrote_has_what_its_sessions_say(agent: Agent, arrived: Arrived) -> None:
    """Forks, a revert, a compaction, aborts, a kill and a deleted session; its README says how it was written."""
    store = STORES / "v2" / "v2-live-session_v2"
    expected = json.loads((store / "expected.json").read_text())
    copy_to(agent, store)
    for _ in range(2):
        agent.once()
    by_source = arrived.tokens_by(SOURCE)
    assert by_source["message"] == tokens(expected["tokens"])
    assert by_source["compaction"] == tokens(expected["compaction_tokens"])
    assert arrived.tokens() == Tokens(*expected["session_totals"])
    assert arrived.messages() == expected["messages"] + expected["compactions"]


def test_a_store_that_a_preview_of_2_x_wrote_is_read(agent: Agent, arrived: Arrived) -> None:
    store = STORES / "v2" / "v2-preview-next-db"
    expected = json.loads((store / "expected.json").read_text())
    copy_to(agent, store)
    agent.once()
    assert arrived.tokens({SOURCE: "message"}) == tokens(expected["tokens"])
    assert arrived.messages() == expected["messages"]
