"""Each option of `otel-agent summary` does what its help says."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest

from otel_agent.summary.view import VIEW_NAMES
from tests.support.made_stores import GLOBAL, JsonTree, Tokens, message, session
from tests.support.paths import STORES
from tests.support.shell import Shell


def as_json(shell: Shell, *arguments: str) -> Any:
    return json.loads(shell.output("summary", *arguments, "--json"))


@pytest.mark.parametrize("name", VIEW_NAMES)
def test_a_view_is_asked_for_by_its_name(name: str, filled: Shell) -> None:
    found = as_json(filled, name, "--range", "all")
    assert found["view"] == name
    assert found["totals"]["tokens"]["total"] == 142_516


def test_all_views_are_shown_one_after_another(filled: Shell) -> None:
    printed = filled.output("summary", "--all-views", "--range", "all")
    titles = ["Tokens, all time", "Sessions, all", "Tokens by project", "by model", "by agent", "over time"]
    at = [printed.index(title) for title in titles]
    assert at == sorted(at)
    assert [view["view"] for view in as_json(filled, "--all-views")["views"]] == list(VIEW_NAMES)


@pytest.mark.parametrize(
    ("view", "range_"),
    [("overview", "today"), ("sessions", "all"), ("projects", "all"), ("models", "all"), ("timeline", "week")],
)
def test_each_view_has_a_default_range(view: str, range_: str, filled: Shell) -> None:
    assert as_json(filled, view)["range"]["name"] == range_


def test_since_and_until_are_days_of_the_zone_that_is_named(filled: Shell) -> None:
    found = as_json(filled, "models", "--since", "2026-11-22", "--until", "2026-11-22", "--tz", "Asia/Tokyo")
    assert found["range"] == {
        "name": "custom",
        "from": "2026-11-22T00:00:00+09:00",
        "to": "2026-11-23T00:00:00+09:00",
        "tz": "Asia/Tokyo",
    }
    assert found["totals"]["messages"] == 15
    assert as_json(filled, "models", "--until", "2026-11-21")["totals"]["messages"] == 0


def test_filters_of_one_kind_widen_and_of_several_kinds_narrow(filled: Shell) -> None:
    truth = json.loads((STORES / "sqlite-1.18.33-fork" / "expected.json").read_text())["by"]
    one = as_json(filled, "agents", "--model", "glm-*", "--model", "gpt*")
    assert one["totals"]["messages"] == sum(
        truth["model"][name]["messages"] for name in ("zai-coding-plan/glm-4.7", "openai/gpt-5.2-codex")
    )
    two = as_json(filled, "agents", "--agent", "oracle", "--project", "agent-monitor")
    assert two["totals"]["messages"] == truth["agent"]["Oracle"]["messages"] == 1
    session_id = next(iter(truth["session"]))
    assert [row["key"] for row in as_json(filled, "sessions", "--session", f"*{session_id[-8:]}")["rows"]] == [
        session_id
    ]


def test_rows_are_sorted_and_limited_as_asked(filled: Shell) -> None:
    assert [row["key"] for row in as_json(filled, "agents", "--sort", "name")["rows"]] == [
        "Oracle",
        "Sisyphus",
        "build",
        "general",
    ]
    found = as_json(filled, "agents", "--limit", "1")
    assert len(found["rows"]) == 1
    assert found["cut"]["rows"] == 3
    assert as_json(filled, "agents", "--limit", "0")["cut"] is None


def test_people_get_twenty_rows_and_scripts_get_all(shell: Shell) -> None:
    for number in range(25):
        JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1), counter=number, model=f"m{number}"))
    assert "… and 5 more, 5 tokens" in shell.output("summary", "models")
    assert "… and" not in shell.output("summary", "models", "--limit", "0")
    assert len(as_json(shell, "models")["rows"]) == 25
    assert len(shell.output("summary", "models", "--format", "csv").splitlines()) == 26


def test_subagents_are_listed_below_their_session_or_rolled_up_into_it(filled: Shell) -> None:
    own, within = as_json(filled, "sessions"), as_json(filled, "sessions", "--roll-up")
    assert len(own["rows"]) == 8
    assert len(within["rows"]) == 7
    assert own["totals"] == within["totals"]
    for found in (own, within):
        assert sum(row["tokens"]["total"] for row in found["rows"]) == 142_516


def test_directories_outside_any_project_can_be_listed_on_their_own(shell: Shell) -> None:
    for number, folder in enumerate(["/tmp/a", "/tmp/b"]):
        of = session(counter=number, project=GLOBAL, directory=folder)
        JsonTree(shell.data_dir).put_turn(message(of, Tokens(input=1), counter=number))
    assert [row["key"] for row in as_json(shell, "projects")["rows"]] == ["(global)"]
    rows = as_json(shell, "projects", "--separate-global")["rows"]
    assert [(row["key"], row["directory"]) for row in rows] == [
        ("(global) /tmp/a", "/tmp/a"),
        ("(global) /tmp/b", "/tmp/b"),
    ]


def test_the_step_of_the_timeline_can_be_chosen(filled: Shell) -> None:
    assert [row["key"] for row in as_json(filled, "timeline", "--range", "all", "--by", "month")["rows"]] == ["2026-11"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--json", "--format", "csv"], "--json and --format csv contradict each other"),
        (["--range", "all", "--since", "1d"], "--range and --since/--until contradict each other"),
        (["--all-views", "--format", "csv"], "CSV is one table"),
        (["models", "--all-views"], "models is one view"),
        (["--all-views", "overview"], "overview is one view"),
        (["--live", "--json"], "--live is a screen"),
        (["--since", "soon"], "--since soon: not a valid time."),
        (["--since", "1d", "--until", "2d"], "--since 1d is not before --until 2d"),
        (["--since", "2199-01-01"], "--since 2199-01-01 is in the future"),
        (["--by", "week"], "--by has no effect on overview. Use it with: otel-agent summary timeline"),
        (["models", "--roll-up"], "--roll-up has no effect on models"),
        (["models", "--separate-global"], "--separate-global has no effect on models"),
        (["models", "--compare", "previous"], "--compare previous needs a range that begins"),
        (["timeline", "--compare", "previous"], "--compare adds up a range"),
        (["-o", "report.pdf"], "-o report.pdf: no format has the ending .pdf. Use one of .json, .csv"),
        (["--tz", "Mars"], "--tz Mars: no such time zone"),
        (["timeline", "--by", "hour", "--since", "2020-01-01"], "more than 20,000 hours"),
    ],
)
def test_options_that_cannot_be_meant_are_refused_with_what_to_do(
    arguments: list[str], error: str, shell: Shell
) -> None:
    JsonTree(shell.data_dir).put_turn(message(session(), Tokens(input=1)))
    run = shell.run("summary", *arguments)
    assert run.returncode == 2
    assert run.stdout == ""
    assert error in run.stderr
    assert "Traceback" not in run.stderr


def test_a_damaged_ledger_is_kept_aside_and_counted_again(filled: Shell) -> None:
    filled.output("summary")
    path = filled.state_dir / "ledger.db"
    content = bytearray(path.read_bytes())
    page = int.from_bytes(content[16:18], "big")
    with sqlite3.connect(path) as database:
        (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
    database.close()
    content[(root - 1) * page : root * page] = b"\xff" * page
    path.write_bytes(content)
    # Without news nobody reads this page, and kept sums answer.
    (filled.data_dir / "opencode.db").touch()
    run = filled.run("summary", "models", "--range", "all")
    assert run.returncode == 0
    assert "142,516" in run.stdout
    assert "kept as ledger.db.damaged-" in run.stderr
    assert "Traceback" not in run.stderr
    (kept,) = filled.state_dir.glob("ledger.db.damaged-*[!lm]")
    assert kept.read_bytes() == content
    assert as_json(filled, "models", "--range", "all")["totals"]["tokens"]["total"] == 142_516
