"""The view of tools: calls, failures and times by tool and MCP server, of the whole history or with what is missing said."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from otel_agent.intake.catch_up import Intake, calls_of_history, catch_up, read_calls
from otel_agent.ledger.queries import open_to_read
from otel_agent.opencode.mcp_servers import Server, Servers, configured_servers
from otel_agent.settings import Settings
from otel_agent.summary.answer import answer
from otel_agent.summary.formats.as_csv import as_csv
from otel_agent.summary.formats.as_html import as_html
from otel_agent.summary.formats.as_json import as_json
from otel_agent.summary.formats.as_markdown import as_markdown
from otel_agent.summary.formats.as_picture import as_text
from otel_agent.summary.question import Filters, Question, Range
from otel_agent.summary.text.tables import view_table
from otel_agent.summary.tools import not_included
from otel_agent.summary.view import ToolRow, View
from tests.summary.made_machine import MadeMachine, drawn
from tests.support.made_stores import T0, Database, Tokens, message, session, step_finish, tool
from tests.support.paths import ROOT

SECOND = 1_000
QUESTION = Question(range=Range("all", None, None, "UTC"))
RECENT = time.time_ns() // 1_000_000 - 600 * SECOND


def calls_read(machine: MadeMachine) -> None:
    """Do what `summary tools` does before it answers."""
    catch_up(Settings(state_dir=machine.state_dir), then=read_calls)


def rows_of(view: View) -> dict[str, ToolRow]:
    return {row.key: row for row in view.rows if isinstance(row, ToolRow)}


def put_calls(machine: MadeMachine, at: int, *names: str, took: int = 400, counter: int = 1, **fields: Any) -> None:
    """Write one message with these calls, one after another."""
    of = session(at, counter)
    asked = message(of, Tokens(100, 10), at, counter, completed=at + 60 * SECOND, finish="tool-calls")
    parts = [
        tool(asked, name, 4 + number, at=at + number * SECOND, took=took, **fields) for number, name in enumerate(names)
    ]
    machine.tree.put(of.project, of, asked, *parts, step_finish(asked, Tokens(100, 10)))


def test_times_are_the_exact_ranks_of_what_was_measured(machine: MadeMachine) -> None:
    """Durations 1 to 40 in an order of their own: the median is the 20th, the 95th of a hundred the 38th."""
    for number in range(40):
        put_calls(machine, T0 + number * 100 * SECOND, "bash", took=(number * 7) % 40 + 1, counter=number + 1)
    put_calls(machine, T0, "bash", took=999_999, counter=99, status="running")
    calls_read(machine)
    bash = rows_of(machine.answer("tools"))["bash"]
    assert (bash.calls, bash.timed, bash.p50_ms, bash.p95_ms) == (41, 40, 20, 38)
    assert (bash.failed, bash.aborted) == (0, 1)


def test_outcomes_and_usage_are_those_of_the_messages(machine: MadeMachine) -> None:
    put_calls(machine, RECENT, "bash", "bash", "edit")
    put_calls(machine, RECENT + 100 * SECOND, "bash", counter=2, status="error", error="no")
    view = machine.view("tools")
    rows = rows_of(view)
    assert {key: (row.calls, row.failed, row.failed_share) for key, row in rows.items()} == {
        "bash": (3, 1, pytest.approx(1 / 3)),
        "edit": (1, 0, 0.0),
    }
    assert (rows["bash"].usage.messages, rows["bash"].usage.tokens.total) == (2, 220)
    assert (rows["edit"].usage.messages, rows["edit"].usage.tokens.total) == (1, 110)
    assert view.tools is not None
    assert (view.tools.calls, view.tools.failed) == (4, 1)
    assert [row.key for row in machine.answer("tools", sort="name").rows] == ["bash", "edit"]
    assert [row.key for row in machine.answer("tools", limit=1).rows] == ["bash"]
    assert "… and 1 more, 1 call" in drawn(view_table(machine.answer("tools", limit=1)))


def test_a_part_of_the_history_is_never_shown_as_the_whole(machine: MadeMachine) -> None:
    """Before anybody asks for the history, and after its first batch, the view says what is not in it."""
    for number in range(300):
        put_calls(machine, T0 + number * 100 * SECOND, "bash", counter=number + 1)
    put_calls(machine, RECENT, "bash", counter=400)
    before = machine.view("tools")
    assert before.tools is not None
    assert (before.tools.calls, before.tools.known.messages, before.tools.known.not_read) == (1, 1, 300)

    def one_batch(parts: Intake) -> None:
        calls_of_history(parts).step()

    catch_up(Settings(state_dir=machine.state_dir), then=one_batch)
    partly = machine.answer("tools").tools
    assert partly is not None
    assert 1 < partly.calls < 301
    assert partly.calls + partly.known.not_read == 301
    # It goes on from there, and a further time finds nothing more to read.
    for _ in range(2):
        calls_read(machine)
        whole = machine.answer("tools").tools
        assert whole is not None
        assert (whole.calls, whole.known.not_read, whole.known.gone) == (301, 0, 0)


def test_history_raises_no_metric(machine: MadeMachine) -> None:
    put_calls(machine, T0, "edit")
    put_calls(machine, RECENT, "bash", "bash", counter=2)
    calls_read(machine)
    with closing(sqlite3.connect(machine.state_dir / "ledger.db")) as ledger:
        counted = ledger.execute(
            "SELECT json_extract(attributes, '$.\"gen_ai.tool.name\"'), value FROM series WHERE metric = 'opencode.tool.call.count'"
        ).fetchall()
    assert counted == [("bash", 2)]
    assert {key: row.calls for key, row in rows_of(machine.answer("tools")).items()} == {"bash": 2, "edit": 1}


def test_what_opencode_deleted_is_said(machine: MadeMachine) -> None:
    put_calls(machine, T0, "bash")
    machine.view("tools")
    shutil.rmtree(machine.data_dir / "storage" / "part")
    shutil.rmtree(machine.data_dir / "storage" / "message")
    calls_read(machine)
    tools = machine.answer("tools").tools
    assert tools is not None
    assert (tools.calls, tools.known.not_read, tools.known.gone) == (0, 0, 1)


def test_calls_are_found_where_opencode_imported_them(machine: MadeMachine) -> None:
    """The tree was counted, then OpenCode imported it into its database and somebody deleted the tree."""
    of = session(T0)
    asked = message(of, Tokens(100, 10), T0, finish="tool-calls")
    records = (of.project, of, asked, tool(asked, "bash"))
    machine.tree.put(*records)
    machine.view("tools")
    Database(machine.data_dir / "opencode.db").create().put(*records)
    shutil.rmtree(machine.data_dir / "storage")
    calls_read(machine)
    assert {key: row.calls for key, row in rows_of(machine.answer("tools")).items()} == {"bash": 1}


@pytest.mark.parametrize("store", ["json-1.1.27", "sqlite-1.18.33-fork", "migrated-1.1.27-1.2.6"])
def test_the_history_of_a_real_store_has_all_its_calls(store: str, machine: MadeMachine) -> None:
    """The truth is counted in the parts themselves: a fork's copies are those of messages that do not count."""
    machine.has(store)
    calls_read(machine)
    assert Counter({key: row.calls for key, row in rows_of(machine.answer("tools")).items()}) == {"bash": 3, "task": 1}


def test_a_row_names_its_server_only_if_something_says_it(machine: MadeMachine, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    config = {"mcp": {"git": {"type": "local"}, "git.hub": {"type": "remote"}, "plan": {}}}
    (folder / "opencode.json").write_text(json.dumps(config))
    servers = configured_servers({"XDG_CONFIG_HOME": str(tmp_path / "none")}, [folder, tmp_path / "missing"])
    assert {
        name: servers.of(name)
        for name in ("git_log", "git_hub_search", "plan_exit", "plan_make", "jira_get_issue", "bash", "mcp__x__y_z")
    } == {
        "git_log": Server("git", "config"),
        "git_hub_search": Server("git.hub", "config"),
        "plan_exit": Server(),
        "plan_make": Server("plan", "config"),
        "jira_get_issue": Server(),
        "bash": Server(),
        "mcp__x__y_z": Server("x", "name"),
    }
    assert configured_servers({"XDG_CONFIG_HOME": str(tmp_path / "none")}, [tmp_path]) == Servers()


def test_every_form_has_the_numbers_and_says_what_is_missing(machine: MadeMachine, tmp_path: Path) -> None:
    """JSON is what the schema says; the others have the same cells."""
    (tmp_path / "config" / "opencode").mkdir(parents=True)
    put_calls(machine, T0, "bash")
    put_calls(machine, RECENT, "bash", "bash", "git_log", counter=2)
    machine.view("tools")
    servers = Servers(("git",))
    with open_to_read(machine.state_dir) as ledger:
        assert ledger is not None
        view = answer("tools", QUESTION, ledger, now=datetime.now(UTC), servers=servers)
    assert view.tools is not None
    missing = not_included(view.tools.known, view.now, agent_runs=False)
    view = replace(view, warnings=tuple(missing))
    found = json.loads(as_json([view]))
    jsonschema.validate(found, json.loads((ROOT / "docs" / "summary.schema.json").read_text(encoding="utf-8")))
    assert [(row["key"], row["calls"], row["server"], row["server_known_by"]) for row in found["rows"]] == [
        ("bash", 2, None, None),
        ("git_log", 1, "git", "config"),
    ]
    assert [(row["key"], row["calls"]) for row in found["tools"]["servers"]] == [("git", 1)]
    assert found["tools"]["known"]["messages_not_read"] == 1
    assert "1 message are not included" in found["warnings"][0]
    assert (
        f"known of 1 message, the first of {datetime.fromtimestamp(RECENT / 1_000 + 60, UTC):%Y-%m-%d %H:%M}"
        in found["warnings"][0]
    )
    lines = list(csv.DictReader(io.StringIO(as_csv(view))))
    assert [(line["key"], line["calls"], line["p95_seconds"]) for line in lines] == [
        ("bash", "2", "0.4"),
        ("git_log", "1", "0.4"),
    ]
    assert as_csv(replace(view, rows=[])).splitlines() == as_csv(view).splitlines()[:1]
    for form in (as_markdown([view]), as_html([view]), "\n".join(drawn(view_table(view), 100)), as_text([view])):
        plain = form.replace("\\", "")
        assert "git_log" in plain
        assert "400 ms" in plain
        assert "By MCP server" in plain
        assert "not included" in plain
    assert 'data-calls="2"' in as_html([view])


def test_filters_choose_the_messages(machine: MadeMachine) -> None:
    put_calls(machine, RECENT, "bash")
    of = session(RECENT, 7)
    other = message(of, Tokens(1), RECENT, 7, model="other", finish="tool-calls")
    machine.tree.put(of, other, tool(other, "edit", 9))
    machine.view("tools")
    assert [row.key for row in machine.answer("tools", filters=Filters(models=("other",))).rows] == ["edit"]
    assert [row.key for row in machine.answer("tools", filters=Filters(sessions=(of.id,))).rows] == ["edit"]
    then = datetime.fromtimestamp(RECENT / SECOND, UTC)
    assert machine.answer("tools", "yesterday", now=then).rows == []
